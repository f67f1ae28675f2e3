"""The worked example of docs/contributing/extend.md: one file adds a recipe everywhere."""

import pytest

from support.library_copies import LibraryCopy, library_with, worked_example

EXAMPLE = worked_example("def decay_to")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> LibraryCopy:
    return library_with(tmp_path_factory.mktemp("library"), "core/schedules/decay_to.py", EXAMPLE)


def test_the_example_of_a_recipe_is_under_thirty_lines():
    assert len(EXAMPLE.splitlines()) < 30


def test_the_new_recipe_works_in_text_and_expands_to_its_shapes(library):
    code = """
import paramsched as ps
schedule = ps.parse('decay_to(0.01, "5 epochs")')
assert str(schedule) == 'anneal(to=0.01, over="5 epochs", curve=curves.exponential(0.01))'
assert round(ps.resolve(schedule, ps.Calendar(steps_per_epoch=20))(50, base=0.5), 12) == 0.05
assert ps.resolve(ps.parse("warmup(5) >> decay_to(0.1)"), ps.Calendar(total=15))(15) == 0.1
"""
    assert library.run("-c", code).stderr == ""


def test_the_new_recipe_works_in_configs_and_the_command_line_draws_it(library):
    code = """
import paramsched as ps
assert ps.loads("lr: {decay_to: {level: 0.1}}") == ps.loads("lr: decay_to(0.1)")
"""
    shown = library.run("-m", "paramsched", "show", "decay_to(0.1)", "--horizon", "50")

    assert library.run("-c", code).stderr == ""
    assert (shown.returncode, shown.stderr) == (0, "")


@pytest.mark.long
def test_the_laws_generate_the_new_recipe(library):
    code = """
from hypothesis import find, settings
from support import strategies
from support.strategies import World
world = World(total=1000, epoch=20, batch=32, accumulation=1)
assert find(strategies.shape("decay_to", world), lambda schedule: True, settings=settings(max_examples=2_000))
"""
    assert library.run("-c", code).stderr == ""


def test_errors_of_the_new_recipe_name_its_own_argument(library):
    refused = library.run("-m", "paramsched", "show", "decay_to(0)", "--horizon", "50")

    assert refused.returncode != 0
    assert "decay_to" in refused.stderr
    assert "level" in refused.stderr
    assert "curves.exponential" not in refused.stderr
