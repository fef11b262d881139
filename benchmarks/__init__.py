"""What a durable job costs, measured beside what else could send it, in the same run."""
