"""`paramsched.__all__` is the public API: all of it is there, documented, and looked at by a test."""

import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

import paramsched as ps

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("name", ps.__all__)
def test_every_public_name_is_there_and_says_what_it_is(name):
    assert (getattr(ps, name).__doc__ or "").strip()


def test_nothing_public_is_missing_from_all():
    modules = {name for name, value in vars(ps).items() if isinstance(value, types.ModuleType)}
    found = {name for name in vars(ps) if not name.startswith("_")} - modules - {"TYPE_CHECKING", "Any"}

    assert found <= set(ps.__all__)


@pytest.mark.parametrize("name", ps.__all__)
def test_every_public_name_is_used_in_a_test(name):
    pattern = re.compile(rf"\b{re.escape(name)}\b")

    assert any(pattern.search(path.read_text()) for path in TESTS.rglob("test_*.py") if path != Path(__file__))


@pytest.mark.parametrize("forbidden", ["torch", "jax", "pydantic", "yaml", "matplotlib", "click", "pandas"])
def test_importing_the_library_imports_nothing_heavy(forbidden):
    code = f"import sys, paramsched; sys.exit({forbidden!r} in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_asking_for_the_scheduler_without_torch_names_the_extra():
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
