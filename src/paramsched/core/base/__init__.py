"""Modules that every layer uses: diagnostics, checks, suggested names, files."""

VERSION = "1.0.0rc4"
"""The version of the library, as in pyproject.toml."""
