"""The native dialect: every form of a schedule, a group and a user shape in a file."""

import re
import subprocess
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Literal, Optional

import numpy as np
import pytest

from paramsched import curves
from paramsched.core import files as config
from paramsched.core.feedback import plateau
from paramsched.core.files import native
from paramsched.core.plan import Binding, Plan
from paramsched.core.schedules import Schedule, absolute, rules
from paramsched.core.schedules.anneal import anneal, cosine, warmup
from paramsched.core.schedules.leaves import constant
from paramsched.core.schedules.periods import cosine_restarts, multistep, step
from paramsched.core.schedules.pointwise import clamp, minimum
from paramsched.core.schedules.recipes import noam, piecewise, wsd
from paramsched.core.schedules.recurrence import recurrence
from paramsched.core.schedules.restarts import restarts
from paramsched.core.schedules.retimed import chain, every, window
from paramsched.core.time import Calendar
from paramsched.errors import ConfigError, InvalidArgument
from support.tables import table


def read(schedule, **options):
    return native.to_plan({"lr": schedule}, **options).bindings[0].schedule


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (1, constant()),
        (1, constant(1.0)),
        ("cosine(to=0.1)", cosine(to=0.1)),
        ("0", constant(0)),
        ({"cosine": {"to": 0.1}}, cosine(to=0.1)),
        ({"cosine": {}}, cosine()),
        ({"cosine": None}, cosine()),
        ({"cosine": []}, cosine()),
        ({"cosine": 0.5}, cosine(0.5)),
        ({"cosine": [1, 0.1]}, cosine(1, 0.1)),
        ({"warmup": "5%"}, warmup("5%")),
        ({"constant": {"absolute": 0.1}}, None),
        ({"constant": [{"absolute": 0.1}]}, constant(absolute(0.1))),
        ({"constant": {"value": "absolute(0.1)"}}, constant(absolute(0.1))),
        ({"cosine": {"over": None}}, cosine()),
        ({"anneal": {"curve": "cosine"}}, cosine()),
        ({"anneal": {"curve": "curves.cosine"}}, cosine()),
        ({"anneal": {"curve": "power(2)"}}, anneal(curve=curves.power(2))),
        ({"anneal": {"curve": "curves.tanh(-6, 2)"}}, anneal(curve=curves.tanh(-6, 2))),
        ({"anneal": {"curve": {"power": 2}}}, anneal(curve=curves.power(2))),
        ({"anneal": {"curve": {"curves.tanh": [-6, 2]}}}, anneal(curve=curves.tanh(-6, 2))),
        ({"anneal": {"curve": {"sigmoid": {"steepness": 8}}}}, anneal(curve=curves.sigmoid(8))),
        (["warmup(100)", {"cosine": {"to": 0.1}}], warmup(100) >> cosine(to=0.1)),
        ([["warmup(5)", 0.5], "cosine()"], warmup(5) >> constant(0.5) >> cosine()),
        (["cosine()"], cosine()),
        ({"sequence": ["warmup(5)", "cosine()"]}, warmup(5) >> cosine()),
        ({"product": [0.1, "cosine()"]}, constant(0.1) * cosine()),
        ({"product": ["cosine()", "plateau()"]}, cosine() * plateau()),
        ({"product": ["cosine()", {"plateau": {"patience": 3}}, "step(5)"]}, cosine() * plateau(patience=3) * step(5)),
        ({"sum": ["cosine()", {"product": [-1, "step(5)"]}]}, cosine() - step(5)),
        ({"plateau": "val_loss"}, 1.0 * plateau("val_loss")),
        ({"minimum": [0.5, "cosine()"]}, minimum(0.5, cosine())),
        ({"chain": {"operands": ["step(5)", ["warmup(3)", 1]]}}, chain(step(5), warmup(3) >> constant(1))),
        ({"clamp": {"schedule": {"cosine": {}}, "low": 0.1}}, clamp(cosine(), low=0.1)),
        ({"every": {"schedule": ["warmup(5)", "cosine()"], "period": "epoch"}}, every(warmup(5) >> cosine(), "epoch")),
        ({"restarts": ["cosine()", "10 epochs", 3]}, restarts(cosine(), "10 epochs", 3)),
        ({"window": {"schedule": 0.5, "begin": 5}}, window(constant(0.5), 5)),
        ({"multistep": {"milestones": [30, "80%"]}}, multistep([30, "80%"])),
        ({"multistep": [[30, 80], 0.5]}, multistep([30, 80], 0.5)),
        (
            {"piecewise": {"points": [[0, 1.0], ["50%", {"absolute": 0.1}]]}},
            piecewise([(0, 1.0), ("50%", absolute(0.1))]),
        ),
        ({"noam": {"width": 512, "warmup": 4000}}, noam(512, 4000)),
        ({"noam": [512.0, 4000]}, noam(512, 4000)),
        ({"wsd": ["2%", "20%"]}, wsd("2%", "20%")),
        ({"cosine_restarts": {"first": 5, "mult": 2}}, cosine_restarts(5, 2)),
        (
            {"recurrence": [{"rules.linear": {"start": 0.1, "end": 5}}, "rules.step(3, by='epoch')"]},
            recurrence(rules.linear(0.1, end=5), rules.step(3, by="epoch")),
        ),
        ({"recurrence": {"rules": [{"cosine": {"by": 4}}], "until": 9}}, recurrence(rules.cosine(by=4), until=9)),
        (
            {"recurrence": [{"schedule": {"schedule": "cosine(over=5)"}}, {"multistep": [[1, 2]]}]},
            recurrence(rules.schedule(cosine(over=5)), rules.multistep([1, 2])),
        ),
    ],
)
def test_a_schedule_is_read_in_every_form(written, meant):
    if meant is None:  # a mapping after a name is its arguments
        with pytest.raises(ConfigError, match='unknown argument "absolute"'):
            read(written)
    else:
        assert read(written) == meant


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


