"""The worked example of docs/contributing/extend.md: one file adds a shape everywhere."""

import pytest

from support.library_copies import ROOT, LibraryCopy, library_with, worked_example

EXAMPLE = worked_example("def half_life")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> LibraryCopy:
    return library_with(tmp_path_factory.mktemp("library"), "core/schedules/half_life.py", EXAMPLE)


def test_the_example_is_under_thirty_lines():
    assert len(EXAMPLE.splitlines()) < 30


def test_the_new_shape_works_in_text_and_with_units(library):
    code = """
import paramsched as ps
schedule = ps.parse('half_life("5 epochs")')
assert ps.parse(str(schedule)) == schedule
assert str(ps.resolve(schedule, ps.Calendar(steps_per_epoch=20))) == "half_life(100)"
assert ps.parse("half_life(100)")(200, base=0.4) == 0.1
"""
    assert library.run("-c", code).stderr == ""


def test_the_new_shape_works_in_configs_also_as_a_mapping(library):
    code = """
import paramsched as ps
plan = ps.loads("lr: {half_life: {period: 5 epochs}}")
assert ps.loads(ps.dump(plan)) == plan
"""
    assert library.run("-c", code).stderr == ""


def test_the_command_line_draws_the_new_shape(library):
    run = ["--horizon", "50 epochs", "--steps-per-epoch", "4"]

    shown = library.run("-m", "paramsched", "show", 'half_life("5 epochs")', *run)

    assert shown.returncode == 0
    assert "half_life(20)" in shown.stdout


def test_the_laws_generate_the_new_shape(library):
    code = """
from hypothesis import HealthCheck, Phase, find, settings
from support import strategies
slow = [HealthCheck.too_slow]  # beside other processes
many = settings(max_examples=20_000, phases=[Phase.generate], suppress_health_check=slow)
found = find(strategies.schedules(), lambda schedule: "half_life" in str(schedule), settings=many)
assert "half_life" in str(found)
"""
    assert library.run("-c", code).stderr == ""


def test_the_documentation_lists_the_new_shape(library):
    code = f"""
import sys
sys.path.insert(0, {str(ROOT / "docs" / "extensions")!r})
import reference_pages
assert "half_life" in reference_pages.pages()["shapes"]
"""
    assert library.run("-c", code).stderr == ""
