"""Invalid input of every kind gives clear errors: each key and each value is wrong in turn."""

import copy
import datetime as dt
import math
import sys

import numpy as np
import pytest

from paramsched.core import files as config
from paramsched.core.files import native
from paramsched.core.files.diagnostic_collector import (
    DiagnosticCollector,
    bad_values_in,
    number_from_text,
    plain_data,
    plain_or_bad,
    short_json,
    values_in,
)
from paramsched.core.files.text_places import Pairs
from paramsched.errors import ConfigError, InvalidArgument
from support.tables import table

GOOD = {
    "horizon": "20 epochs",
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
    ("horizon",): "length",
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
VALUES = [(place, value) for place, kind in KINDS.items() for value in (*ANY, *WRONG[kind])]


def changed(place, value):
    data = copy.deepcopy(GOOD)
    inner = data
    for part in place[:-1]:
        inner = inner[part]
    inner[place[-1]] = value
    return data


def path(place):
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)


def problems(data):
    with pytest.raises(ConfigError) as refusal:
        native.to_plan(data)
    return refusal.value.problems


def test_a_valid_config_has_no_errors():
    assert native.to_plan(GOOD).horizon is not None


@pytest.mark.heavy
@table(("place", "value"), VALUES)
def test_a_wrong_value_is_reported_once_with_its_path(place, value):
    found = problems(changed(place, value))

    assert len(found) == 1
    assert found[0].startswith(path(place))


def test_all_errors_of_a_file_are_reported_at_once():
    places = [
        place
        for place in KINDS
        if not any(place != other and other[: len(place)] == place for other in KINDS)  # leaves
    ]
    data = copy.deepcopy(GOOD)
    for place in places:
        inner = data
        for part in place[:-1]:
            inner = inner[part]
        inner[place[-1]] = True

    found = problems(data)

    assert {line.partition(": ")[0] for line in found} == set(map(path, places))


@pytest.mark.heavy
def test_a_hundred_thousand_errors_are_counted_instead_of_listed():
    found = problems({f"x{index}": True for index in range(100_000)})

    assert len(found) == 201
    assert found[-1] == "and 99800 more"


@table(
    ("data", "expected"),
    [
        ([], "$: "),
        ("lr", "$: "),
        (None, "$: "),
        ({}, "$: "),
        ({"horizon": 5}, "$: "),
        ({"lr": 1, "horizon": "50%"}, "$.horizon: "),
        ({"lr": 1, "horizon": 0}, "$.horizon: "),
        ({"lr": 1, "horizon": "-1 epochs"}, "$.horizon: "),
        ({"params": 0.1}, "$.params: "),
        ({"two words": 0.1}, '$["two words"]: '),
        ({1: 0.1}, "$[1]: "),
        ({"lr": 1, None: 2}, "$: "),
        ({"lr": 1, "groups": {-1: {"lr": 1}}}, "$.groups[-1]: "),
        ({"lr": 1, "groups": {"": {"lr": 1}}}, '$.groups[""]: '),
        ({"lr": 1, "groups": {"a": {"horizon": 3}}}, "$.groups.a.horizon: "),
        ({"lr": 1, "groups": {0: {"lr": 1}, "[0]": {"lr": 1}}}, '$.groups["[0]"].lr: '),
        ({"betas[0]": 1, "betas[00]": 1}, "$.betas[00]: "),
        ({"targets": {"a b": {"initial": 1, "schedule": 1}}}, '$.targets["a b"]: '),
        ({"targets": {"a": {"schedule": 1}}}, "$.targets.a: "),
        ({"lr": "noam(512.5, 10)"}, "$.lr: "),
        ({"lr": 10**400}, "$.lr: "),
        ({"lr": b"bytes"}, "$.lr: "),
    ],
)
def test_values_that_are_not_plans_are_reported(data, expected):
    assert problems(data)[0].startswith(expected)


def test_a_structure_that_contains_itself_is_reported():
    data = {"lr": []}
    data["lr"].append(data["lr"])

    assert len(problems(data)) == 1


@table(
    "line",
    [
        "__import__('os').system('true')",
        "open('/etc/passwd')",
        "(lambda: cosine())()",
        "[cosine() for _ in 'ab']",
        "cosine().__class__",
        "curves.__builtins__",
        "curves.register('x', 1)",
        "f'{cosine()}'",
        "cosine(to=curves)",
        "cosine(*[1])",
        "cosine(**{'to': 1})",
        "cosine() if 1 else 2",
        "(x := cosine())",
    ],
)
def test_a_line_of_text_never_runs_code(line):
    assert problems({"lr": line})


def test_each_problem_starts_with_the_source():
    with pytest.raises(
        ConfigError, match=r"(?s)^yaml text:1:5: \$\.lr: .*\nyaml text:2:1: \$\.weight_decy: "
    ) as refusal:
        config.loads("lr: cosin()\nweight_decy: 0.1")

    assert refusal.value.source == "yaml text"


