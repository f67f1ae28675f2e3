"""A plan in words: the numbers that are said are those of the schedule, for every shape there is."""

import inspect
import re
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramsched.cli._plan_words import plan_in_words
from paramsched.plan import Binding, Plan
from paramsched.schedules import SHAPES, Schedule, linear, parse, register_function
from paramsched.schedules.leaves import FUNCTIONS
from paramsched.time import Calendar, Duration
from support.strategies import ALL, cases, every_shape

RANGE = re.compile(r"updates? (\d+(?:,\d{3})*)(?: to (\d+(?:,\d{3})*))?")
LAST = re.compile(r"(.*) at update 0, (?:(.*) at update ([\d,]+), the last|the only one)")
PER_EPOCH = 100
RUN = Calendar(total=2000, steps_per_epoch=PER_EPOCH)


def words(line, calendar=RUN, horizon=None):
    """What is said of the schedule of a plan, line by line."""
    plan = Plan(lr=line, horizon=horizon)
    resolved = None if calendar is None else plan.resolve(calendar)
    text = plan_in_words(plan, resolved, None if calendar is None else calendar.updates_per_epoch)
    return [line.strip() for line in text.splitlines()[3:]]


def of_case(case):
    plan = Plan(lr=case.written, horizon=case.world.total)
    return plan_in_words(plan, plan.resolve(case.world.calendar), case.world.epoch)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "linear(1, 0, over=10)",
            "falls in a straight line from 1 to 0 over updates 0 to 9, then stays at 0 to the end",
        ),
        (
            "linear(0.1, 1, over=10)",
            "rises in a straight line from 0.1 to 1 × base over updates 0 to 9, then stays at 1",
        ),
        ('multistep(["8 epochs", "11 epochs"])', "× 0.1 at epochs 8 and 11 (updates 800 and 1,100)"),
        ('step("5 epochs", 0.5)', "× 0.5 every 5 epochs (500 updates): at epochs 5, 10 and 15 (updates 500, 1,000 and"),
        ('step("30 epochs")', "× 0.1 every 30 epochs (3,000 updates): not once before the end"),
        ('step("0.125 epochs")', "× 0.1 every 12.5 updates: at updates 13, 25, 38"),
        ('step("4.505 epochs")', "× 0.1 every 450.5 updates: at updates 451, 901, 1,352 and 1,802"),
        ("step('1000/3 steps')", "× 0.1 every 333.333 updates: at updates 334, 667, 1,000, 1,334 and 1,667"),
        ("cosine() ** 2", "to the power of 2, base outside, what this says"),
        ('rounded(cosine(), 16, "down")', "rounded down to a multiple of 16, what this says"),
        (
            "stairs(16, 64, 3, '2 epochs')",
            "goes from 16 to 64 × base in 3 equal rises over epochs 0 to 1 (updates 0 to 199)",
        ),
        ("cosine(to=0.1)", "falls along half a cosine wave from 1 to 0.1 × base over updates 0 to 1,999"),
        ('exponential(0.9, "1 epoch")', "× 0.9 every epoch (100 updates), smoothly in between"),
        (
            "inverse_sqrt(50)",
            "falls as one over the square root of 1 + t, t the time since its begin in units of 50 updates",
        ),
        ("polynomial(2, over=50)", "falls along curves.polynomial(2.0) from 1 to 0 over updates 0 to 49"),
        ("clamp(cosine(), low=0.1)", "never below 0.1 × base, else what this says"),
        ("linear(absolute(2), absolute(3))", "rises in a straight line from 2 as it stands to 3 as it stands over"),
        ("constant(0.5 + absolute(2))", "stays at 0.5 × base + 2 as it stands"),
        ("linear(1, 0.5 + absolute(2))", "goes in a straight line from 1 × base to 0.5 × base + 2 as it stands over"),
        (
            "linear(over=3000)",
            "falls in a straight line from 1 to 0 in 3,000 updates, of which only updates 0 to 1,999 are",
        ),
        ('restarts(cosine(), "25%", times=2)', "runs 2 times anew every 500 updates: at update 500, then stays at"),
        ("cyclic(250)", "goes up in a straight line from 0.1 to 1 × base in 250 updates and back down in 250 updates"),
        ("window(cosine(), 500, 700)", "stays at 1 × base over updates 0 to 499"),
        ("take(cosine(), 500)", "follows over updates 0 to 499 what this says, then stays at the value it has there"),
        ("take(cosine(), 0)", "stays at the first value of cosine(over=2000)"),
        ("skip(cosine(), 500)", "what this says without its first 500 updates"),
        ("1.0 * plateau('val')", "× 0.1 each time val has not fallen by 0.01% for more than 10 values"),
    ],
)
def test_a_shape_is_said_in_plain_words_with_its_own_numbers(line, said):
    assert words(line)[0 if "plateau" not in line else 1].startswith(said)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('multistep(["8 epochs", "11 epochs"])', "× 0.1 at epochs 8 and 11"),
        ('step("30 epochs")', "× 0.1 every 30 epochs"),
        ('warmup("5%")', "rises in a straight line from 0 to 1 × base over the first 5% of the run, then stays"),
        ('warmup("5 epochs")', "rises in a straight line from 0 to 1 × base over epochs 0 to 4, then stays at 1"),
        ("linear(1, 0, over=10)", "falls in a straight line from 1 to 0 over updates 0 to 9, then stays at 0 to the"),
        ("cosine()", "falls along half a cosine wave from 1 to 0 over the time that is left"),
        ('recurrence(rules.multistep([8, 11], by="epoch"))', "× 0.1 at epochs 8 and 11"),
        ("recurrence(rules.linear(0.1, end=5))", "scaled along a straight line, from 0.1 to 1 over updates 0 to 3"),
        ('warmup("5 epochs") >> multistep(["30 epochs"])', "× 0.1 at epoch 35"),
        ('window(cosine(), "2 epochs", "5 epochs")', "falls along half a cosine wave from 1 to 0 over epochs 2 to 4"),
        ('restarts(cosine(), "50%")', "falls along half a cosine wave from 1 to 0 over the time of each cycle"),
    ],
)  # fmt: skip
def test_without_facts_lengths_are_said_as_they_are_written(line, said):
    assert any(one.startswith(said) for one in words(line, None))


