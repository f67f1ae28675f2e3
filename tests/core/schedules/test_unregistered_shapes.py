"""Schedules of unregistered classes: they can be evaluated but have no text."""

from dataclasses import dataclass
from typing import final

import pytest

from paramsched.core import files as config
from paramsched.core.plan import Plan
from paramsched.core.schedules import Schedule, rules
from paramsched.core.schedules.anneal import cosine, warmup
from paramsched.core.schedules.recurrence import recurrence
from paramsched.core.time import Calendar
from paramsched.errors import PlanError


@final
@dataclass(frozen=True, slots=True)
class Flat(Schedule):
    height: float

    @property
    def length(self):
        return None

    def _at(self, t, base, ops):
        return base.scaled(self.height)


def flat(height: float) -> Flat:
    return Flat(height)


@pytest.mark.parametrize("schedule", [Flat(0.5), warmup(5) >> Flat(0.5), 2 * Flat(0.5) + cosine()])
def test_an_unregistered_shape_can_be_planned_but_not_written(schedule):
    plan = Plan(lr=schedule)

    assert not plan.serializable
    assert "<Flat(height=0.5)>" in str(plan)
    assert plan == plan
    assert plan != Plan(lr=schedule)
    with pytest.raises(PlanError, match=r"^dump\(plan\)"):
        config.dump(plan)
    with pytest.raises(PlanError, match="fingerprint"):
        _ = plan.fingerprint


def test_a_config_reads_an_unregistered_shape_if_given_its_builder():
    plan = config.loads("lr: warmup(5) >> flat(0.5)\nweight_decay: 2 * flat(0.25)", shapes=[flat])

    schedule = plan.resolve(Calendar(total=10)).bindings[0].schedule
    assert schedule(7) == 0.5
    assert plan.bindings[1].schedule == 2 * Flat(0.25)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Tall(Schedule):
    heights: tuple[float, ...]
    below: Schedule | None = None
    length = None

    def _at(self, t, base, ops):
        return base.scaled(self.heights[0])


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Halving(rules.Rule):
    floor: float
    begin: int = 0
    end: int | None = None
    by: str = "update"

    def step_columns(self, k):
        return rules.Coefficients(0.5 + 0 * k, 0 * k, 0.5 * self.floor + 0 * k, 0 * k)


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        (Tall((0.5, 1.0)), "<Tall(heights=(0.5, 1.0), below=None)>"),
        (Tall((0.5,), below=Tall((1.0,))), "<Tall(heights=(0.5,), below=<Tall(heights=(1.0,), below=None)>)>"),
        (cosine() >> Tall((0.5,), below=warmup(5)), "cosine() >> <Tall(heights=(0.5,), below=warmup(5))>"),
        (recurrence(Halving(0.1)), "recurrence(<Halving(floor=0.1, begin=0, end=None, by='update')>)"),
    ],
    ids=["shape", "nested", "stage", "rule"],
)
def test_a_class_without_its_own_repr_is_shown_by_its_fields(schedule, text):
    assert (str(schedule), repr(schedule)) == (text, text)
    assert not schedule.serializable
