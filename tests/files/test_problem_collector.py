"""The collector of the problems of a config: all of them at once, each with its path, and a limited number of them."""

import sys

import pytest

from paramsched.base.problem_collector import ProblemCollector
from paramsched.errors import ConfigError
from paramsched.files import plan_data
from paramsched.files.reading import plain_data
from support.tables import table


def problems(data):
    with pytest.raises(ConfigError) as refusal:
        plan_data.to_plan(data)
    return refusal.value.lines


def test_five_thousand_errors_are_counted_instead_of_listed():
    actual = problems({f"x{index}": True for index in range(5_000)})

    assert len(actual) == 201
    assert actual[-1] == "and 4800 more"


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


def test_unknown_names_beyond_the_listed_ones_are_counted():
    collector = ProblemCollector()
    collector.refuse_unknown(["over", *(f"x{n}" for n in range(203))], ["over"], "$", "unknown")
    collector.refuse_unknown(["x"], [], "$", "unknown")

    assert collector.lines()[0] == "$.x0: unknown; expected over"
    assert (len(collector.lines()), collector.lines()[-1]) == (201, "and 4 more")


@pytest.mark.parametrize("number", [199, 200, 201])
def test_two_hundred_problems_are_listed(number):
    collector = ProblemCollector()
    for index in range(number):
        collector.add(f"$.x{index}", "wrong")
    collector.add("$.x0", "wrong")  # once more

    assert collector.full is (number >= 200)
    assert len(collector.lines()) == min(number, 200) + (number >= 200)


@table(
    ("key", "message"),
    [
        (sys.maxsize, None),
        (-sys.maxsize, None),
        (sys.maxsize + 1, "the key 9223372036854775808 is too large"),
        (10**40 - 1, f"the key {10**40 - 1} is too large"),
        (10**40, "the key is an integer of 41 digits"),
    ],
)
def test_a_key_is_an_integer_of_a_machine_word(key, message):
    collector = ProblemCollector()
    plain_data({key: 1}, collector)

    assert [problem.found for problem in collector.problems()] == ([] if message is None else [message])
