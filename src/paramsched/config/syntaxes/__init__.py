"""The syntaxes of plan files: JSON, TOML and YAML, each read, written, and with the places of its values."""
