"""`Args:` of a docstring has each argument once, and no other name."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
FOLDERS = ("src/paramsched", "packages/runner/src")


def documented(docstring: str) -> list[str]:
    """Return the names of the entries under `Args:`."""
    section = re.search(r"^Args:\n((?:    .*\n|\n)*)", docstring + "\n", re.MULTILINE)
    entries = re.findall(r"^ {4}([*\w][\w, *]*):", section[1], re.MULTILINE) if section else []
    return [name.strip(" *") for entry in entries for name in entry.split(",")]


def parameters(function: ast.FunctionDef) -> set[str]:
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return {argument.arg for argument in [*named, arguments.vararg, arguments.kwarg] if argument is not None}


def definitions() -> Iterator[tuple[str, ast.FunctionDef | ast.ClassDef]]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef | ast.ClassDef):
                    yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node


def test_each_argument_is_documented_once():
    names = {place: documented(ast.get_docstring(node) or "") for place, node in definitions()}

    assert sum(map(len, names.values())) > 500
    assert {place: arguments for place, arguments in names.items() if len(set(arguments)) < len(arguments)} == {}


def test_a_function_documents_its_own_arguments():
    functions = [(place, node) for place, node in definitions() if isinstance(node, ast.FunctionDef)]
    unknown = {place: set(documented(ast.get_docstring(node) or "")) - parameters(node) for place, node in functions}

    assert {place: names for place, names in unknown.items() if names} == {}
