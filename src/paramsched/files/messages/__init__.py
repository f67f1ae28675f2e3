"""What the reader and the writer of plan files say: one function for each mistake, which returns what is raised."""
