"""Advice in errors: names and calls of other libraries, corrected calls and lines, checks of numbers and fields."""
