"""The table of MMEngine's schedulers: arguments, checks, rules."""
