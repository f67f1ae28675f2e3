"""No file imports one that imports it: not in a function, and not for types only."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[3]
SOURCES = (ROOT / "src", ROOT / "packages" / "runner" / "src")


def name_of(file, source):
    return ".".join(file.relative_to(source).with_suffix("").parts)


def imports_in(tree, files):
    """Return the files that a file imports anywhere. The `__init__` of a folder lists names, and is not counted."""
    actual = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{name.name}" for name in node.names}
            actual |= (names | {node.module}) & files
    return actual


def test_no_file_imports_one_that_imports_it():
    trees = {
        name_of(file, source): ast.parse(file.read_text(encoding="utf-8"))
        for source in SOURCES
        for file in source.rglob("*.py")
        if file.name != "__init__.py"
    }
    imported = {name: imports_in(tree, trees.keys()) for name, tree in trees.items()}

    TopologicalSorter(imported).prepare()  # raises CycleError, which names the files of a circle
