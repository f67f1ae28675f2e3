"""The entries of a plan: the errors of a file at once, and shapes of a user."""

import copy
import datetime as dt
import math
import subprocess
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Literal, Optional

import numpy as np
import pytest

from paramsched.base.problem_collector import ProblemCollector
from paramsched.core.schedules import Schedule, constant, cosine, step
from paramsched.errors import ConfigError, InvalidArgument
from paramsched.files import plan_data
from paramsched.files.reading import Pairs, bad_values_in, plain_data, plain_or_bad, values_in
from support.tables import table


def read(schedule, **options):
    return plan_data.to_plan({"lr": schedule}, **options).bindings[0].schedule


def test_reading_does_not_modify_the_data():
    data = {"lr": "cosine()", "groups": {"a": {"lr": 1}}}
    before = repr(data)

    plan_data.to_plan(data)

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
    written = f"pyramid({arguments}) >> cosine(start=1)"

    assert read(written, shapes=[pyramid]) == constant(3.0) >> cosine(start=1)
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

    (problem,) = refusal.value.problems
    assert written[slice(*problem.span)] == piece


def broken(x: int = 1) -> Schedule:
    raise RuntimeError("out of order") if x > 5 else KeyError("gone")


def nothing() -> Schedule:
    return None


def test_errors_of_a_user_builder_are_reported_with_their_location():
    with pytest.raises(ConfigError, match=r"^config: \$\.lr.*gone"):
        read("broken()", shapes=[broken])
    with pytest.raises(ConfigError, match=r"expected a schedule, got None"):
        read("nothing()", shapes=[nothing])


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
        "import sys, paramsched.errors, paramsched.files as c\n"
        "c.loads('lr: cosine(to=0.1, index=\"t/n\")\\ntotal: 20 epochs')\n"
        "try:\n"
        "    c.loads('lr: table(5)')\n"
        "except paramsched.errors.ConfigError as error:\n"
        "    assert 'expected a list' in str(error), error\n"
        "sys.exit(bool({'torch', 'jax'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


GOOD = {
    "total": "20 epochs",
    "lr": "warmup('5%') >> cosine(to=0.01)",
    "weight_decay": 1,
    "betas[0]": "linear(0.85, 0.95, '300 steps')",
    "groups": {"head": {"lr": "multistep(['5 epochs', 300], 0.2)"}, 0: {"momentum": "constant(0.9)"}},
    "targets": {"temperature": {"initial": 1.0, "schedule": "restarts(cosine(), 100)"}},
}


ANY = [True, math.nan, math.inf, b"bytes"]


WRONG = {
    "schedule": [None, {}, [], "", "cosin()", "cosine(", "exec('1')", ["cosine()"], {"cosine": {}}, [[]], 10**400],
    "length": [None, 1.5, -1, "", "5", "5 parsecs", "-5 epochs", [], {}, ["5%"]],
    "number": [None, "0.5", [], {}, [0.5]],
    "fields": [None, 0.1, "lr", [], {}],
}


KINDS = {
    ("total",): "length",
    ("lr",): "schedule",
    ("weight_decay",): "schedule",
    ("betas[0]",): "schedule",
    ("groups",): "fields",
    ("groups", "head"): "fields",
    ("groups", "head", "lr"): "schedule",
    ("groups", 0, "momentum"): "schedule",
    ("targets",): "fields",
    ("targets", "temperature"): "fields",
    ("targets", "temperature", "initial"): "number",
    ("targets", "temperature", "schedule"): "schedule",
}


VALUES = [(place, value) for place, type_name in KINDS.items() for value in (*ANY, *WRONG[type_name])]


def changed(place, value):
    data = copy.deepcopy(GOOD)
    inner = data
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return data


def path(place):
    return "$" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in place)


def problems(data):
    with pytest.raises(ConfigError) as refusal:
        plan_data.to_plan(data)
    return refusal.value.lines


def test_a_valid_config_has_no_errors():
    assert plan_data.to_plan(GOOD).total is not None


@pytest.mark.heavy
@table(("place", "value"), VALUES)
def test_a_wrong_value_is_reported_once_with_its_path(place, value):
    actual = problems(changed(place, value))

    assert len(actual) == 1
    assert actual[0].startswith(path(place))


def test_all_errors_of_a_file_are_reported_at_once():
    places = [
        place
        for place in KINDS
        if not any(place != longer and longer[: len(place)] == place for longer in KINDS)  # leaves
    ]
    data = copy.deepcopy(GOOD)
    for place in places:
        inner = data
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = True

    actual = problems(data)

    assert {line.partition(": ")[0] for line in actual} == set(map(path, places))


def test_a_structure_that_contains_itself_is_reported():
    data = {"lr": []}
    data["lr"].append(data["lr"])

    assert len(problems(data)) == 1


def test_a_date_or_a_complex_number_is_a_problem():
    collector = ProblemCollector()

    assert plain_data({"c": np.float32(0.5)}, collector) == {"c": 0.5}
    plain_data({"a": dt.date(2024, 1, 2), "b": dt.time(1), "c": 1j}, collector)

    assert collector.lines() == (
        "$.a: 2024-01-02 is a date or a time. Use text in quotes, or a number",
        "$.b: 01:00:00 is a date or a time. Use text in quotes, or a number",
        "$.c: a file cannot contain complex. Use numbers, text, lists and mappings",
    )


def test_the_values_of_data_are_listed_in_the_order_of_the_text():
    data = Pairs([("a", [1, {"b": 2}]), ("c", Pairs([("d", 3)])), ("e", (4,))])

    assert list(values_in(data)) == [data, [1, {"b": 2}], 1, {"b": 2}, 2, [("d", 3)], 3, (4,)]


def test_the_invalid_values_of_data_are_found_at_any_depth():
    (bad,) = bad_values_in(plain_or_bad([1, {"a": math.nan}], ProblemCollector()))

    assert bad.problem.path == "$[1].a"
