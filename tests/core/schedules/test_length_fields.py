"""The metadata of a length field define its meaning; its name does not."""

from dataclasses import dataclass
from typing import final

import pytest

from paramsched.core.plan import resolve
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.anneal import warmup
from paramsched.core.time import Calendar, Duration
from paramsched.errors import InvalidArgument


@final
@dataclass(frozen=True, slots=True)
class Unmarked(Schedule):
    """A filling shape that does not mark its length field."""

    over: Duration | None = None
    fills = True

    @property
    def length(self):
        return self.over

    def _at(self, t, base, ops):
        return base


@final
@dataclass(frozen=True, slots=True)
class Late(Schedule):
    """0 until a time, which has no metadata, and base from then on."""

    begin: Duration
    length = None

    def _at(self, t, base, ops):
        return base.scaled(ops.where(t >= self.begin.count, 1.0, 0.0))


def test_a_length_without_metadata_counts_from_the_start_of_the_stage():
    calendar = Calendar(total=100, steps_per_epoch=8)

    assert resolve(Late(Duration.of("1.5 epochs")), calendar).begin == Duration.of(12)
    assert resolve(warmup("2.5 steps") >> Late(Duration.of("10%")), calendar).stages[1].begin == Duration.of(10)


def test_a_filling_shape_without_a_length_field_is_rejected_with_a_fix():
    with pytest.raises(InvalidArgument, match=r"field\(metadata=FILLS\)"):
        resolve(Unmarked(), Calendar(total=100))
