"""The errors of schedules: one function for each mistake, which returns the error."""
