"""What every layer uses: diagnostics, checks, nearest names, array namespaces, files."""
