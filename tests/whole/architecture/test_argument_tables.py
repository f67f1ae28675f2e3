"""Every argument in a table of a peer is used: one that is only accepted would be ignored without a message."""

import ast
from pathlib import Path

import pytest

from support.source import tree_of

LIBRARY = Path(__file__).parents[3] / "src" / "paramsched"
ROOMS = {path.name: path for path in (LIBRARY / "compat").iterdir() if path.is_dir()} | {
    "mmengine": LIBRARY / "mmengine" / "reader"
}
WITHOUT_EFFECT = {
    *("last_batch_iteration", "scale_fn", "scale_mode", "lr_lambda", "verbose"),
    *("noise_pct", "noise_std", "noise_seed"),
}  # refused, or not a value


def names_in(tree: ast.AST) -> set[str]:
    """Return the names that a file reads: attributes, keywords, parameters and short texts."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, (ast.keyword, ast.arg)) and node.arg is not None:
            found.add(node.arg)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= set(node.value.replace(".", " ").split())
    return found


def tables_in(tree: ast.AST) -> dict[str, list[str]]:
    """Return the names of the arguments in each table of a file, by the name of its class."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return {
        one.name: [ast.unparse(line.target) for line in one.body if isinstance(line, ast.AnnAssign)]
        for one in classes
        if any("table" in ast.unparse(decorator) for decorator in one.decorator_list)
    }


def parsed(path: Path) -> list[ast.Module]:
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return [tree_of(file) for file in files]


WITH_TABLES = [name for name, path in sorted(ROOMS.items()) if any(map(tables_in, parsed(path)))]


@pytest.mark.parametrize("peer", WITH_TABLES)
def test_every_argument_in_a_table_is_used(peer):
    trees = parsed(ROOMS[peer])
    read = set().union(*map(names_in, trees)) | WITHOUT_EFFECT
    ignored = {name: sorted(set(its) - read) for tree in trees for name, its in tables_in(tree).items()}

    assert {name: its for name, its in ignored.items() if its} == {}, "use these arguments, or refuse them"
