"""The syntaxes of plan files, JSON, TOML and YAML: reading, writing, and locations of values."""
