"""The syntax trees of Python files, which several tests about the source read."""

import ast
from functools import cache
from pathlib import Path


@cache
def tree_of(file: Path) -> ast.Module:
    """Return the syntax tree of a file, which is parsed once in a process. No test may change it."""
    return ast.parse(file.read_text(encoding="utf-8"))
