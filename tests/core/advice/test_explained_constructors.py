"""Wrong arguments of a class, and of a function with a record of keywords; attributes that people try."""

import inspect
from typing import TypedDict, Unpack

import pytest

from paramsched.core.advice.calls import explain_wrong_keywords, explain_wrong_keywords_of
from paramsched.core.advice.tried_names import TriedName
from paramsched.errors import InvalidCall


@explain_wrong_keywords_of("PlanCallback")
class Callback:
    save = TriedName("a Callback", "Write ps.dump(plan)")
    load = TriedName("a Callback", lambda: 'did you mean "loads"?')

    def __init__(self, plan: str, over: int = 5) -> None:
        self.made = plan, over


class Facts(TypedDict, total=False):
    total: int | None


def run(plan: str, **facts: Unpack[Facts]) -> tuple[str, Facts]:
    return plan, facts


def test_the_constructor_of_a_class_names_the_argument_that_is_meant() -> None:
    with pytest.raises(InvalidCall, match=r'^PlanCallback\(…\): unknown argument "ovr"; did you mean "over"\?'):
        Callback("cosine()", ovr=3)  # type: ignore[call-arg]

    assert Callback("cosine()", over=3).made == ("cosine()", 3)


def test_the_keywords_of_a_record_are_listed_and_others_are_refused() -> None:
    explained = explain_wrong_keywords(run, "run")

    assert list(inspect.signature(explained).parameters) == ["plan", "total"]
    assert explained("x", total=3) == ("x", {"total": 3})
    with pytest.raises(InvalidCall, match='unknown argument "totl"; did you mean "total"'):
        explained("x", totl=3)  # type: ignore[call-arg]


def test_an_attribute_that_people_try_raises_with_the_line() -> None:
    made = Callback("cosine()")

    with pytest.raises(AttributeError, match=r"^a Callback has no attribute 'save'\. Write ps\.dump\(plan\)$") as tried:
        _ = made.save
    assert (tried.value.name, tried.value.obj) == ("save", made)
    with pytest.raises(AttributeError, match="'load'; did you mean \"loads\""):
        _ = made.load
