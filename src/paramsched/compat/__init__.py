"""Drop-in replacements for the schedulers of other libraries: change only the import line."""
