"""The commands: a file each; `show.py` has `paramsched_show`. Heavy imports stand inside the functions."""
