"""`take` and `skip`: the run they are planned for, their lengths, and invalid arguments."""

from fractions import Fraction

import numpy as np
import pytest

from paramsched.core.plan import resolve
from paramsched.core.schedules import parse
from paramsched.core.schedules.anneal import linear, warmup
from paramsched.core.schedules.cuts import depends_on_horizon, skip
from paramsched.core.schedules.lengths import Span
from paramsched.core.schedules.periods import step
from paramsched.core.schedules.recipes import overlay
from paramsched.core.time import Calendar, Duration
from paramsched.errors import InvalidArgument
from support.tables import table

RUN = Calendar(total=100, steps_per_epoch=10)


def test_boundaries_of_a_part_are_rounded_up_once_relative_to_the_run():
    schedule = resolve(parse('warmup("1.5 steps") >> skip(linear(over="10.2 steps"), "1.2 steps") >> constant()'), RUN)

    # The clock of the line starts at 0.3, so its first update is 1. It ends at 10.5, before update 11.
    assert str(schedule) == "warmup(2) >> skip(linear(over=10), 1) >> constant()"


def test_times_are_limited_to_the_range_of_a_clock():
    far = skip(skip(step(10**18, 0.5), 10**18), 10**18)

    assert far(0) == far(10**18) == 0.5
    assert far(np.array([0, 10**18])).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("name", ["take", "skip"])
def test_a_run_of_no_updates_is_rejected(name):
    with pytest.raises(InvalidArgument, match="must be greater than 0"):
        parse(f"{name}(cosine(), 5, of=0)")
    with pytest.raises(InvalidArgument, match="the run must be longer than 0"):
        resolve(parse(f'{name}(cosine(), 5, of="1 epoch - 10 steps")'), RUN)


@pytest.mark.parametrize("line", ["take(cosine(), -1)", 'skip(cosine(), "-5%")'])
def test_the_length_of_a_part_must_not_be_negative(line):
    with pytest.raises(InvalidArgument, match="a length must not be negative"):
        parse(line)


def test_an_overlay_equals_the_schedule_of_bert():
    """BERT uses a polynomial decay from update 0, replaced by base * t / warmup in the first updates."""
    run, up = 1000, 100

    own = resolve(overlay(warmup("10%"), linear()), Calendar(total=run))

    peer = [1e-4 * t / up if t < up else 1e-4 * (1 - t / run) for t in range(run + 1)]
    np.testing.assert_allclose(own(np.arange(run + 1), 1e-4), peer, rtol=1e-14, atol=1e-18)


@table(
    ("line", "depends"),
    [
        ('warmup("5%")', True), ("cosine()", True), ("warmup(5) >> constant()", False), ('multistep([5, "5%"])', True),
        ('recurrence(rules.schedule(linear(over="5%")))', True), ("recurrence(rules.schedule(linear()))", True),
        ("recurrence(rules.schedule(linear(over=5)))", False), ("take(cosine(), 5)", True),
        ("take(cosine(), 5, of=9)", False), ('take(cosine(), "5%", of=9)', True), ("skip(cosine(), 5)", True),
        ("skip(linear(over=9), 5)", False), ("skip(cosine(), 5, of=9)", False), ("as_factor(cosine())", True),
        ("as_factor(linear(over=5))", False), ('like("lr")', False), ('like("lr") * cosine()', True),
        ('maximum(like("lr"), constant())', False), ("warmup(5) >> skip(take(cosine(), 5, of=9), 2)", False),
        ('warmup(5) >> maximum(cosine(over=5), window(constant(), 0, "5%"))', True),
    ],
)  # fmt: skip
def test_a_schedule_depends_on_the_horizon_by_percentages_and_open_lengths(line, depends):
    assert depends_on_horizon(parse(line)) is depends


class Epochs:
    """Units of a run whose epochs have 4 updates if they start before update 20, and 6 later."""

    varies = updates_vary = True

    def exact(self, duration, *, begin=Fraction(0)):
        return duration.terms[0][1] * (4 if begin < 20 else 6)

    def count_text(self, count):
        return str(count)

    def for_run(self, length):
        return self, Fraction(0)


@table(
    ("begin", "before"),
    [(0, 8), (8, 8), ("21/2", 8), (27, 8), ("55/2", "15/2"), (30, 10), (32, 12), ("65/2", 12), (50, 12)],
)
def test_a_length_before_a_time_ends_at_that_time_if_it_can(begin, before):
    span = Span(Epochs(), Fraction(begin), None, None)

    assert span.before(Duration.of("2 epochs")) == Fraction(before)
