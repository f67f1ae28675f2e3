"""The arguments that `check_shape` draws from the annotations of a shape."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core import curves
from paramsched.core.curves import CurveLike
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.affine import Absolute, Level
from paramsched.core.schedules.rules import Rule
from paramsched.core.time import Calendar, Duration, DurationLike
from support.laws.drawing import (
    Drawing,
    World,
    _lengths_in_updates,
    built,
    drawn_curve_argument,
    durations,
    levels,
    worlds,
)

WORLD = World(total=1000, epoch=20, batch=32, accumulation=1)


def all_drawn(strategy: st.SearchStrategy[Any], examples: int = 100) -> list[Any]:
    """Return values that a strategy draws, the same ones each time."""
    found: list[Any] = []

    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(strategy)
    def collect(value: Any) -> None:
        found.append(value)

    collect()
    return found


def of(hint: Any, name: str = "x", **options: Any) -> list[Any]:
    return all_drawn(Drawing(WORLD, lambda: st.just(ps.cosine()), **options)(name, hint, None, ps.step))


def test_arguments_have_the_type_of_their_annotation():
    assert {*of(bool)} == {True, False}
    assert {*of(Literal["a", "b"])} == {"a", "b"}
    assert {*of(Literal["update", "epoch"] | int)} == {"update", "epoch", 3}
    assert {*of(Schedule)} == {ps.cosine()}
    assert len({type(one) for one in of(Rule) if isinstance(one, Rule)}) > 3
    assert {tuple(map(type, pair)) for pair in of(tuple[int, bool])} == {(int, bool)}
    assert {*of(Callable[[Any], Any] | str, function="mine")} == {"mine"}


def test_whole_numbers_are_small_and_may_be_missing_if_they_are_optional():
    counts = of(int)

    assert {0, 1, 5, 40} <= {*counts} <= {*range(51)}
    assert None not in counts
    assert None in of(int | None)


def test_multiples_are_at_most_1_where_larger_ones_overflow():
    assert max(of(float)) == 2.0
    assert max(of(float | Absolute)) == 2.0
    assert max(of(float, "gamma")) == 1.0


def test_levels_are_multiples_absolute_values_and_sums_or_multiples_alone():
    kinds = {type(one) for one in of(Level)}

    assert {float, Absolute} < kinds
    assert {type(one) for one in of(Level, fixed=False)} == {float}
    assert None in of(Level | None)
    sums = [one for one in all_drawn(levels(), 500) if not isinstance(one, float | Absolute)]
    assert {one.offset > 0 for one in sums} == {True, False}
    assert any(one.offset == 1e30 for one in sums)
    assert any(one.factor == 1e30 != one.offset for one in sums)


def test_lengths_are_in_each_unit_and_only_a_stage_is_given_by_its_end():
    lengths = of(DurationLike)
    units = {unit for one in lengths for unit, _ in Duration.of(one).terms}

    assert units == {"updates", "percent", "epochs", "samples"}
    assert not any(Duration.of(one).until for one in lengths)
    assert any(Duration.of(one).until for one in of(DurationLike, "over"))
    assert {one for one in all_drawn(durations(WORLD), 200) if isinstance(one, int)} >= {0, 1, 100, 1000}
    assert max(one for one in all_drawn(durations(WORLD), 200) if isinstance(one, int) and one != 1000) == 100


def test_curves_are_those_of_the_library_or_straight():
    assert len({*map(str, of(CurveLike))}) > 10
    assert {*map(str, of(CurveLike, straight=True))} == {str(curves.linear)}
    arguments = all_drawn(drawn_curve_argument("power", float, None, curves.polynomial))
    assert {0.001, -7.0, 12.0} < {*arguments}
    assert {*all_drawn(drawn_curve_argument("cycles", float, None, curves.polynomial))} == {0.5, 1.5, 2.5}


@pytest.mark.parametrize("hint", [bytes, set[int], tuple[int, ...], Callable[[Any], Any] | str, Callable[[Any], None]])
def test_another_annotation_is_refused_with_its_parameter(hint):
    with pytest.raises(TypeError, match=r"cannot draw parameter 'x' of .*step"):
        of(hint)
    with pytest.raises(TypeError, match=r"cannot draw parameter 'power' of .*polynomial"):
        drawn_curve_argument("power", hint, None, curves.polynomial)


def test_runs_are_small_unless_long_ones_are_wanted():
    small, all_runs = all_drawn(worlds()), all_drawn(worlds(small=False))

    assert all(one.small and one.total <= 5000 for one in small)
    assert {1, 4999} < {one.total for one in small}
    assert {2**24 + 1, 10**9, 2**53} < {one.total for one in all_runs}
    assert not World(5001, 1, 1, 1).small
    assert {*all_drawn(_lengths_in_updates.__wrapped__(1))} == {0, 1, 2}
    facts = Calendar(total=1000, steps_per_epoch=20, batch_size=32, accumulation=1, tokens_per_step=1)
    assert WORLD.calendar == facts
    assert {one.epoch for one in small} == {1, 2, 3, 20, 47}
    assert {(one.batch, one.accumulation) for one in small} == {(1, 1), (1, 4), (32, 1), (32, 4)}


def test_lists_of_one_call_have_the_same_length_and_optional_arguments_may_be_left_out():
    def call(
        *parts: int,
        pairs: Sequence[int],
        ends: tuple[int, ...],
        pair: tuple[int, bool],
        more: Sequence[int] | None = None,
        last: bool = False,
    ) -> Any:
        assert len(ends) == len(pairs)
        assert [*map(type, pair)] == [int, bool]
        return parts, pairs, more, last

    calls = all_drawn(built(call, Drawing(WORLD, lambda: st.nothing())))

    assert {len(parts) for parts, *_ in calls} == {1, 2, 3}
    assert all(len(parts) == len(pairs) for parts, pairs, *_ in calls)
    assert {more is None for _, _, more, _ in calls} == {True, False}
    assert all(more is None or len(more) == len(parts) for parts, _, more, _ in calls)
    assert {last for *_, last in calls} == {True, False}


def test_arguments_that_a_builder_rejects_are_drawn_again():
    def only_large(count: int) -> int:
        if count < 20:
            raise ps.InvalidArgument("only_large(…)", "too small")
        return count

    assert min(all_drawn(built(only_large, Drawing(WORLD, lambda: st.nothing())), 40)) >= 20
