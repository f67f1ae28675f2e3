"""`paramsched.__all__` is the public API: all names exist, are documented, and are used in a test."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import paramsched as ps
from paramsched.core.schedules import SHAPES
from support.tables import table

TESTS = Path(__file__).parents[2]


def test_every_public_name_exists_and_has_a_docstring():
    bare = [name for name in ps.__all__ if not (getattr(ps, name).__doc__ or "").strip()]
    assert bare == [], f"add a docstring to {bare}"


def test_every_shape_of_the_library_is_a_public_name():
    of_library = {name for name, builder in SHAPES.items() if builder.__module__.startswith("paramsched.")}

    private = sorted(of_library - set(ps.__all__))
    assert private == [], f"`_public_names` in src/paramsched/__init__.py omits {private}"


def test_every_public_name_is_used_in_a_test():
    others = (path for path in TESTS.rglob("test_*.py") if path != Path(__file__))
    used = {word for path in others for word in re.findall(r"\w+", path.read_text())}

    unused = sorted(set(ps.__all__) - used)
    assert unused == [], f"add a test that uses {unused}"


STUB = ast.parse(Path(ps.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
STUB_IMPORTS = {name.name: node.module for node in STUB.body if isinstance(node, ast.ImportFrom) for name in node.names}


def test_the_stub_has_the_names_and_the_modules_that_can_be_imported():
    modules = {name for name, module in STUB_IMPORTS.items() if module in ("paramsched", "paramsched.tools")}

    stub, exported, found = {*STUB_IMPORTS, "__version__"}, {*ps.__all__, *modules, "__version__"}, set(dir(ps))
    missing = sorted((exported | found) - stub)
    lines = "\n".join(
        f"from {getattr(getattr(ps, name), '__module__', 'paramsched')} import {name} as {name}" for name in missing
    )
    assert missing == [], f"add to src/paramsched/__init__.pyi:\n{lines}"
    unknown = sorted(stub - (exported & found))
    assert unknown == [], f"remove from src/paramsched/__init__.pyi, or export: {unknown}"


@table("name", STUB_IMPORTS)
def test_the_stub_imports_each_name_from_its_defining_module(name):
    found = getattr(ps, name)
    if isinstance(found, ModuleType):
        assert found is importlib.import_module(f"{STUB_IMPORTS[name]}.{name}")
    else:
        assert found is getattr(importlib.import_module(str(STUB_IMPORTS[name])), name)


def test_a_star_imports_the_public_names():
    found: dict[str, object] = {}
    exec("from paramsched import *", found)

    assert found.keys() - {"__builtins__"} == set(ps.__all__)


def test_importing_the_scheduler_without_torch_names_the_extra():
    code = """
import sys
sys.modules["torch"] = None  # as if it were not installed
import paramsched
try:
    paramsched.Scheduler
except ImportError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    assert 'pip install "paramsched[torch]"' in said
