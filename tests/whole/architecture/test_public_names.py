"""`paramsched.__all__` is the public API: all names exist, are documented, and are used in a test."""

import re
import subprocess
import sys
from pathlib import Path

import paramsched as ps
from paramsched.core.schedules import SHAPES

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
