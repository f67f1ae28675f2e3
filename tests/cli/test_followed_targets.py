"""The commands read plans whose lines follow a target."""

import re

import pytest
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main

PLAN = """\
clock: tokens
total: 30M tokens
lr: (warmup("3M tokens") >> cosine(to=0.1)) * (like("batch_size") / 4) ** 0.5
targets:
  batch_size: {initial: 1, schedule: 'rounded(linear(4, 64, over="20M tokens"), 4)'}
"""
FACTS = ("--sequence-length", "100")


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN)
    return path


def said_by(*arguments, code=0):
    found = CliRunner().invoke(main, list(map(str, arguments)))
    assert found.exit_code == code, found.output
    return found.output


def test_the_table_has_the_line_as_written_and_as_it_is_evaluated(plan):
    said = said_by("show", plan, "--table", *FACTS)

    assert '(like("batch_size") * 0.25) ** 0.5\n' in said
    assert re.search(r" 0 +29,999,999 +0 +0\.4\S* .*as_factor\(rounded\(linear\(4\.0, 64\.0, 20000000\)", said)


def test_pictures_have_the_curve_of_the_line_and_of_the_target(plan, tmp_path):
    said = said_by("show", plan, *FACTS, "--ascii")
    said_by("show", plan, *FACTS, "-o", tmp_path / "plan.svg")
    said_by("show", plan, *FACTS, "-o", tmp_path / "plan.html")

    assert "4 -> 64" in said
    assert all((tmp_path / name).read_text().count("batch_size") for name in ("plan.svg", "plan.html"))


def test_diff_has_the_target_and_the_line(plan, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text(PLAN.replace("64", "128"))

    size, line = said_by("diff", plan, other, *FACTS, code=1).splitlines()

    assert size.startswith("batch_size: 1.0 * rounded(linear(4.0, 64.0")
    assert line.startswith("lr: (warmup(")
    assert "(follows a changed target)  [from update" in line


def test_a_changed_plan_keeps_the_name_of_the_target(plan, tmp_path):
    changed = tmp_path / "changed.yaml"
    new = 'linear(to=0) * like("batch_size") / 64'
    ps.dump(ps.load(plan).change("20M tokens", lr=new), changed)

    assert 'skip(like("batch_size"), "20M tokens")' in changed.read_text()
    said_by("show", changed, *FACTS)


def test_check_marks_a_target_that_is_followed_in_a_later_stage(plan):
    plan.write_text(PLAN.replace("(warmup", "warmup").replace("0.1)) *", "0.1) *"))

    said = said_by("check", plan, code=1)

    assert "plan.yaml:3:5: $.lr: " in said
    assert '(warmup("3M tokens") >> cosine(to=0.1)) * (like("batch_size") * 0.25) ** 0.5 [PS206]' in said