def test_tuples_and_numpy_numbers_are_accepted_in_code():
    assert read({"multistep": ((30, 80), np.float64(0.5))}) == multistep([30, 80], 0.5)


@pytest.mark.parametrize("value", [float("nan"), 10**500, {1, 2}])
def test_values_that_no_file_can_contain_are_reported_in_a_list_of_schedules(value):
    with pytest.raises(ConfigError) as refusal:
        native.to_plan({"lr": {"chain": {"operands": value}}})

    (problem,) = refusal.value.problems
    assert problem.startswith("$.lr.operands: ")
    assert re.search(r"must be finite|too large|a file cannot contain", problem)


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
    data = {"lr": [{"warmup": {"over": 5}}, "cosine()"], "groups": {"a": {"lr": 1}}}
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
    "written",
    [
        "pyramid(1) >> cosine()",
        [{"pyramid": 1}, "cosine()"],
        [{"pyramid": {"height": 1, "widths": [5, 6], "mode": 3, "pace": "slow"}}, "cosine()"],
        [{"pyramid": [1, [1, 2], "up"]}, "cosine()"],
        [{"pyramid": {"height": 0, "knee": {"at": 1}, "table": {"a": 1}, "free": {"b": [1]}}}, "cosine()"],
        [{"pyramid": {"height": 0, "extra": 1, "inner": ["warmup(5)", 1], "label": "x", "note": "y"}}, "cosine()"],
    ],
)
def test_a_shape_passed_to_the_reader_is_known_only_in_that_config(written):
    assert read(written, shapes=[pyramid]) == constant(3.0) >> cosine()
    with pytest.raises(ConfigError, match='unknown schedule "pyramid"'):
        read(written)


@table(
    ("arguments", "expected"),
    [
        ({"height": True}, "$.lr.height: "),
        ({"widths": 3}, "$.lr.widths: "),
        ({"widths": [1, "a", 2.5]}, "$.lr.widths: "),
        ({"mode": "upp"}, "$.lr.mode: "),
        ({"mode": True}, "$.lr.mode: "),
        ({"pace": "medium"}, "$.lr: "),
        ({"knee": {"at": "x"}}, "$.lr: "),
        ({"knee": {"x": 1}}, "$.lr: "),
        ({"flag": 1}, "$.lr.flag: "),
        ({"label": 1}, "$.lr.label: "),
        ({"table": {"a": float("nan")}}, "$.lr.table: "),
        ({"free": [float("nan")]}, "$.lr.free[0]: "),
        ({"inner": "cosin()"}, "$.lr.inner: "),
        ({"extra": 0.5}, "$.lr.extra: "),
        ({"height": None}, "$.lr.height: "),
    ],
)
def test_arguments_of_a_user_shape_are_checked_by_its_annotations(arguments, expected):
    with pytest.raises(ConfigError) as refusal:
        read({"pyramid": {"height": 1} | arguments}, shapes=[pyramid])

    assert refusal.value.problems[0].startswith(expected)


def broken(x: int = 1) -> Schedule:
    raise RuntimeError("out of order") if x > 5 else KeyError("gone")


def nothing() -> Schedule:
    return None


def judged(what: Plain) -> Schedule:
    return constant(float(what["x"]))


def test_errors_of_a_user_builder_are_reported_with_their_location():
    for written in ({"broken": {}}, "broken()"):
        with pytest.raises(ConfigError, match=r"^config: \$\.lr.*gone"):
            read(written, shapes=[broken])
    with pytest.raises(ConfigError, match=r"expected a schedule, got None"):
        read({"nothing": {}}, shapes=[nothing])


def test_a_type_that_cannot_be_checked_is_passed_to_the_builder():
    assert read({"judged": {"what": {"x": 2}}}, shapes=[judged]) == constant(2.0)


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
        "c.loads('lr: {cosine: {to: 0.1, index: t/n}}\\nhorizon: 20 epochs')\n"
        "try:\n"
        "    c.loads('lr: {table: {values: abc}}')\n"
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
