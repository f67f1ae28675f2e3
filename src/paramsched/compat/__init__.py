"""Drop-ins for other libraries, on our kernel: change the import line only."""
