"""The native dialect: every form of a schedule, a group and a user shape in a file."""

import subprocess
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Literal, Optional

import numpy as np
import pytest

from paramsched.core import files as config
from paramsched.core.base.codes import WRONG_TYPE
from paramsched.core.feedback import plateau
from paramsched.core.files import native
from paramsched.core.plan import Binding, Plan
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.anneal import cosine, warmup
from paramsched.core.schedules.leaves import constant
from paramsched.core.schedules.periods import step
from paramsched.core.time import Calendar
from paramsched.errors import ConfigError, InvalidArgument
from support.tables import table


def read(schedule, **options):
    return native.to_plan({"lr": schedule}, **options).bindings[0].schedule


@table(
    ("written", "meant"),
    [
        (1, constant()),
        (np.int64(1), constant(1.0)),
        ("cosine(to=0.1)", cosine(to=0.1)),
        ("0", constant(0)),
        ("warmup('5%')\n>> cosine()", warmup("5%") >> cosine()),
        ("cosine() * plateau()", cosine() * plateau()),
    ],
)
def test_a_schedule_is_a_line_of_text_or_a_number(written, meant):
    assert read(written) == meant


@table(
    "written",
    [
        ["cosine()"],
        [1],
        (0.5,),
        {"cosine": {"to": 0.1}},
        {"cosine": {}},
        {"sequence": ["warmup(5)"]},
        [],
        {},
        True,
        None,
    ],
)
def test_lists_and_mappings_are_refused_with_a_line_that_can_be_pasted(written):
    with pytest.raises(ConfigError) as refusal:
        read(written)

    (fault,) = refusal.value.diagnostics
    assert (fault.path, fault.code) == ("$.lr", WRONG_TYPE)
    assert read(fault.instead.removeprefix("For example: ")) == warmup("5%") >> cosine(to=0.1)


@table(
    ("value", "problem"),
    [
        (np.complex64(1), "expected a real number, got (1+0j). For example: 1"),
        (10**308 + 1, "a number of 309 digits: it is too large for a float. For example: 0.1"),
        (-(10**308) - 1, "a number of 309 digits: it is too large for a float. For example: 0.1"),
        (10**309, "the number is too large for any schedule. For example: 1"),
    ],
)
def test_numbers_that_no_schedule_can_have_are_refused(value, problem):
    with pytest.raises(ConfigError) as refusal:
        read(value)

    assert refusal.value.problems == (f"$.lr: {problem}",)


@table(
    ("value", "written"),
    [(10**40 - 1, "9" * 40), (10**40, "1e+40"), (10**308, "1e+308"), (-(10**41), "-1e+41"), (0.5, "0.5")],
)
def test_both_readings_of_a_number_alone_can_be_pasted(value, written):
    with pytest.raises(ConfigError) as refusal:
        read(value)
    (fault,) = refusal.value.diagnostics

    assert (
        fault.instead
        == f"Write absolute({written}) for the value {written}, or {written} * constant() for {written} × base"
    )
    assert read(f"{written} * constant()") == value * constant()


def test_groups_are_selected_by_name_and_index():
    plan = native.to_plan(
        {"groups": {"head": {"lr": 1}, 0: {"lr": "step(2)"}, "[1]": {"lr": "step(3)"}, "2": {"lr": "step(4)"}}}
    )

    assert {binding.groups for binding in plan.bindings} == {"head", 0, 1, "2"}


def test_data_is_json_even_if_groups_are_indices():
    plan = Plan(Binding("lr", "constant(0.5)", groups=0), Binding("lr", "constant(0.5)", groups="0"))

    assert native.from_plan(plan) == {"groups": {"[0]": {"lr": "constant(0.5)"}, "0": {"lr": "constant(0.5)"}}}
    assert native.to_plan(native.from_plan(plan)) == plan


def test_a_calendar_and_a_base_are_not_needed():
    assert native.to_plan({"lr": "constant(0.5)"}, calendar=Calendar(total=5), base=0.1) == Plan(lr="constant(0.5)")


def test_reading_does_not_modify_the_data():
    data = {"lr": "cosine()", "groups": {"a": {"lr": 1}}}
    before = repr(data)

    native.to_plan(data)

    assert repr(data) == before


# ---------------------------------------------------------------- user shapes


class Pace(StrEnum):
    SLOW = "slow"
    FAST = "fast"


class Plain:
    """A type that only its shape knows."""


