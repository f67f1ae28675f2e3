"""Calls: what functions that users call check of their arguments, and how they refuse them."""
