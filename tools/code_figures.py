"""Print figures about the size and the structure of the source code.

    python tools/code_figures.py [--list]

Blank lines, comments and docstrings are not code lines. Imports count at the top of a module, inside a function and in
`import_module("…")`, but not under `TYPE_CHECKING`. `--list` prints the counted items.
"""

import ast
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import final

ROOT = Path(__file__).parents[1]
PACKAGE = "paramsched"
KERNEL = tuple(f"{PACKAGE}.core.{room}" for room in ("curves", "time", "schedules", "feedback", "plan", "rules", "run"))
"""The packages that are enough to understand the library (docs/contributing/how-it-works.md)."""


@final
@dataclass(frozen=True)
class SourceFile:
    """A source file: the name of its module, its text and its syntax tree."""

    module: str
    is_package: bool
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    @cached_property
    def imports(self) -> list[str]:
        return list(imports_of(self))

    @cached_property
    def code_lines(self) -> int:
        docstrings: set[int] = set()
        for node in self.nodes:
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                first = node.body[0] if node.body else None
                if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                    docstrings |= set(range(first.lineno, (first.end_lineno or 0) + 1))
        lines = enumerate(self.text.splitlines(), 1)
        return sum(bool(line.strip()) and line.lstrip()[0] != "#" and place not in docstrings for place, line in lines)

    @cached_property
    def private_functions(self) -> set[str]:
        functions = (node for node in self.nodes if isinstance(node, ast.FunctionDef))
        return {one.name for one in functions if one.name.startswith("_") and not one.name.startswith("__")}

    @cached_property
    def used_once(self) -> set[str]:
        """The private functions that the file uses exactly once."""
        words = Counter(re.findall(r"\w+", self.text))
        return {name for name in self.private_functions if words[name] == 2}


def source_files() -> list[SourceFile]:
    """Return every Python file of the package."""
    folder = ROOT / "src" / PACKAGE
    found = []
    for file in sorted(folder.rglob("*.py")):
        module = ".".join(file.relative_to(folder.parent).with_suffix("").parts).removesuffix(".__init__")
        found.append(SourceFile(module, file.name == "__init__.py", file.read_text(encoding="utf-8")))
    return found


def imports_of(file: SourceFile) -> Iterator[str]:
    """Yield the dotted names that a file imports, at any place in the file."""
    stack: list[ast.AST] = [file.tree]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            stack.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and "import_module" in (
            getattr(node.func, "id", ""),
            getattr(node.func, "attr", ""),
        ):
            yield from (one.value for one in node.args[:1] if isinstance(one, ast.Constant))
        stack.extend(ast.iter_child_nodes(node))


def import_graph(files: list[SourceFile]) -> dict[str, set[str]]:
    """Return the modules of the package that each module imports."""
    modules = {file.module for file in files} - {PACKAGE}
    graph: dict[str, set[str]] = {}
    for file in files:
        found = set()
        for name in file.imports:
            while name and name not in modules:
                name = name.rpartition(".")[0]
            found.add(name)
        graph[file.module] = found - {"", file.module}
    return graph


def cycles_in(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that import each other (Tarjan's strongly connected components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    cycles: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in sorted(graph[module]):
            if other not in index:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], index[other])
        if low[module] == index[module]:
            members = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(members) > 1:
                cycles.append(sorted(members))

    for module in sorted(graph):
        if module not in index:
            visit(module)
    return cycles


def private_imports(files: list[SourceFile]) -> list[str]:
    """Return the imports of a name from a private module of another package."""
    found = []
    for file in files:
        for name in file.imports:
            parts = name.split(".")
            for place, part in enumerate(parts[:-1]):
                if place > 1 and part.startswith("_") and parts[:place] != file.module.split(".")[:place]:
                    found.append(f"{file.module}: {name}")
                    break
    return found


FIGURES: dict[str, Callable[[list[SourceFile]], list[str] | int]] = {
    "code lines": lambda files: sum(file.code_lines for file in files),
    "code lines of the kernel": lambda files: sum(one.code_lines for one in files if one.module.startswith(KERNEL)),
    "modules at top level": lambda files: [
        one.module for one in files if one.module.count(".") == 1 and not one.is_package
    ],
    "modules in import cycles": lambda files: [module for cycle in cycles_in(import_graph(files)) for module in cycle],
    "private functions with one use": lambda files: [
        f"{one.module}.{name}" for one in files for name in sorted(one.used_once)
    ],
    "imports from private modules of other packages": private_imports,
}
"""How each figure is counted. The figure of a list is its length."""


def figures(files: list[SourceFile], names: Iterable[str] = FIGURES) -> dict[str, list[str] | int]:
    """Return the figures with these names."""
    return {name: FIGURES[name](files) for name in names}


def main() -> None:
    """Print the figures."""
    found = figures(source_files())
    for name, value in found.items():
        print(f"{value if isinstance(value, int) else len(value):>7,}  {name}")
        if "--list" in sys.argv and not isinstance(value, int):
            print(*(f"         {one}" for one in value), sep="\n")


if __name__ == "__main__":
    main()
