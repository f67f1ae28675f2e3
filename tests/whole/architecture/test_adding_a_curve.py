"""The worked example of docs/contributing/extend.md: one file adds a curve everywhere."""

import pytest

from support.library_copies import LibraryCopy, library_with, worked_example

EXAMPLE = worked_example("class Ease")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> LibraryCopy:
    return library_with(tmp_path_factory.mktemp("library"), "core/curves/ease.py", EXAMPLE)


def test_the_example_of_a_curve_is_under_thirty_lines():
    assert len(EXAMPLE.splitlines()) < 30


def test_the_new_curve_works_in_code_and_text_and_checks_its_parameter(library):
    code = """
import paramsched as ps
schedule = ps.parse("anneal(over=10, curve=curves.ease(3))")
assert ps.parse(str(schedule)) == schedule == ps.anneal(over=10, curve=ps.curves.ease(3))
assert schedule(5) == 0.5
try:
    ps.curves.ease(-1)
except ps.InvalidArgument as refusal:
    assert str(refusal).startswith("curves.ease(sharpness=-1): must be greater than 0"), refusal
"""
    assert library.run("-c", code).stderr == ""


def test_the_new_curve_works_in_configs_also_as_a_mapping(library):
    code = """
import paramsched as ps
plan = ps.loads("lr: {anneal: {curve: {ease: 3}}}\\nhorizon: 10")
assert plan == ps.loads("lr: {anneal: {curve: curves.ease(3)}}\\nhorizon: 10") == ps.loads(ps.dump(plan))
"""
    assert library.run("-c", code).stderr == ""


def test_the_command_line_draws_the_new_curve(library):
    shown = library.run("-m", "paramsched", "show", "anneal(curve=curves.ease(2))", "--horizon", "50")

    assert shown.returncode == 0
    assert "curves.ease(2.0)" in shown.stdout


@pytest.mark.long
def test_the_laws_generate_the_new_curve(library):
    code = """
from hypothesis import Phase, find, settings
from support import strategies
many = settings(max_examples=20_000, phases=[Phase.generate])
found = find(strategies.named_curves(), lambda curve: "ease" in str(curve), settings=many)
assert "curves.ease(" in str(found)
"""
    assert library.run("-c", code).stderr == ""