def pyramid(
    height: float,
    widths: Sequence[int] = (1, 2),
    mode: Literal["up", 3] = "up",
    pace: Pace = Pace.SLOW,
    knee: Plain | None = None,
    flag: bool = False,
    label: str | None = None,
    note: Annotated[Optional[str], "free"] = None,  # noqa: UP045  # the old spelling is read too
    table: dict[str, float] | None = None,
    free=None,
    *,
    inner: Schedule | None = None,
    **more: int,
) -> Schedule:
    """A pyramid."""
    Pace(pace)  # raises ValueError for an unknown pace
    return constant(height + len(widths) + (knee["at"] if knee else 0) + sum(more.values()))


@table(
    "arguments",
    [
        "1",
        '1, [5, 6], 3, "slow"',
        '0, inner=warmup(5) >> constant(), extra=1, label="x", note="y"',
        "height=1, widths=(1, 2), flag=True, free=[1]",
    ],
)
def test_a_shape_passed_to_the_reader_is_known_only_in_that_config(arguments):
    written = f"pyramid({arguments}) >> cosine()"

    assert read(written, shapes=[pyramid]) == constant(3.0) >> cosine()
    with pytest.raises(ConfigError, match='unknown schedule "pyramid"'):
        read(written)


@table(
    ("arguments", "piece"),
    [
        ("True", "True"),
        ("1, widths=3", "widths=3"),
        ('1, [1, "a", 2.5]', '[1, "a", 2.5]'),
        ('1, mode="upp"', 'mode="upp"'),
        ("1, mode=True", "mode=True"),
        ('1, pace="medium"', 'pyramid(1, pace="medium")'),
        ('1, knee="x"', 'pyramid(1, knee="x")'),
        ("1, flag=1", "1"),
        ("1, label=1", "1"),
        ("1, inner=cosin()", "cosin"),
        ("1, extra=0.5", "pyramid(1, extra=0.5)"),
        ("None", "None"),
    ],
)
def test_arguments_of_a_user_shape_are_checked_by_its_annotations(arguments, piece):
    written = f"pyramid({arguments})"

    with pytest.raises(ConfigError) as refusal:
        read(written, shapes=[pyramid])

    (fault,) = refusal.value.diagnostics
    assert written[slice(*fault.problem.place[1:3])] == piece


def broken(x: int = 1) -> Schedule:
    raise RuntimeError("out of order") if x > 5 else KeyError("gone")


def nothing() -> Schedule:
    return None


def judged(what: Plain) -> Schedule:
    return constant(float(what))


def test_errors_of_a_user_builder_are_reported_with_their_location():
    with pytest.raises(ConfigError, match=r"^config: \$\.lr.*gone"):
        read("broken()", shapes=[broken])
    with pytest.raises(ConfigError, match=r"expected a schedule, got None"):
        read("nothing()", shapes=[nothing])


def test_a_type_that_cannot_be_checked_is_passed_to_the_builder():
    assert read("judged(2)", shapes=[judged]) == constant(2.0)


def test_names_that_are_not_shapes_are_rejected():
    for shapes in ([lambda: cosine()], [cosine(to=1)], [read, step, lambda x: x]):
        with pytest.raises(InvalidArgument, match=r"shapes="):
            read(0.1, shapes=shapes)

    with pytest.raises(InvalidArgument, match=r"shapes=5: expected a list of functions, got int"):
        read(0.1, shapes=5)

    def cosine_(to: float = 0) -> Schedule:
        return constant(to)

    cosine_.__name__ = "cosine"
    with pytest.raises(InvalidArgument, match=r"shapes=\[cosine\]: the name is taken"):
        read(0.1, shapes=[cosine_])


@pytest.mark.heavy
def test_reading_a_plan_imports_no_heavy_library():
    code = (
        "import sys, paramsched.errors, paramsched.core.files as c\n"
        "c.loads('lr: cosine(to=0.1, index=\"t/n\")\\nhorizon: 20 epochs')\n"
        "try:\n"
        "    c.loads('lr: table(5)')\n"
        "except paramsched.errors.ConfigError as error:\n"
        "    assert 'expected a list' in str(error), error\n"
        "sys.exit(bool({'torch', 'jax'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("horizon", ["50%", "until 3 epochs"])
def test_a_horizon_that_is_not_a_length_is_refused(horizon):
    with pytest.raises(ConfigError) as refused:
        config.loads({"horizon": horizon, "lr": "cosine()"})

    assert [one.path for one in refused.value.diagnostics] == ["$.horizon"]
