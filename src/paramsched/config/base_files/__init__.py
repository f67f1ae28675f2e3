"""Configs that build on others, as MMEngine has it: `_base_`, `with read_base():`, and variables in their text."""