@every_shape()
@given(data=st.data())
def test_no_shape_is_said_in_the_words_of_its_documentation(name, data):
    case = data.draw(cases(name=name, depth=2))

    text = of_case(case)

    documented = [(inspect.getdoc(builder) or "").partition("\n")[0].rstrip(".:") for builder in SHAPES.values()]
    assert not [line for line in documented if line in text]


@every_shape()
@given(data=st.data())
def test_the_first_and_the_last_value_said_are_those_of_the_schedule(name, data):
    case = data.draw(cases(name=name, depth=2))
    total = case.world.total
    values = case.resolved(np.array([0, total - 1]))

    found = LAST.fullmatch(of_case(case).splitlines()[-1].strip())

    assert found is not None
    assert agree(found[1], values[0])
    if total > 1:
        assert agree(found[2], values[1])
        assert found[3] == f"{total - 1:,}"


def agree(said, value):
    """Whether levels that are said add up to a value, base being 1."""
    numbers = [float(level.split(" ")[0]) for level in said.split(" + ")]
    return abs(sum(numbers) - value) <= 1e-5 * max(map(abs, numbers))


@every_shape(leave_out=("every", "recurrence"))  # whose parts' times are not those at which the whole changes
@given(data=st.data())
def test_every_range_of_updates_that_is_said_begins_and_ends_where_the_schedule_changes(name, data):
    case = data.draw(
        cases(name=name, depth=2, names=tuple(one for one in ALL if one not in ("every", "recurrence", "restarts")))
    )
    total = case.world.total
    points = {0, total, *case.resolved.breakpoints(until=total)}

    ranges = [
        (int(found[1].replace(",", "")), int((found[2] or found[1]).replace(",", "")) + 1)
        for line in of_case(case).splitlines()[3:-1]
        if "of each cycle" not in line and "of its own clock" not in line
        for found in RANGE.finditer(line)
        if f"over {found[0]}" in line or f"only {found[0]}" in line or f"({found[0]})" in line
    ]

    assert {begin for begin, _ in ranges if begin < total} <= points
    assert {end for begin, end in ranges if end < total and end - begin > 1} <= points


@given(st.integers(0, 300), st.integers(1, 300), st.sampled_from(["linear", "cosine", "polynomial"]))
def test_a_descent_moves_in_the_updates_that_are_said_and_in_no_other(before, over, name):
    line = f"constant(1, over={before}) >> {name}(over={over})"
    curve = parse(line)(np.arange(1000))

    said = next(RANGE.search(one) for one in words(line, Calendar(total=1000)) if "falls" in one)

    begin, last = int(said[1]), int(said[2] or said[1])
    moves = np.flatnonzero(np.diff(curve))
    assert (moves[0], moves[-1]) == (begin, last)


def test_epochs_are_said_only_where_the_plan_speaks_of_them():
    assert "epoch" not in words("multistep([800])")[0]
    assert words('warmup("1 epoch") >> multistep([800])')[1].startswith("× 0.1 at epoch 9 (update 900)")


@dataclass(frozen=True, eq=False)
class Kinked(Schedule):
    """A user's own shape, of which nothing but the class is known."""

    length = Duration.of(7)

    def _at(self, t, base, xp):
        return base.scaled(xp.where(t >= 7, 0.25, 1.0))

    def __str__(self):
        return "kinked()"


def test_a_shape_that_nobody_wrote_words_for_is_said_with_its_values_and_changes():
    assert words(Kinked())[0] == ("follows kinked(): 1 × base at first, 0.25 × base at last; it changes at update 7")


def test_a_function_is_said_by_its_name():
    if "explained_third" not in FUNCTIONS:
        register_function("explained_third", lambda t: 1 / 3)

    assert words('from_function("explained_third")')[0].startswith(
        "follows the function explained_third of the updates"
    )


def test_rules_of_a_recurrence_are_said_with_their_epochs():
    line = 'recurrence(rules.linear(0.001, end=500), rules.multistep([8, 11], end=12, by="epoch"))'

    assert words(line)[1:3] == [
        "scaled along a straight line, from 0.001 to 1 over updates 0 to 498",
        "× 0.1 at epochs 8 and 11 (updates 800 and 1,100)",
    ]


def test_control_characters_of_names_are_escaped():
    plan = Plan(Binding("lr", linear(), groups="he\x1b[31mad\n"), horizon=10)

    told = plan_in_words(plan, plan.resolve(Calendar()))

    assert "\x1b" not in told
    assert "group he\\x1b[31mad\\n: " in told
