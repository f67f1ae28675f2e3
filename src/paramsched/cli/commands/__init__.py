"""The commands. `_options.py` lists the module of each. Functions import heavy modules when they are called."""
