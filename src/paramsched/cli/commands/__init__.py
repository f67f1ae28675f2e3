"""The commands: a file each, with a `command` in it. Heavy imports stand inside the functions."""