def test_an_error_in_a_block_is_reported_at_a_path_with_all_others():
    diagnostics = DiagnosticCollector()
    diagnostics.add("$.eps", "first")
    with pytest.raises(ConfigError) as refusal, diagnostics.reported_at("$.lr"):
        raise InvalidArgument("f(x)", "second", "Write f(1)")

    assert refusal.value.problems == ("$.eps: first", "$.lr: f(x): second. Write f(1)")
    with DiagnosticCollector().reported_at("$.lr"):
        pass


def test_unknown_names_beyond_the_listed_ones_are_counted():
    diagnostics = DiagnosticCollector()
    diagnostics.refuse_unknown(["over", *(f"x{n}" for n in range(203))], ["over"], "$", "unknown")
    diagnostics.refuse_unknown(["x"], [], "$", "unknown")

    assert diagnostics.problems()[0] == "$.x0: unknown; expected over"
    assert (len(diagnostics.problems()), diagnostics.problems()[-1]) == (201, "and 4 more")


@pytest.mark.parametrize("number", [199, 200, 201])
def test_two_hundred_diagnostics_are_listed(number):
    diagnostics = DiagnosticCollector()
    for index in range(number):
        diagnostics.add(f"$.x{index}", "wrong")
    diagnostics.add("$.x0", "wrong")  # once more

    assert diagnostics.full is (number >= 200)
    assert len(diagnostics.problems()) == min(number, 200) + (number >= 200)


def test_a_peers_config_may_have_any_number_and_date_and_the_last_of_several_keys():
    day = dt.date(2024, 1, 2)
    data = {"a": day, "b": [math.inf, 10**400, -(10**400)], "c": np.float32(0.5)}
    twice: list[str] = []
    pairs = Pairs([("a", 1), ("b", Pairs([("c", 1), ("c", 2)])), ("a", 3)])

    assert plain_data(data, DiagnosticCollector(), []) == {
        "a": "2024-01-02",
        "b": [math.inf, math.inf, -math.inf],
        "c": 0.5,
    }
    assert (plain_data(pairs, DiagnosticCollector(), twice), twice) == ({"a": 3, "b": {"c": 2}}, ["$.b.c", "$.a"])
    diagnostics = DiagnosticCollector()
    plain_data({"a": day, "b": dt.time(1), "c": 1j}, diagnostics)
    assert diagnostics.problems() == (
        "$.a: 2024-01-02 is a date or a time. Use text in quotes, or a number",
        "$.b: 01:00:00 is a date or a time. Use text in quotes, or a number",
        "$.c: a file cannot contain complex. Use numbers, text, lists and mappings",
    )


@table(
    ("key", "found"),
    [
        (sys.maxsize, None),
        (-sys.maxsize, None),
        (sys.maxsize + 1, "the key 9223372036854775808 is too large"),
        (10**40 - 1, f"the key {10**40 - 1} is too large"),
        (10**40, "the key is an integer of 41 digits"),
    ],
)
def test_a_key_is_an_integer_of_a_machine_word(key, found):
    diagnostics = DiagnosticCollector()
    plain_data({key: 1}, diagnostics)

    assert [one.found for one in diagnostics.found()] == ([] if found is None else [found])


def test_the_values_of_data_are_listed_in_the_order_of_the_text():
    data = Pairs([("a", [1, {"b": 2}]), ("c", Pairs([("d", 3)])), ("e", (4,))])

    assert list(values_in(data)) == [data, [1, {"b": 2}], 1, {"b": 2}, 2, [("d", 3)], 3, (4,)]


def test_the_invalid_values_of_data_are_found_at_any_depth():
    (bad,) = bad_values_in(plain_or_bad([1, {"a": math.nan}], DiagnosticCollector()))

    assert bad.problem.place.path == "$[1].a"


@table(
    ("value", "text"),
    [("x" * 58, f'"{"x" * 58}"'), ("x" * 59, f'"{"x" * 58}…'), ({1, 2}, "a set"), ("é", '"é"')],
)
def test_the_json_of_a_value_has_at_most_60_characters(value, text):
    assert short_json(value) == text


@table(
    ("text", "number"),
    [
        ("-5", -5), ("5", 5), ("5.5", 5.5), ("1e3", 1000.0), ("9" * 400, int("9" * 400)), ("9" * 401, math.inf),
        ("-" + "9" * 399, -int("9" * 399)), ("-" + "9" * 400, math.inf),
    ],
)  # fmt: skip
def test_a_number_of_more_than_400_characters_is_infinite(text, number):
    found = number_from_text(text)

    assert (type(found), found) == (type(number), number)
