"""Figures about the structure of the source, which may only decrease."""

import ast
import importlib.util
import sys
from pathlib import Path

import pytest

from support.tables import table

ROOT = Path(__file__).parents[3]
MOST = {
    "modules at top level": 5,
    "modules in import cycles": 0,
    "imports from private modules of other packages": 0,
}
"""The figures of today. Whoever lowers one lowers its limit here; raising one needs a reason in the commit."""


@pytest.fixture(scope="module")
def figures():
    """Return the figures of `tools/code_figures.py` that have a limit. It is not in a package."""
    spec = importlib.util.spec_from_file_location("code_figures", ROOT / "tools" / "code_figures.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["code_figures"] = module
    spec.loader.exec_module(module)
    return module.figures(module.source_files(), MOST)


@table("name", MOST)
def test_no_figure_rises(figures, name):
    found = figures[name] if isinstance(figures[name], int) else len(figures[name])

    assert found <= MOST[name], (
        f"{name}: {found}, at most {MOST[name]}; `python tools/code_figures.py --list` lists them"
    )


def test_no_package_exports_a_name_of_one_of_its_folders():
    # `import paramsched.compat.timm as timm` fails where `config.dialects` is a function.
    source = ROOT / "src"
    hidden = {}
    for init in source.rglob("__init__.py"):
        package = ".".join(init.parent.relative_to(source).parts)
        imports = [node for node in ast.walk(ast.parse(init.read_text())) if isinstance(node, ast.ImportFrom)]
        exported = {alias.asname or alias.name for node in imports if node.module != package for alias in node.names}
        hidden[package] = exported & {folder.parent.name for folder in init.parent.glob("*/__init__.py")}

    found = {package: names for package, names in hidden.items() if names}
    assert found == {}, f"rename these functions or the folders of the same name: {found}"
