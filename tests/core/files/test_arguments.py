"""The argument reader, and every table of a dialect that it reads."""

import warnings
from typing import Any, Literal

import pytest

from paramsched.core.files.arguments import (
    accumulation_fact,
    argument,
    argument_table,
    arguments_beside,
    arguments_of,
    cut_to_length,
    defaults_of,
    given_rate,
    is_count,
    is_plain_number,
    located,
    names_of,
    numbers_by_field,
    read_arguments,
    read_entry,
    to_level,
    updates_with_accumulation,
    values_of_optimizer,
)
from paramsched.core.files.diagnostic_collector import DiagnosticCollector
from paramsched.core.schedules.anneal import cosine
from paramsched.core.schedules.leaves import constant
from paramsched.core.time import Calendar
from support.tables import table


@argument_table
class Step:
    size: int = argument(low=1, example=30)
    gamma: float = argument(0.1, above=0, used=lambda others: others["size"] != 7, aliases=("decay",))
    warm: float | None = argument(None, low=0, high=1, example=0.5)


def read(table, data):
    diagnostics = DiagnosticCollector()
    return *read_arguments(table, located(data, "$"), "$", diagnostics), diagnostics


def test_arguments_of_a_table_are_passed_by_name_and_may_be_required_after_optional_ones():
    @argument_table
    class Rule:
        factor: float = argument(0.1)
        patience: int = argument(example=5)

    assert read(Rule, {"patience": 3})[0] == Rule(patience=3, factor=0.1)
    with pytest.raises(TypeError):
        Rule(0.1, 3)


def test_every_problem_is_reported_at_its_key_and_replaced_by_a_default():
    arguments, locations, wrong, diagnostics = read(Step, {"size": 2.5, "decay": 0, "warm": 3, "gama": 1})

    assert arguments == Step(size=30, gamma=0.1, warm=None)
    assert locations == {"size": "$.size", "gamma": "$.decay", "warm": "$.warm"}
    assert wrong == {"size", "gamma", "warm"}
    assert diagnostics.problems() == (
        '$.gama: unknown argument; did you mean "gamma"?',
        "$.size: expected an integer of at least 1, got 2.5. For example: size: 30",
        "$.decay: expected a number greater than 0, got 0. For example: decay: 0.1",
        "$.warm: expected a number from 0 to 1, got 3. For example: warm: 0.5",
    )


def test_a_missing_argument_is_reported_at_the_arguments():
    arguments, _, wrong, diagnostics = read(Step, {})

    assert (arguments.size, wrong) == (30, {"size"})
    assert diagnostics.problems() == ("$: size is missing",)


@pytest.mark.parametrize("gamma", [-1, "x"])
def test_an_argument_without_an_effect_is_not_checked(gamma):
    arguments, _, wrong, _ = read(Step, {"size": 7, "gamma": gamma})

    assert (arguments.gamma, wrong) == (0.1, set())


def test_an_alias_is_unknown_if_aliases_are_disabled():
    diagnostics = DiagnosticCollector()
    read_arguments(Step, located({"size": 1, "decay": 0.5}, "$"), "$", diagnostics, aliases=False, of="Step")

    (problem,) = diagnostics.problems()
    assert problem.startswith("$.decay: unknown argument of Step; ")


EPOCH = "$.accumulate"


@table(
    ("value", "facts", "updates", "warned", "problems"),
    [
        (4, {"batches_per_epoch": 10}, 3, [], ()),
        (4.0, {"batches_per_epoch": 10}, 3, [], ()),
        (1, {"batches_per_epoch": 10}, 10, [], ()),
        (4, {"steps_per_epoch": 7}, 7, [], ()),
        (4, {}, None, [], ()),
        (4, {"batches_per_epoch": 10, "accumulation": 4}, 3, [], ()),
        (
            4,
            {"batches_per_epoch": 10, "accumulation": 2},
            5,
            [f"{EPOCH}: it is 4, but the specified accumulation of 2 takes precedence"],
            (),
        ),
        (
            0,
            {"batches_per_epoch": 10},
            10,
            [],
            (f"{EPOCH}: expected an integer of at least 1, got 0. For example: accumulate: 4",),
        ),
        (
            "x",
            {"batches_per_epoch": 10, "accumulation": 2},
            5,
            [],
            (f'{EPOCH}: expected an integer of at least 1, got "x". For example: accumulate: 4',),
        ),
        (
            True,
            {},
            None,
            [],
            (f"{EPOCH}: expected an integer of at least 1, got true. For example: accumulate: 4",),
        ),
    ],
)
def test_the_updates_of_an_epoch_follow_from_its_batches_and_the_accumulation(value, facts, updates, warned, problems):
    diagnostics = DiagnosticCollector()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = updates_with_accumulation(value, EPOCH, Calendar(**facts), diagnostics)

    assert (found, [str(one.message) for one in caught], diagnostics.problems()) == (updates, warned, problems)


