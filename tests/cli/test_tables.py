"""`paramsched show --groups` and `--table`: the values of each group and of each stage."""

import json
import re

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from paramsched.cli import main
from paramsched.cli._output import stage_table
from paramsched.cli._traces import _size_of_trace
from paramsched.core.files import NO_BASES
from paramsched.core.plan import Plan
from paramsched.core.time import RunFacts
from support.strategies import cases


@pytest.fixture
def shown(tmp_path, monkeypatch):
    """Return the rows of `show --groups --json`."""
    monkeypatch.chdir(tmp_path)

    def rows_of(*words):
        result = CliRunner().invoke(main, ["show", "--groups", "--json", *map(str, words)])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout, parse_constant=pytest.fail)

    return rows_of


def test_the_line_of_a_plan_that_is_in_force_is_named_for_each_group(shown, tmp_path):
    (tmp_path / "plan.yaml").write_text(
        "total: 100\nlr: linear()\ngroups:\n  head:\n    lr: constant(0.5)\n  body: {weight_decay: constant(0.1)}\n"
    )

    rows = shown("plan.yaml", "--base", "lr=0.1", "--at", 50)

    actual = [(row["group"], row["field"], row["values"], row["decided_by"]) for row in rows]
    assert actual == [
        ("default", "lr", [0.05], ["plan.yaml:2 lr"]),
        ("head", "lr", [0.05], ["plan.yaml:5 groups.head.lr"]),
        ("body", "lr", [0.05], ["plan.yaml:2 lr"]),
        ("body", "weight_decay", [0.1], ["plan.yaml:6 groups.body.weight_decay"]),
    ]
    assert rows[-1]["note"] == "the base is unknown"


def test_a_value_that_overflows_is_null_in_json(shown):
    (row,) = shown("exponential(1e300)", "--total", 100, "--base", "lr=0.1", "--at", 0, "--at", 10)

    assert (row["values"], row["factors"]) == ([0.1, None], [1.0, None])


RUN = RunFacts(total=2000, steps_per_epoch=100)


def rows(plan, facts=RUN):
    """Return the table of a plan with one schedule as lists of cells."""
    resolved = None if facts is None else plan.resolve(facts=facts)
    text = stage_table(plan, resolved, NO_BASES, None, None if facts is None else facts.updates_per_epoch)
    table = [line for line in text.splitlines() if re.match(r"  +\d+  ", line)]
    return [re.split(r"  +", line.strip()) for line in table]


def number(text):
    return float(text.replace(",", ""))


@given(data=st.data())
def test_stages_cover_the_run_and_have_the_values_of_the_schedule(data):
    case = data.draw(cases())
    plan = Plan(lr=case.written, total=case.world.total)
    resolved = plan.resolve(facts=case.world.facts)
    schedule = resolved.bindings[0].schedule
    begin = 0

    actual = rows(plan, case.world.facts)

    assert actual
    for _, first, last, start, end, *_ in actual:
        assert number(first) == begin
        begin = max(int(number(last)) + 1, begin)
        if number(last) >= number(first) and not schedule.has_absolute:
            assert start == f"{schedule(int(number(first)), 1.0):.6g}"
            assert end == f"{schedule(int(number(last)), 1.0):.6g}"
    assert begin == resolved.total.updates


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("cosine(to=absolute(0.001))", ["1 × base", "6.1685e-07 × base + 0.000999999"]),
        ("maximum(cosine(), constant(absolute(0.001)))", ["1", "0.001"]),
        ("constant(absolute(0.5))", ["0.5", "0.5"]),
    ],
)
def test_absolute_values_are_shown_next_to_multiples_of_base(line, found):
    assert rows(Plan(lr=line))[0][3:5] == found


def test_without_run_facts_times_are_as_written_and_values_are_unknown():
    plan = Plan(lr="warmup('5%') >> constant(over='2 epochs') >> cosine(to=0.1)")

    assert [row[1:5] for row in rows(plan, None)] == [
        ["0", "5%", "?", "?"],
        ["5%", "2 epochs + 5%", "?", "?"],
        ["2 epochs + 5%", "end", "?", "?"],
    ]


def test_a_stage_after_an_unknown_length_starts_at_an_unknown_time():
    plan = Plan(lr="warmup(5) >> linear(1, 0.5) >> linear(to=0.1, over=10)")

    assert [row[1:3] for row in rows(plan, None)] == [["0", "4"], ["5", "?"], ["?", "end"]]


@pytest.mark.parametrize("line", ["cosine()", "every(warmup(5) >> cosine(), '1 epoch')", "step(1) * plateau()"])
def test_a_run_of_any_length_is_shown_at_once(line):
    (*_, last) = rows(Plan(lr=line), RunFacts(total=10**15, steps_per_epoch=1000))

    assert last[2] == "999,999,999,999,999"


@pytest.mark.parametrize(("missing", "shown"), [(0, True), (1, False)])
def test_a_terminal_that_is_too_narrow_shows_the_common_unit_once(monkeypatch, missing, shown):
    plan = Plan(lr="warmup('5%') >> cosine(to=0.1)")
    columns = max(len(line) for line in stage_table(plan, plan.resolve(facts=RUN), NO_BASES, None, None).splitlines())

    monkeypatch.setattr("paramsched.cli._output.is_terminal", lambda *, err: True)
    monkeypatch.setenv("COLUMNS", str(columns - missing))
    text = stage_table(plan, plan.resolve(facts=RUN), NO_BASES, None, None)

    assert (text.count("updates, × base"), "units: updates, × base" in text) == ((2, False) if shown else (1, True))


@pytest.mark.parametrize("steps", [1, 2, 7, 2000])
@pytest.mark.parametrize(("missing", "unit"), [(0, "updates, absolute"), (1, "updates, × base + absolute")])
def test_the_unit_names_base_if_a_value_of_the_run_depends_on_it(steps, missing, unit):
    plan = Plan(lr=f"constant(absolute(0.5), over={steps}) >> constant(1)")

    actual = rows(plan, RunFacts(total=steps + missing))

    assert {row[-1] for row in actual} == {unit}


@given(st.integers(1, 50), st.integers(0, 4), st.integers(1, 3))
def test_a_plan_has_a_value_for_each_field_of_each_group_at_each_update(total, groups, fields):
    plan = Plan(**dict.fromkeys(("lr", "momentum", "weight_decay")[:fields], "cosine()"))

    assert _size_of_trace(plan, RunFacts(total=total), groups) == (total * max(groups, 1) * fields, total)
