"""How the code reads, in figures: `make figures`. With `--limits` it ends with 1 where one is out of its range.

A figure is no aim in itself. One that leaves its range is a place to look: a file that grew a second idea, a name that
two files give to two things, a package that reaches into another one.
"""

import ast
import io
import re
import sys
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median, quantiles
from typing import TypeAlias, final

ROOT = Path(__file__).parents[1]
PACKAGE = "paramsched"
Functions: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@final
@dataclass(frozen=True)
class SourceFile:
    """One file of source: its module's name, its text and its syntax tree."""

    module: str
    text: str
    tree: ast.Module

    @cached_property
    def lines(self) -> int:
        return len(self.text.splitlines())

    @cached_property
    def functions(self) -> list[Functions]:
        return [node for node in ast.walk(self.tree) if isinstance(node, Functions)]

    @cached_property
    def comments(self) -> int:
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        own = (token.string for token in tokens if token.type == tokenize.COMMENT)
        return sum(not re.match(r"#\s*(noqa|type:|fmt:|pragma|ruff)", comment) for comment in own)


@final
@dataclass(frozen=True)
class Figure:
    """One line of the table: what is counted, what was found, and the range it should be in."""

    name: str
    found: float
    at_most: float = float("inf")
    at_least: float = 0.0
    unit: str = ""

    @property
    def in_range(self) -> bool:
        return self.at_least <= self.found <= self.at_most

    def __str__(self) -> str:
        wanted = f"<= {self.at_most:g}" if self.at_most != float("inf") else f">= {self.at_least:g}"
        mark = "" if self.in_range else "   out of range"
        return f"{self.name:<62}{self.found:>9.6g}{self.unit:<2} {wanted:>8}{self.unit}{mark}"


def source_files(folder: Path) -> list[SourceFile]:
    """Every Python file below `folder`, read and parsed."""
    found = []
    for file in sorted(folder.rglob("*.py")):
        module = ".".join(file.relative_to(folder.parent).with_suffix("").parts).removesuffix(".__init__")
        text = file.read_text(encoding="utf-8")
        found.append(SourceFile(module, text, ast.parse(text)))
    return found


