"""`check_shape` reports shapes that break a law, with one wrong shape per law."""

from dataclasses import dataclass, field, replace
from itertools import count

import numpy as np
import pytest
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.affine import Affine
from paramsched.core.schedules.lengths import PERIOD
from paramsched.core.time import Duration, DurationLike
from paramsched.errors import InvalidArgument
from support.last_places import same_answer
from support.laws import BrokenLaw, check_shape
from support.registered_shapes import shapes_as_before


@dataclass(frozen=True)
class Correct(Schedule):
    """A correct schedule that halves in every period; each class below breaks one law."""

    period: Duration = field(default=Duration.of(30), metadata=PERIOD)
    length = None

    def _at(self, t, base, ops):
        return base.scaled(0.5 ** (ops.floating(t) / max(self.period.count, 1)))


class DependsOnOtherTimes(Correct):
    def _at(self, t, base, ops):
        return base.scaled(ops.floating(t) / (1.0 + np.max(ops.floating(t))))


class DependsOnOrder(Correct):
    def _at(self, t, base, ops):
        return base.scaled(np.maximum.accumulate(ops.floating(t) % 7))


class KeepsState(Correct):
    def _at(self, t, base, ops):
        return base.scaled(ops.floating(t) * 0 + next(_CALLS))


_CALLS = count(1)


class NotFinite(Correct):
    def _at(self, t, base, ops):
        return base.scaled(1.0 / ops.where(t == 5, 0.0, 1.0 + ops.floating(t)))


class NotANumber(Correct):
    def __call__(self, t, base=1.0):
        return super().__call__(t, base) * np.where(np.equal(t, 5) & (base != 0), np.nan, 1.0)


class SquaresBase(Correct):
    def __call__(self, t, base=1.0):
        return super().__call__(t, base) * base


class NotAffine(Correct):
    def _at(self, t, base, ops):
        value = Correct._at(self, t, base, ops)
        return value if value.factor is None else Affine(None, value.factor)  # base is lost


class NonzeroAtZeroBase(Correct):
    def _at(self, t, base, ops):
        return base.scaled(ops.floating(t) * 0 + 0.5) + Affine(None, ops.floating(t) * 0 + 1.0)


class ChangesAfterItsEnd(Correct):
    length = Duration.of(10)


class BreakpointsOutOfOrder(Correct):
    def breakpoints(self, until=None):
        return (0, 20, 10)


class BreakpointsWithoutStart(Correct):
    def breakpoints(self, until=None):
        return (10, 20)


class BreakpointsWithoutEnd(Correct):
    length = Duration.of(10)

    def _at(self, t, base, ops):
        return super()._at(np.minimum(t, 10), base, ops)

    def breakpoints(self, until=None):
        return (0, 5)


class ResolvesAgain(Correct):
    def _resolve(self, span):
        return type(self)(Duration.of(self.period.updates + 1))


