"""Checks of a plan before it runs: diagnostics with a code, a location and, if it is safe, a fix."""
