"""`check_rule` reports metric rules that break a law, with one wrong rule per law."""

from dataclasses import dataclass, replace
from itertools import count

import pytest

import paramsched as ps
from paramsched.core.feedback.base import MetricRule
from support.laws import BrokenLaw, check_rule

_CALLS = count()


@dataclass(frozen=True)
class State:
    worse: int = 0
    last: float = 1e9


@dataclass(frozen=True, eq=False, repr=False)
class Correct(MetricRule[State]):
    """A correct rule that halves after each higher metric; each class below breaks one law."""

    metric: str = "loss"

    def init(self):
        return State()

    def observe(self, state, value):
        return State(min(state.worse + (value > state.last), 9), value)

    def apply(self, state, value, base=1.0):
        return value * 0.5**state.worse

    def restore(self, data):
        return State(**data)


class ChangesInitially(Correct):
    def apply(self, state, value, base=1.0):
        return value * 0.5


class Random(Correct):
    def observe(self, state, value):
        return replace(Correct.observe(self, state, value), last=float(next(_CALLS)))


class ForgetsItsState(Correct):
    def restore(self, data):
        return State(data["worse"])


class KeepsASet(Correct):
    def observe(self, state, value):
        return replace(state, last={value})


class AppliesRandomly(Correct):
    def apply(self, state, value, base=1.0):
        return value if state.worse == 0 else value * next(_CALLS)


class AppliesRandomlyToSmallBases(Correct):
    def apply(self, state, value, base=1.0):
        return value if state.worse == 0 or base > 0.5 else value * next(_CALLS)


class OverflowsAfterNan(Correct):
    def apply(self, state, value, base=1.0):
        return value if state.last == state.last or base > 0.5 else float("inf")


class CountsItsPlans(Correct):
    """Begins with another state from its second start on, which is the one in a plan."""

    def init(self):
        object.__setattr__(self, "starts", getattr(self, "starts", 0) + 1)
        return State(0, 1e9) if self.starts == 1 else State(0, 0.0)


class Overflows(Correct):
    def apply(self, state, value, base=1.0):
        return value if state.worse == 0 else value * float("inf") if value else 0.0


class FailsForNan(Correct):
    def observe(self, state, value):
        return State(state.worse + int(value) * 0, value)


@dataclass
class MutableState:
    worse: int = 0
    last: float = 1e9


class HasMutableState(Correct):
    def init(self):
        return MutableState()

    def observe(self, state, value):
        return MutableState(state.worse, value)

    def restore(self, data):
        return MutableState(**data)


class ModifiesItsState(Correct):
    def observe(self, state, value):
        object.__setattr__(state, "worse", state.worse + 1)
        return state


@dataclass(frozen=True)
class PickledState(State):
    def __reduce__(self):
        return PickledState, ()


class ForgetsItsStateInAPickle(Correct):
    def init(self):
        return PickledState()

    def observe(self, state, value):
        return PickledState(state.worse, value)

    def restore(self, data):
        return PickledState(**data)


@pytest.mark.parametrize(
    ("wrong", "law", "where"),
    [
        (ForgetsItsStateInAPickle, "restore recreates it", "metric 0, 1.0"),
        (ChangesInitially, "in its initial state a rule changes no value", "at the start"),
        (Random, "the same state and metric give the same state", "metric 0, 1.0"),
        (ForgetsItsState, "restore recreates it", "metric 0, 1.0"),
        (KeepsASet, "a frozen dataclass of JSON scalars", "metric 0, 1.0"),
        (AppliesRandomly, "apply is deterministic", "metric 2, 0.95"),
        (AppliesRandomlyToSmallBases, "apply is deterministic", "metric 2, 0.95"),
        (Overflows, "apply returns a finite number", "metric 2, 0.95"),
        (OverflowsAfterNan, "observe returns a state or raises", "metric nan"),
        (FailsForNan, "observe returns a state or raises", "metric nan"),
        (HasMutableState, "a frozen dataclass", "at the start"),
        (ModifiesItsState, "observe does not modify its state", "metric 0, 1.0"),
        (CountsItsPlans, "a rule reaches the same state in a plan", "after 17 metrics"),
    ],
)
def test_a_rule_that_breaks_a_law_is_reported(wrong, law, where):
    check_rule(Correct())

    with pytest.raises(BrokenLaw, match=law) as broken:
        check_rule(wrong())
    assert broken.value.where == where


class DependsOnBase(Correct):
    """Correct: a reduced value is at least a hundredth of base."""

    def apply(self, state, value, base=1.0):
        return max(value * 0.5**state.worse, 0.01 * base) if state.worse else value


class RefusesNan(Correct):
    """Correct: it raises an error of paramsched for a metric that is not finite."""

    def observe(self, state, value):
        if not abs(value) < float("inf"):
            raise ps.InvalidArgument("observe(…)", "not finite")
        return super().observe(state, value)


@pytest.mark.parametrize(
    "rule",
    [
        RefusesNan(),
        DependsOnBase(),
        ps.plateau("loss", patience=1),
        ps.plateau("loss", mode="max", min=0.1),
        ps.greedy("loss"),
    ],
)
def test_correct_rules_obey_the_laws(rule):
    check_rule(rule)


def test_text_that_reads_back_as_another_rule_is_reported(monkeypatch):
    rule = ps.plateau("loss", patience=1)
    monkeypatch.setattr(type(rule), "__str__", lambda one: f"plateau(patience={one.patience + 1})")

    with pytest.raises(BrokenLaw, match="text reads back as an equal rule"):
        check_rule(rule)
