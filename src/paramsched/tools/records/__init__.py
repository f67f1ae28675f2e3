"""Readers of logs and checkpoints, as values per update."""
