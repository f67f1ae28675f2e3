"""`check_rule` reports metric rules that break a law, with one wrong rule per law."""

from dataclasses import dataclass, replace
from itertools import count

import pytest

import paramsched as ps
from paramsched.feedback.base import MetricRule
from paramsched.testing import BrokenLaw, check_rule

_CALLS = count()


@dataclass(frozen=True)
class Seen:
    worse: int = 0
    last: float = 1e9


@dataclass(frozen=True, eq=False, repr=False)
class Right(MetricRule[Seen]):
    """A correct rule that halves after each higher metric; each class below breaks one law."""

    metric: str = "loss"

    def init(self):
        return Seen()

    def observe(self, state, value):
        return Seen(min(state.worse + (value > state.last), 9), value)

    def apply(self, state, value, base=1.0):
        return value * 0.5**state.worse

    def restore(self, data):
        return Seen(**data)


class ChangesAtFirst(Right):
    def apply(self, state, value, base=1.0):
        return value * 0.5


class Random(Right):
    def observe(self, state, value):
        return replace(Right.observe(self, state, value), last=float(next(_CALLS)))


class ForgetsItsState(Right):
    def restore(self, data):
        return Seen(data["worse"])


class KeepsASet(Right):
    def observe(self, state, value):
        return replace(state, last={value})


class AppliesInTurns(Right):
    def apply(self, state, value, base=1.0):
        return value if state.worse == 0 else value * next(_CALLS)


class Grows(Right):
    def apply(self, state, value, base=1.0):
        return value if state.worse == 0 else value * float("inf") if value else 0.0


class FallsOverNan(Right):
    def observe(self, state, value):
        return Seen(state.worse + int(value) * 0, value)


@dataclass
class Loose:
    worse: int = 0


class StateCanChange(Right):
    def init(self):
        return Loose()


class ChangesTheState(Right):
    def observe(self, state, value):
        object.__setattr__(state, "worse", state.worse + 1)
        return state


@pytest.mark.parametrize(
    ("wrong", "law"),
    [
        (ChangesAtFirst, "in its initial state a rule changes no value"),
        (Random, "the same state and metric give the same state"),
        (ForgetsItsState, "restore recreates it"),
        (KeepsASet, "a frozen dataclass of JSON scalars"),
        (AppliesInTurns, "apply is deterministic"),
        (Grows, "apply returns a finite number"),
        (FallsOverNan, "observe returns a state or raises"),
        (StateCanChange, "a frozen dataclass"),
        (ChangesTheState, "observe does not modify its state"),
    ],
)
def test_a_rule_that_breaks_a_law_is_reported(wrong, law):
    check_rule(Right())

    with pytest.raises(BrokenLaw, match=law):
        check_rule(wrong())


@pytest.mark.parametrize(
    "rule",
    [ps.plateau("loss", patience=1), ps.plateau("loss", mode="max", min=0.1), ps.greedy("loss"), ps.new_bob("loss")],
)
def test_the_rules_of_the_library_obey_the_laws(rule):
    check_rule(rule)
