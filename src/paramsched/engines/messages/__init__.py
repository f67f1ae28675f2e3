"""What adapters say: one function for each mistake, which returns the error to raise or the problem to warn of."""
