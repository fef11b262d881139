"""What is measured: a scenario a module, each a function from a bench to its report."""
