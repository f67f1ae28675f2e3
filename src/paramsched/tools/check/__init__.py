"""Checks of a plan before it runs: diagnostics with a code and a location."""