@argument_table
class Every:
    count: int = argument(3, low=2, high=10**18)
    only_high: float = argument(0.5, high=2.5)
    above_and_high: float = argument(0.5, above=0, high=2500)
    above: float = argument(0.5, above=-1)
    style: Literal["cosine", "linear"] = argument("cosine")
    text: str = argument("a")
    flag: bool = argument(False)
    several: tuple[float, ...] = argument((1.0,))
    items: list[Any] = argument(())
    anything: Any = argument(None)
    maybe: str | None = argument(None)
    parsed: int = argument("", parse=len)


@table(
    ("name", "value", "expected"),
    [
        ("count", 2, 2), ("count", 2.0, 2), ("count", 10**18, 10**18),
        ("count", 1, "expected an integer from 2 to 1e+18, got 1"),
        ("count", 10**18 + 1, "expected an integer from 2 to 1e+18, got 1000000000000000001"),
        ("count", 2.5, "expected an integer from 2 to 1e+18, got 2.5"),
        ("count", True, "expected an integer from 2 to 1e+18, got true"),
        ("count", "2", 'expected an integer from 2 to 1e+18, got "2"'),
        ("only_high", 2.5, 2.5), ("only_high", -9, -9.0),
        ("only_high", 2.6, "expected a number of at most 2.5, got 2.6"),
        ("above_and_high", 0.1, 0.1), ("above_and_high", 2500, 2500.0),
        ("above_and_high", 0, "expected a number greater than 0 and at most 2,500, got 0"),
        ("above_and_high", 2501, "expected a number greater than 0 and at most 2,500, got 2501"),
        ("above", -1, "expected a number greater than -1, got -1"), ("above", -0.5, -0.5),
        ("above", 10**400, f"expected a number greater than -1, got 1{'0' * 58}…"),
        ("style", "linear", "linear"),
        ("style", 3, "expected one of cosine, linear, got 3"),
        ("style", "lineer", 'unknown value "lineer"; did you mean "linear"?'),
        ("style", "x", 'unknown value "x"; expected one of cosine, linear'),
        ("text", "b", "b"), ("text", 1, "expected text, got 1"),
        ("flag", True, True), ("flag", 1, "expected true or false, got 1"),
        ("several", [1, 2.5], (1.0, 2.5)), ("several", (), ()),
        ("several", [1, "x"], 'expected a list of numbers, got [1, "x"]'),
        ("several", 1, "expected a list of numbers, got 1"),
        ("several", [True], "expected a list of numbers, got [true]"),
        ("items", (1, "x"), [1, "x"]), ("items", "ab", 'expected a list, got "ab"'),
        ("anything", {"a": 1}, {"a": 1}), ("maybe", None, None), ("maybe", "a", "a"),
        ("maybe", 1, "expected text, got 1"),
        ("parsed", "abc", 3),
    ],
)  # fmt: skip
def test_a_value_is_converted_to_the_type_of_its_argument_or_refused(name, value, expected):
    arguments, _, wrong, diagnostics = read(Every, {name: value})

    if wrong:
        (fault,) = diagnostics.found()
        assert (wrong, fault.path, fault.found) == ({name}, f"$.{name}", expected)
    else:
        found = getattr(arguments, name)
        assert (type(found), found) == (type(expected), expected)


@argument_table
class Two:
    size: int = argument(low=1, example=30, aliases=("n", "count"))
    gamma: float = argument(0.1, example=0.3)
    path: str = argument("a", example="b")


def test_two_names_of_one_argument_are_an_error_unless_the_last_counts():
    _, _, wrong, diagnostics = read(Two, {"n": 1, "count": 2})
    last = read_arguments(Two, located({"n": 1, "count": 2}, "$"), "$", DiagnosticCollector(), last_counts=True)

    assert diagnostics.problems() == ("$.count: n and count are names of one argument. Remove n",)
    assert (wrong, last[0].size, last[1]["size"]) == (set(), 2, "$.count")


@pytest.mark.parametrize(("given", "read_as"), [({}, 0.7), ({"gamma": 0.2}, 0.2)])
def test_defaults_that_are_passed_take_precedence_over_those_of_the_table(given, read_as):
    written = located({"size": 1, **given}, "$")

    assert read_arguments(Two, written, "$", DiagnosticCollector(), defaults={"gamma": 0.7})[0].gamma == read_as


def test_the_rows_of_a_table_by_name():
    assert defaults_of(Two) == {"gamma": 0.1, "path": "a"}
    assert names_of(Two) == {"size": "size", "n": "size", "count": "size", "gamma": "gamma", "path": "path"}
    assert list(arguments_of(Two)) == ["size", "gamma", "path"]


