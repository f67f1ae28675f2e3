"""`paramsched.__all__` is the public API: all of it is there, documented, and looked at by a test."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import paramsched as ps
from paramsched.schedules import SHAPES

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("name", ps.__all__)
def test_every_public_name_is_there_and_says_what_it_is(name):
    assert (getattr(ps, name).__doc__ or "").strip()


def test_every_shape_of_the_library_is_a_public_name():
    of_library = {name for name, builder in SHAPES.items() if builder.__module__.startswith("paramsched.")}

    assert of_library <= set(ps.__all__)


@pytest.mark.parametrize("name", ps.__all__)
def test_every_public_name_is_used_in_a_test(name):
    pattern = re.compile(rf"\b{re.escape(name)}\b")

    assert any(pattern.search(path.read_text()) for path in TESTS.rglob("test_*.py") if path != Path(__file__))


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
