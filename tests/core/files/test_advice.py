"""The fix suggested by an error of a file or a command works when it is applied there."""

import copy
import json
import re

import pytest
import yaml

from paramsched.core import files as config
from paramsched.core.files import native
from paramsched.errors import ConfigError
from support.tables import table

GOOD = {
    "horizon": "20 epochs",
    "lr": "warmup('5%') >> cosine(to=0.01)",
    "weight_decay": [{"warmup": {"over": "5%", "start": 0.1, "curve": "cosine"}}, {"cosine": {"to": 0.5}}],
    "eps": {"product": [{"step": {"every": "2 epochs", "gamma": 0.5}}, {"plateau": {"factor": 0.5, "patience": 3}}]},
    "groups": {
        "head": {"lr": {"multistep": {"milestones": ["5 epochs", 300], "gamma": 0.2}}},
        0: {"momentum": "constant(0.9)"},
    },
    "targets": {"temperature": {"initial": 1.0, "schedule": {"restarts": {"schedule": "cosine()", "every": 100}}}},
}
WRONG = (
    None,
    True,
    "",
    "yes",
    "5",
    "-5 epochs",
    "5 parsecs",
    -1,
    1.5,
    float("nan"),
    float("inf"),
    10**400,
    [],
    {},
)
PLACES = (
    *(("horizon",), ("lr",), ("weight_decay",), ("weight_decay", 0), ("weight_decay", 0, "warmup", "over")),
    *(("weight_decay", 0, "warmup", "start"), ("weight_decay", 0, "warmup", "curve"), ("eps",)),
    *(("eps", "product", 0, "step", "every"), ("groups", "head", "lr", "multistep", "gamma")),
    *(
        ("groups",),
        ("groups", "head"),
        ("groups", "head", "lr", "multistep", "milestones", 0),
        ("groups", 0, "momentum"),
    ),
    *(("targets",), ("targets", "temperature"), ("targets", "temperature", "initial")),
    ("targets", "temperature", "schedule", "restarts", "every"),
)


def with_value(place, value):
    data = copy.deepcopy(GOOD)
    inner = data
    for part in place[:-1]:
        inner = inner[part]
    inner[place[-1]] = value
    return data


@pytest.mark.parametrize("every", ["2 epochs", 30, "5%"])
def test_a_call_given_as_an_example_is_a_valid_line(every):
    fault = refused({"lr": {"step": {"every": every, "gamma": -1}}})

    assert refused({"lr": fault.instead.removeprefix("For example: ")}) is None


def refused(data):
    """Return the only error; None if there is none."""
    try:
        native.to_plan(data)
    except ConfigError as refusal:
        (fault,) = refusal.diagnostics
        return fault
    return None


def written(instead):
    """Return the values in a suggested fix: quoted text, braces, brackets, or numbers."""
    words = instead.removeprefix("Write ")
    if words.startswith(("[", "{")):
        yield yaml.safe_load(words)
        return
    for piece in re.split(r", or | or (?=[\"{\[\d])|, (?=\")", words):
        plain = re.sub(r"^(a line of text: |a mapping: |a number, )", "", piece)
        if found := re.search(r"^\"[^\"]*\"(?=$| for)|^[{\[].*|^\d[\d.]*(?=$| for| say|,)|^\w+\(.*\)$", plain):
            yield yaml.safe_load(found[0])


@table("place", PLACES)
@pytest.mark.parametrize("value", WRONG, ids=lambda value: f"{value!r:.12}")
def test_every_value_named_in_the_fix_is_valid_in_place_of_the_wrong_one(place, value):
    fault = refused(with_value(place, value))
    if fault is None:
        return  # because the value is valid in this place

    if re.match(r"Write (multistep|restarts)\(", fault.instead):  # the fix is the entire call
        place, wanted = place[:-2], [fault.instead.removeprefix("Write ")]
    else:
        wanted = written(fault.instead)

    for better in wanted:
        assert refused(with_value(place, better)) is None, f"{fault}: {better!r}"


@table(
    ("wrong", "right"),
    [
        ({"lr": "cosin()"}, {"lr": "cosine()"}),
        ({"weight_decy": 1}, {"weight_decay": 1}),
        ({"lr": {"cosin": {}}}, {"lr": {"cosine": {}}}),
        ({"lr": {"step": {"evry": 3}}}, {"lr": {"step": {"every": 3}}}),
        ({"lr": 1, "horizn": 5}, {"lr": 1, "horizon": 5}),
        ({"lr": {"warmup": {"over": 5, "curve": "cosin"}}}, {"lr": {"warmup": {"over": 5, "curve": "cosine"}}}),
        ({"lr": "step(evry=3)"}, {"lr": "step(every=3)"}),
    ],
)
def test_the_suggested_name_is_valid(wrong, right):
    fault = refused(wrong)

    meant = re.search(r'(?:did you mean|nearest:) "(\w+)"', fault.found + fault.instead)[1]

    assert meant in json.dumps(right)
    assert meant not in json.dumps(wrong)
    assert refused(right) is None


@table(
    "text",
    [
        "lr cosine()", "lr:cosine()", "lr = cosine()", "cosine()", "lr: “cosine()”", "lr: ‘cosine()’",
        "", "- cosine()", "lr: cosine(",
    ],
)  # fmt: skip
def test_a_file_is_valid_after_the_suggested_fix(text):
    with pytest.raises(ConfigError) as refusal:
        config.loads(text)
    (fault,) = refusal.value.diagnostics
    advice = fault.instead.removeprefix("Write ").removeprefix("For example: ")

    tries = [advice, f"lr: {advice}", text + advice.removesuffix(" at its end")]
    closing = re.match(r"(\S+) at (?:its|the) end", advice)
    if closing:
        tries.append(text + closing[1])

    assert any(is_plan(one) for one in tries), str(fault)


def is_plan(text):
    try:
        config.loads(text)
    except ConfigError:
        return False
    return True
