"""The sentences about probable mistakes: one function for each mistake, which returns the answer or the problem."""
