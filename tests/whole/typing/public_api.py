"""The types of the public API. Never run: `make lint` type-checks it, and unused ignores are errors."""
