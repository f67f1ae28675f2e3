"""Groups: the entries of a parameter group."""
