"""What the plans say: one function for each mistake, which returns what is raised."""
