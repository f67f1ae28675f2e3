"""Checks of a plan before it runs: problems with a code and a location."""
