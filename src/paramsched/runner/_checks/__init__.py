"""Checks of what a Runner is given."""