@pytest.mark.parametrize(
    ("wrong", "law"),
    [
        (DependsOnOtherTimes(), "an array of times gives the same values as each time alone"),
        (DependsOnOrder(), "gives the same values as each time alone|does not depend on the order"),
        (KeepsState(), "gives the same values as each time alone|does not depend on the order"),
        (NotFinite(), "every value is a finite number"),
        (NotANumber(), "every value is a finite number"),
        (SquaresBase(), "a multiple of base plus an absolute value"),
        (NotAffine(), "a multiple of base plus an absolute value|without absolute levels"),
        (NonzeroAtZeroBase(), "a schedule without absolute levels is 0 if base is 0"),
        (ChangesAfterItsEnd(), "a schedule holds its last value after its end"),
        (BreakpointsOutOfOrder(), "breakpoints are sorted, unique integers"),
        (BreakpointsWithoutStart(), "breakpoints are sorted, unique integers"),
        (BreakpointsWithoutEnd(), "breakpoints are sorted, unique integers"),
        (ResolvesAgain(), "resolving a resolved schedule does not change it"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Schedule) else "",
)
def test_a_schedule_that_breaks_a_law_is_reported(wrong, law):
    check_shape(Correct())

    with pytest.raises(BrokenLaw, match=law) as broken:
        check_shape(wrong)
    found = PLACES.get(type(wrong))
    assert found is None or same_answer(f"{broken.value.where}: {broken.value.found}", found)


PLACES = {
    DependsOnOtherTimes: "at t = 1, base 0.1: alone 0.05, in an array of 20 times 9.960159362549801e-05",
    DependsOnOrder: "at t = 71, base 0.1: alone 0.1, in an array of 20 times 0.5",
    NotFinite: "at t = 5, base 0.1: inf",
    NotANumber: "at t = 5, base 0.1: nan",
    SquaresBase: "at t = 0, base 0.1: 0.010000000000000002, but the line through the values at base 0 and 1 gives 0.1",
    NonzeroAtZeroBase: "at t = 0, base 0.0: 1.0",
    ChangesAfterItsEnd: "at t = 11, base 0.1: 0.07755723809168674, but 0.07937005259840998 at its end, 10",
    BreakpointsOutOfOrder: "breakpoints(1000): (0, 20, 10)",
    BreakpointsWithoutStart: "breakpoints(1000): from 10 to 20, but the end is 1000",
    BreakpointsWithoutEnd: "breakpoints(1000): from 0 to 5, but the end is 10",
    ResolvesAgain: "resolved again: <ResolvesAgain(period=Duration.of(32))>",
}
"""Where a law is broken and what was found, if the first broken law is certain."""


def test_a_schedule_is_evaluated_near_its_breakpoints_across_the_run_and_after_its_end():
    calls = []

    class Recording(Correct):
        length = Duration.of("400.5 steps")

        def _at(self, t, base, ops):
            return super()._at(np.minimum(t, 401), base, ops)

        def _inner_breakpoints(self, since, until):
            return range(30, 400, 30)

        def __call__(self, t, base=1.0):
            calls.append((t, base))
            return super().__call__(t, base)

    check_shape(Recording(), ps.Calendar(total=900))

    arrays = [(t, base) for t, base in calls if isinstance(t, np.ndarray)]
    first = arrays[0][0]
    across = {903 * share // 14 for share in range(15)}
    near = {t + d for t in range(0, 331, 30) for d in (-1, 0, 1)} - {-1}
    assert {*first.tolist()} == near | across | {0, 1, 5, 900, 903}
    assert {base for _, base in arrays} == {0.0, 1.0, 0.1, 3e-4, 7.5}
    after_its_end = [401, 402, 408, 1802]
    for at in (0.1, 3e-4, 7.5):
        assert [t.tolist() for t, base in arrays if base == at and t.ndim == 1 and t[0] == 401] == [after_its_end]
        others = [t for t, base in arrays if base == at and (t.ndim > 1 or t[0] == 903)]
        assert [t.ravel()[:: 1 if t.ndim > 1 else -1].tolist() for t in others] == [first.tolist()] * 2
        sizes = [t.size for t, base in arrays if base == at and t.size not in (first.size, 4)]
        assert sizes == [first.size // 3, first.size - first.size // 3]


def test_breakpoints_are_read_in_the_run_and_at_most_to_update_5000():
    ends = []

    class Recording(Correct):
        def breakpoints(self, until=None):
            ends.append(until)
            return (0, 30)

    for total in (None, 900, 20_000):
        check_shape(Recording(), ps.Calendar(total=total))

    assert [*dict.fromkeys(ends)] == [1000, 900, 5000]


def test_a_schedule_that_is_not_affine_obeys_the_other_laws():
    shape = ps.clamp(ps.linear(1, 0), low=ps.absolute(0.05))

    assert not shape.affine
    check_shape(shape)


@pytest.fixture
def registered():
    """A shape registered for one test."""
    with shapes_as_before():
        yield ps.shape


def test_text_that_reads_back_as_another_schedule_is_reported(registered):
    @registered
    def forgets(period: DurationLike = 7) -> TextWithoutArguments:
        return TextWithoutArguments(Duration.of(period))

    check_shape(forgets())
    with pytest.raises(BrokenLaw, match="text reads back as an equal schedule"):
        check_shape(forgets, examples=20)


class HashOfTheObject(Correct):
    __hash__ = object.__hash__


class TextOfTheCall(Correct):
    def __str__(self):
        return f"of_a_test({next(_CALLS)})"


@pytest.mark.parametrize("kind", [HashOfTheObject, TextOfTheCall])
def test_an_equal_schedule_has_the_same_hash_and_text(registered, kind):
    @registered
    def of_a_test(period: DurationLike = 30) -> kind:
        return kind()

    with pytest.raises(BrokenLaw, match="text reads back as an equal schedule"):
        check_shape(of_a_test())


def test_a_value_that_pickle_does_not_restore_is_reported(registered):
    @registered
    def half_life(period: DurationLike = 7) -> PickledWithoutArguments:
        return PickledWithoutArguments(Duration.of(period))

    with pytest.raises(BrokenLaw, match="a pickled schedule is restored as an equal schedule"):
        check_shape(half_life(5))


def test_a_value_that_cannot_be_pickled_is_reported(registered):
    class Local(Correct):
        pass

    @registered
    def half_life_of_a_test(period: DurationLike = 7) -> Local:
        return Local(Duration.of(period))

    with pytest.raises(BrokenLaw, match="a schedule can be pickled") as broken:
        check_shape(half_life_of_a_test(5))
    assert "Local" in broken.value.found


def test_factors_that_do_not_give_the_values_are_reported(monkeypatch):
    other = Affine(np.full(1, 0.25), None)
    monkeypatch.setattr("support.laws.schedule_laws.columns", lambda schedule, times: other)

    with pytest.raises(BrokenLaw, match="the factors and offsets of a schedule, applied to base, give its values"):
        check_shape(ps.constant(0.5))


class TextWithoutArguments(Correct):
    def __str__(self):
        return "forgets()"


class PickledWithoutArguments(Correct):
    def __reduce__(self):
        return PickledWithoutArguments, ()


def test_arguments_are_generated_from_their_annotations(registered):
    drawn = []

    @registered
    def half_life(period: DurationLike = 1) -> Correct:
        drawn.append(str(period))
        return Correct(Duration.of(period))

    check_shape(half_life, examples=15)

    assert any("%" in period for period in drawn)
    assert any("epoch" in period for period in drawn)


def test_drawn_stages_that_are_longer_than_the_run_are_drawn_again():
    drawn = st.sampled_from(["60%", "30%"])

    def two_stages(first: DurationLike, second: DurationLike) -> Schedule:
        return ps.warmup(first) >> ps.linear(over=second)

    check_shape(two_stages, arguments={"first": drawn, "second": drawn}, examples=9)


def test_arguments_without_an_annotation_use_a_user_strategy():
    def painted(colour: bytes) -> Correct:
        return replace(Correct(), period=Duration.of(len(colour)))

    with pytest.raises(TypeError, match=r"cannot draw parameter 'colour' of .*painted.*arguments="):
        check_shape(painted)
    check_shape(painted, arguments={"colour": st.sampled_from([b"red", b"blue"])}, examples=3)


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("shape", "found"),
    [(lambda: 0.5, "expected a schedule, got float"), (lambda: ps.step(0), "rejects all drawn arguments")],
)
def test_invalid_shapes_are_rejected(shape, found):
    with pytest.raises(InvalidArgument, match=found):
        check_shape(shape, examples=2)


@pytest.mark.parametrize("wrong", [ps.errors, ps.curves.cosine, "cosine()", None])
def test_an_object_that_is_not_a_shape_is_refused(wrong):
    with pytest.raises(InvalidArgument, match="expected a schedule, or a function that returns schedules"):
        check_shape(wrong)
