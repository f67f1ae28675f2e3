"""Modules that every layer uses: diagnostics, checks, suggested names, array namespaces, files."""
