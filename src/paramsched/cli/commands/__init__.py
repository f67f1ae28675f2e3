"""The commands, a file each. Its first line names the package, as in `_options.py`. Functions import heavy modules."""
