"""Modules that every layer uses: problems, checks, suggested names, files."""

VERSION = "1.0.0rc6"
"""The version of the library, as in pyproject.toml."""
