"""What the diagnosis says: one function for each mistake, which returns the problem, or the line of the log."""
