"""The errors of the modules beside this folder: one function for each mistake, which returns the error."""
