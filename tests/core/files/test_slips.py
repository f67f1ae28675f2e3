"""Slips in the YAML of a plan: the line of the problem, and the mended line, which reads when it is pasted."""

import pytest

import paramsched as ps
from paramsched.errors import ConfigError, InvalidArgument
from support.tables import table

KL = 'targets: {kl: {initial: 1, schedule: "linear(0, 1)"}}'
WARM = 'warmup("5%") >> cosine()'


def advised(problem):
    """Return the line that a problem says to write."""
    return problem.advice.partition("rite ")[2]


@table(
    ("text", "place", "lines", "mended"),
    [
        ("groups:\n  head: {lr: linear(1.0, 0.1)}", 2, 1, 'head: {lr: "linear(1.0, 0.1)"}'),
        ("targets: {kl: {initial: 1, schedule: linear(0, 1)}}", 1, 1, KL),
        ("groups:\n  head: {lr: 0.5 * step(5, 0.5)}", 2, 1, 'head: {lr: "0.5 * step(5, 0.5)"}'),
        ("groups: {a: {lr: linear(1, 0)}}", 1, 1, 'groups: {a: {lr: "linear(1, 0)"}}'),
        (f'lr: "{WARM}"', 1, 1, f"lr: {WARM}"),
        (f"total: 9\nlr: '{WARM}'".replace('"', "'"), 2, 1, "lr: warmup('5%') >> cosine()"),
        ('lr: warmup("5%")\n>> cosine()\ntotal: 100', 1, 2, f"lr: {WARM}"),
        ('lr: warmup("5%") >>\ncosine()\ntotal: 100', 1, 2, f"lr: {WARM}"),
        ("lr: linear()\n* cosine()\n* cosine()", 1, 3, "lr: linear() * cosine() * cosine()"),
        ("lr: cosine(over=9) # to 0\n  >> constant()", 1, 2, "lr: cosine(over=9) >> constant()"),
        ("lr: cosine()\ntotal:100", 2, 1, "total: 100"),
        ("lr:cosine()\ntotal: 100", 1, 1, "lr: cosine()"),
        ("lr = cosine()\ntotal: 100", 1, 1, "lr: cosine()"),
        ("total: 100\nlr = cosine()", 2, 1, "lr: cosine()"),
        ("lr: cosine()\n total: 100", 2, 1, "total: 100"),
        ("lr: [warmup(10), cosine()]", 1, 1, "lr: warmup(10) >> cosine()"),
        ("lr:\n  - warmup(10)\n  - cosine()\ntotal: 90", 2, 0, "lr: warmup(10) >> cosine()"),
        ("lr: {type: cosine, to: 0.1}", 1, 1, "lr: cosine(to=0.1)"),
        ("lr: {cosine: {to: 0.1}}", 1, 1, "lr: cosine(to=0.1)"),
        ("lr: {schedule: cosine()}", 1, 1, "lr: cosine()"),
        ("lr: [{type: warmup, over: 10}, cosine()]", 1, 1, "lr: warmup(over=10) >> cosine()"),
        ("lr: cosine()\nhead:\n  lr: linear(1, 0)", 2, 2, 'groups: {head: {lr: "linear(1, 0)"}}'),
        ('lr: cosine()\n"body, head": {lr: linear()}', 2, 1, 'groups: {"body, head": {lr: linear()}}'),
    ],
)  # fmt: skip
def test_a_slip_names_the_users_own_line_mended(text, place, lines, mended):
    with pytest.raises(ConfigError) as refusal:
        ps.loads(text)

    (problem,) = refusal.value.problems
    assert problem.line == place
    assert advised(problem) == mended
    if lines:
        rows = text.split("\n")
        indent = " " * (len(rows[place - 1]) - len(rows[place - 1].lstrip()))
        indent = "" if mended == "total: 100" else indent
        assert ps.loads("\n".join([*rows[: place - 1], indent + mended, *rows[place - 1 + lines :]]))


def test_each_of_several_slips_is_reported():
    with pytest.raises(ConfigError) as refusal:
        ps.loads("total = 90\nlr:cosine()\ngroups:\n  head: {lr: linear(1, 0)}\n")

    problems = refusal.value.problems
    assert [one.line for one in problems] == [1, 2, 4]
    assert [advised(one) for one in problems] == ["total: 90", "lr: cosine()", 'head: {lr: "linear(1, 0)"}']


def test_groups_that_exist_get_the_group():
    with pytest.raises(ConfigError) as refusal:
        ps.loads("lr: cosine()\ngroups: {a: {lr: linear()}}\nhead: {lr: step(3)}")

    assert refusal.value.problems[0].advice == "Write it under groups, as head: {lr: step(3)}"


@table("line", ["lr = cosine()", "lr:cosine()", "lr=cosine()"])
def test_one_line_is_mended_in_python_too(line):
    with pytest.raises(InvalidArgument) as refusal:
        ps.resolve(line, total=10)

    assert refusal.value.problem.advice == "Write 'lr: cosine()'"


@table("text", ["lr: %cosine()", "lr: @x", "lr: cosine(\n", "lr: cosine()\nlr: linear()", "a: [1, 2", "\tlr: cosine()"])
def test_another_mistake_keeps_its_message_and_place(text):
    with pytest.raises(ConfigError) as refusal:
        ps.loads(text)

    assert all("rite" not in one.advice for one in refusal.value.problems)
