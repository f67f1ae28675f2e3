"""The commands, a file each. Its first line names the door, as does `_options.py`. Functions import heavy modules."""
