"""The metadata of a length field define its meaning; its name does not."""

from dataclasses import dataclass, field
from typing import final

import pytest

from paramsched.core.plan import resolve
from paramsched.core.schedules import Schedule, parse
from paramsched.core.schedules.anneal import warmup
from paramsched.core.schedules.lengths import FILLS, PERIOD
from paramsched.core.time import Calendar, Duration
from paramsched.errors import InvalidArgument


@final
@dataclass(frozen=True, slots=True)
class Fall(Schedule):
    """A decay from 1 to 0 over its length that repeats after each period."""

    tooth: Duration = field(metadata=PERIOD)
    width: Duration | None = field(default=None, metadata=FILLS)

    @property
    def length(self):
        return self.width

    def _at(self, t, base, ops):
        return base.scaled(1.0 - ops.floating(t % self.tooth.updates) / self.width.updates)


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


def test_a_filling_field_takes_the_remaining_time_whatever_its_name():
    written = warmup("50%") >> Fall(Duration.of("5%"))

    _, fall = resolve(written, Calendar(total=100)).stages

    assert written.fills
    assert (fall.width, fall.tooth) == (Duration.of(50), Duration.of(5))
    assert fall(7) == 1 - 2 / 50


def test_a_filling_shape_without_a_length_field_is_rejected_with_a_fix():
    with pytest.raises(InvalidArgument, match=r"field\(metadata=FILLS\)"):
        resolve(Unmarked(), Calendar(total=100))


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('warmup("1 epoch - 20 steps") >> cosine()', 'length "1 epoch - 20 steps": the length resolves to -15 updates'),
        ('one_cycle("5%", index="t/(n-1)")', 'length "5% - 1 step": the length resolves to -0.5 updates'),
    ],
)
def test_a_length_that_resolves_to_a_negative_number_is_shown_as_written(line, found):
    with pytest.raises(InvalidArgument, match=found):
        resolve(parse(line), Calendar(total=10, steps_per_epoch=5))