def test_an_entry_reports_a_combination_only_if_its_values_are_valid_by_themselves():
    def problems(data, *names):
        diagnostics = DiagnosticCollector()
        read_entry("Two", Two, data, "$.two", diagnostics).refuse(*names, "is too large", "Write 1", *["gamma"])
        return diagnostics.problems()

    assert problems({"size": 9}, "size") == ("$.two.size: is too large. Write 1",)
    assert len(problems({"size": 9, "gamma": "x"}, "size")) == 1
    assert "too large" not in "".join(problems({"size": 0}, "size"))
    diagnostics = DiagnosticCollector()
    assert read_entry("Two", Two, 5, "$.two", diagnostics) is None
    assert diagnostics.problems() == ("$.two: expected arguments of Two, got a number. Use a mapping of arguments",)


@table(
    ("data", "expected"),
    [
        ({"name": "A", "args": {"x": 1}}, ({"x": 1}, "$.s.args")),
        ({"name": "A", "args": None}, ({}, "$.s.args")),
        ({"name": "A", "args": 5}, (5, "$.s.args")),
        ({"name": "A", "kwargs": {"x": 1}, "y": 2}, ({"x": 1}, "$.s.kwargs")),
        ({"name": "A", "x": 1, "type": 3, "metric": "loss"}, ({"x": 1, "type": 3}, "$.s")),
        ({"name": 3, "type": "A", "x": 1}, ({"name": 3, "x": 1}, "$.s")),
    ],
)
def test_arguments_are_beside_the_name_or_under_a_key_of_their_own(data, expected):
    assert arguments_beside(data, "$.s", ("name", "type"), ("args", "kwargs"), ("metric",)) == expected


@table(
    ("optimizer", "expected"),
    [
        (None, {}), (5, {}), ({}, {}), ({"lr": 1}, {"lr": 1.0}), ({"lr": "1"}, {}), ({"lr": True}, {}),
        ({"SGD": {"lr": 1, "momentum": 0.9}}, {"lr": 1.0, "momentum": 0.9}),
        ({"class_path": "SGD", "init_args": {"lr": 1}}, {"lr": 1.0}),
        ({"name": "SGD", "extra": {"lr": 1}}, {}),
        ({"a": {"lr": 1}, "b": {"lr": 2}}, {}),
        ({"lr": 1, "betas": [0.9, 1]}, {"lr": 1.0, "betas": (0.9, 1.0)}),
        ({"lr": 1, "betas": []}, {"lr": 1.0}), ({"lr": 1, "betas": [0.9, "x"]}, {"lr": 1.0}),
        ({"lr": 1, "betas": 0.9}, {"lr": 1.0}), ({"weight_decay": 0}, {"weight_decay": 0.0}),
    ],
)  # fmt: skip
def test_the_values_of_an_optimizer_are_read_from_its_arguments(optimizer, expected):
    assert values_of_optimizer(optimizer) == expected


@table(
    ("value", "count", "number"),
    [
        (3, True, True), (3.0, True, True), (2, False, True), (2.5, False, True), (-3, False, True),
        (True, False, False),
        ("3", False, False), (float("nan"), False, False), (float("inf"), False, False),
        (10**400, False, False),
        (1.7976931348623157e308, True, True), (None, False, False),
    ],
)  # fmt: skip
def test_counts_and_numbers_are_finite_and_not_booleans(value, count, number):
    assert (is_count(value, 3), is_plain_number(value)) == (count, number)


@table(
    ("schedule", "length", "expected"),
    [
        (constant(0.5), 10, "constant(0.5, 10)"), (cosine(over=10), 10, "cosine(over=10)"),
        (cosine(over=10), 11, "take(cosine(over=10), 11)"), (cosine(over=10), "10 steps", "cosine(over=10)"),
    ],
)  # fmt: skip
def test_a_stage_is_cut_to_its_length(schedule, length, expected):
    assert str(cut_to_length(schedule, length)) == expected


def test_levels_rates_and_accumulations():
    assert (to_level(0.0), str(to_level(0.5))) == (0.0, "absolute(0.5)")
    assert (given_rate(None), given_rate(0.5), given_rate({"lr": 0.5}), given_rate({"eps": 1})) == (
        None,
        0.5,
        0.5,
        None,
    )
    assert [accumulation_fact(one) for one in (4.0, 1, 0, "4")] == [
        Calendar(accumulation=4),
        Calendar(accumulation=1),
        None,
        None,
    ]
    assert numbers_by_field({"lr": 1, "e": 2, "m": "x"}, "lr", eps="e", momentum="m") == {"lr": 1.0, "eps": 2.0}


def test_a_table_has_the_defaults_of_its_arguments():
    assert (Step.gamma, Step.warm, hasattr(Step, "size")) == (0.1, None, False)
    assert Step(size=5) == Step(size=5, gamma=0.1, warm=None)
