"""How much a durable job costs, measured beside the bare client in the same run."""
