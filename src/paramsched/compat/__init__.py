"""Drop-ins for other libraries: their names and signatures, our kernel. Change the import line only."""
