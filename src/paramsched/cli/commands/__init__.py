"""The commands: a file for several, `_options.py` says which. Heavy imports stand inside the functions."""
