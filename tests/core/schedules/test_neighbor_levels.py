"""Levels from neighbors: resolve replaces `previous` and `following` by numbers."""

from dataclasses import dataclass
from typing import final

import numpy as np
import pytest

import paramsched as ps
from paramsched.core.curves.arrays import Array, Arrays
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.affine import Affine
from paramsched.core.time import Duration
from support.tables import table

NO_MULTIPLE = "its value is not a multiple of base plus a constant"
RUN = ps.Calendar(total=10_000)


# ---- the preceding stage


@table("base", [1.0, 0.1, 3e-4, -0.5, 0.0])
@pytest.mark.parametrize(
    "before", ["inverse_sqrt(37)", "exponential(0.99)", "cosine(start=0.9, to=0.17, over=1000)", "noam(512, 40)"]
)
def test_a_stage_starts_at_exactly_the_float_at_which_the_preceding_stage_ends(before, base):
    schedule = ps.resolve(ps.parse(f"window({before}, end=77) >> linear(previous, 0, 10)"), calendar=RUN)

    assert schedule(77, base) == schedule.stages[0](77, base)
    assert np.array_equal(schedule(np.arange(77), base), schedule.stages[0](np.arange(77), base))


# ---- nested sequences


# ---- neighbors that are not affine


@final
@dataclass(frozen=True, slots=True)
class Squared(Schedule):
    """A user shape that is nonlinear in base: value(t) = base squared."""

    length = Duration.of(10)

    @property
    def affine(self) -> bool:
        return False

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        return Affine(None, base.constant() * base.constant() + 0 * t)


def test_a_user_shape_that_is_nonlinear_in_base_requires_a_number():
    with pytest.raises(ps.errors.InvalidArgument, match=NO_MULTIPLE):
        ps.resolve(Squared() >> ps.linear(ps.previous, 0, over=10), calendar=RUN)


# ---- errors


# ---- cycles