def words_of(name: str) -> list[str]:
    """The words of a name: `read_back` and `ReadBack` have two."""
    return [word for word in re.split(r"_+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)) if word]


def imports_of(tree: ast.AST, *, lazy: bool) -> Iterator[ast.ImportFrom]:
    """The imports from our own package: those run when the module is imported, or all of them."""
    nodes = ast.walk(tree) if lazy else iter(getattr(tree, "body", []))
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == PACKAGE:
            yield node


def import_graph(files: list[SourceFile], *, lazy: bool) -> dict[str, set[str]]:
    """Which module imports which."""
    modules = {file.module for file in files}
    graph: dict[str, set[str]] = {module: set() for module in modules}
    for file in files:
        for node in imports_of(file.tree, lazy=lazy):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                graph[file.module] |= {whole if whole in modules else node.module or ""} & modules - {file.module}
    return graph


def circles_in(graph: dict[str, set[str]]) -> list[list[str]]:
    """The groups of modules that import each other in a circle (Tarjan's strongly connected components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    circles: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in graph[module]:
            if other not in index:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], index[other])
        if low[module] == index[module]:
            members = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(members) > 1:
                circles.append(sorted(members))

    for module in graph:
        if module not in index:
            visit(module)
    return circles


def repeated_names(files: list[SourceFile]) -> dict[str, list[str]]:
    """Top-level functions and classes whose name another file has too."""
    homes: dict[str, set[str]] = defaultdict(set)
    for file in files:
        for node in file.tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name != "__getattr__":
                homes[node.name].add(file.module)
    return {name: sorted(modules) for name, modules in sorted(homes.items()) if len(modules) > 1}


def private_imports(files: list[SourceFile]) -> list[str]:
    """Names that a module imports from another package's module with an underscore."""
    modules = {file.module for file in files}
    found = []
    for file in files:
        for node in imports_of(file.tree, lazy=True):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                home = (whole if whole in modules else node.module or "").split(".")
                for place, part in enumerate(home):
                    private = place > 1 and part.startswith("_") and not part.startswith("__")
                    if private and home[:place] != file.module.split(".")[:place]:
                        found.append(f"{file.module}: {node.module}.{alias.name}")
                        break
    return found


def unfrozen_dataclasses(files: list[SourceFile]) -> list[str]:
    """Dataclasses that are not frozen."""
    found = []
    for file in files:
        for node in ast.walk(file.tree):
            if isinstance(node, ast.ClassDef):
                marks = [ast.unparse(mark) for mark in node.decorator_list]
                if any(mark.startswith("dataclass") and "frozen=True" not in mark for mark in marks):
                    found.append(f"{file.module}.{node.name}")
    return found


def share(count: int, whole: int) -> float:
    """Per cent, rounded to a tenth."""
    return round(100 * count / max(whole, 1), 1)


def figures(source: list[SourceFile], tests: list[SourceFile]) -> list[Figure]:
    """The table."""
    lengths = [file.lines for file in source]
    whole = sum(lengths)
    functions = [function for file in source for function in file.functions]
    sizes = [(function.end_lineno or 0) - function.lineno + 1 for function in functions]
    plain = [function for function in functions if not function.name.startswith("__")]
    private = [function for function in plain if function.name.startswith("_")]
    definitions = [n for file in source for n in file.tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    repeated = repeated_names(source)
    twice = sum(node.name in repeated for node in definitions)
    annotated = sum(function.returns is not None for function in functions)
    test_names = [f.name for file in tests for f in file.functions if f.name.startswith("test_")]
    outside = [file for file in source if not file.module.startswith(f"{PACKAGE}.compat")]
    outside_lines = sum(file.lines for file in outside)

    def calls(name: str) -> float:
        named = sum(
            isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
            for file in outside
            for node in ast.walk(file.tree)
        )
        return round(1000 * named / outside_lines, 2)

    one_word = sum(len(words_of(function.name)) == 1 for function in plain)
    words = sum(len(words_of(name)) for name in test_names)
    comments = sum(file.comments for file in source)
    skipped = sum(file.text.count("doctest: +SKIP") for file in source)
    return [
        Figure("files: lines, median", median(lengths), 250),
        Figure("files: lines, 90 % have at most", quantiles(lengths, n=10)[8], 350),
        Figure("files: lines, longest", max(lengths), 500),
        Figure("lines in files of more than 500", share(sum(n for n in lengths if n > 500), whole), 5, unit="%"),
        Figure("functions: lines, 90 % have at most", quantiles(sizes, n=10)[8], 25),
        Figure("circles of imports, when modules are imported", len(circles_in(import_graph(source, lazy=False))), 0),
        Figure("circles of imports, types and lazy ones too", len(circles_in(import_graph(source, lazy=True))), 0),
        Figure("dataclasses that are not frozen", len(unfrozen_dataclasses(source)), 1),
        Figure("functions with annotations", share(annotated, len(functions)), at_least=100, unit="%"),
        Figure("doctests that are skipped", skipped, 0),
        Figure("words in a test's name", round(words / len(test_names), 1), at_least=5),
        Figure("lines of tests to a line of source", round(sum(f.lines for f in tests) / whole, 2), at_least=1),
        Figure("definitions whose name another file has too", share(twice, len(definitions)), 10, unit="%"),
        Figure("functions named by one word", share(one_word, len(plain)), 40, unit="%"),
        Figure("comments to a thousand lines", round(1000 * comments / whole, 1), at_least=14),
        Figure("private functions of 9 lines or more, one word, no docstring", len(mute(private)), 20),
        Figure("names imported from another package's private module", len(private_imports(source)), 10),
        Figure("super() to a thousand lines, outside compat", calls("super"), 0.7),
        Figure("hasattr() to a thousand lines, outside compat", calls("hasattr"), 0.7),
    ]


def mute(private: list[Functions]) -> list[str]:
    """Private functions that are long, have a name of one word, and no docstring."""
    return [
        f.name
        for f in private
        if (f.end_lineno or 0) - f.lineno >= 8 and len(words_of(f.name)) == 1 and ast.get_docstring(f) is None
    ]


def main() -> int:
    """Print the table; with `--most` also what stands behind the figures about names and imports."""
    source, tests = source_files(ROOT / "src" / PACKAGE), source_files(ROOT / "tests")
    table = figures(source, tests)
    print(f"{len(source)} files, {sum(file.lines for file in source)} lines in src/{PACKAGE}")
    print(*table, sep="\n")
    if "--most" in sys.argv:
        print("\nnames in more than one file:")
        print(*(f"  {name}: {', '.join(homes)}" for name, homes in repeated_names(source).items()), sep="\n")
        print("\nprivate imports:", *private_imports(source), sep="\n  ")
        print("\ncircles:", *map(str, circles_in(import_graph(source, lazy=True))), sep="\n  ")
    return int("--limits" in sys.argv and not all(figure.in_range for figure in table))


if __name__ == "__main__":
    sys.exit(main())
