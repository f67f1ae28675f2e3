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


def resolved(text: str, total: int = 10_000) -> str:
    """Return the text of a schedule after it is resolved."""
    return str(ps.resolve(ps.parse(text), ps.Calendar(total=total)))


# ---- the preceding stage


@table(
    ("written", "resolved_form"),
    [
        ("linear(1, 0.3, 10) >> linear(previous, 0)", "linear(to=0.3, over=10) >> linear(0.3, over=9990)"),
        (
            "step(100, 0.5) >> linear(previous, 0, 9000)",
            "window(step(100, 0.5), end=1000) >> linear(0.0009765625, over=9000)",
        ),
        (
            "constant(0.5, 10) >> constant(previous, 10) >> constant(previous)",
            "constant(0.5, 10) >> constant(0.5, 10) >> constant(0.5)",
        ),
        (
            "constant(0.5, 10) >> 0.1 * linear(previous, 0)",
            "constant(0.5, 10) >> 0.1 * linear(0.5, over=9990)",
        ),
        (
            "0.1 * constant(0.5, 10) >> linear(previous, 0)",
            "0.1 * constant(0.5, 10) >> linear(0.05, over=9990)",
        ),
        (
            "constant(absolute(3.0), 10) >> linear(previous, 0)",
            "constant(absolute(3.0), 10) >> linear(absolute(3.0), over=9990)",
        ),
        ("warmup(4) >> clamp(exponential(0.5), previous)", "warmup(4) >> clamp(exponential(0.5), 1.0)"),
        (
            "warmup(4, to=0.5) >> shift(linear(previous, 0, 10), 5)",
            "linear(0.0, 0.5, 4) >> shift(linear(0.5, over=10), 5)",
        ),
        ("constant(0.5, 10) >> cyclic(10, start=previous)", "constant(0.5, 10) >> cyclic(10, 10, 0.5)"),
        ("constant(0.5, 10) >> cosine_restarts(10, to=previous)", "constant(0.5, 10) >> cosine_restarts(10, to=0.5)"),
        (
            "constant(0.5, 10) >> piecewise([[0, previous], [10, 0.1]])",
            "constant(0.5, 10) >> constant(0.5, 10) >> constant(0.1)",
        ),
    ],
)
def test_previous_is_the_final_level_of_the_preceding_stage(written, resolved_form):
    assert resolved(written) == resolved_form


@table("base", [1.0, 0.1, 3e-4, -0.5, 0.0])
@pytest.mark.parametrize(
    "before", ["inverse_sqrt(37)", "exponential(0.99)", "cosine(start=0.9, to=0.17, over=1000)", "noam(512, 40)"]
)
def test_a_stage_starts_at_exactly_the_float_at_which_the_preceding_stage_ends(before, base):
    schedule = ps.resolve(ps.parse(f"window({before}, end=77) >> linear(previous, 0, 10)"), RUN)

    assert schedule(77, base) == schedule.stages[0](77, base)
    assert np.array_equal(schedule(np.arange(77), base), schedule.stages[0](np.arange(77), base))


# ---- nested sequences


@pytest.mark.parametrize(
    ("inner", "resolved_form"),
    [
        (
            "2 * (linear(previous, 0.1, 5) >> constant(following, 5))",
            "2.0 * (linear(0.5, 0.1, 5) >> constant(0.2, 5))",
        ),
        (
            "chain(linear(previous, 1, 5) >> constant(1, 5), constant(1))",
            "chain(warmup(5, 0.5) >> constant(over=5), constant())",
        ),
        (
            "restarts(linear(previous, 0.1, 2) >> linear(previous, 0, 3), 5, 2)",
            "restarts(linear(0.5, 0.1, 2) >> linear(0.1, over=3), 5, 2)",
        ),
        ("every(linear(previous, following, 10), 2)", "every(linear(0.5, 0.2, 10), 2)"),
        ("minimum(1, linear(previous, following, 10))", "minimum(constant(), linear(0.5, 0.2, 10))"),
        ("window(linear(previous, following, 10) * 0.3, 0, 7)", "window(linear(0.5, 0.2, 10) * 0.3, end=7)"),
        ("clamp(linear(1, 0, 10), following, previous)", "clamp(linear(over=10), 0.2, 0.5)"),
        (
            "2 * (constant(9, 0) >> linear(previous, 0.1, 5))",
            "2.0 * (constant(9.0, 0) >> linear(0.5, 0.1, 5))",
        ),
    ],
    ids=["product", "chain", "restarts", "every", "minimum", "window", "clamp", "after no updates"],
)
def test_at_the_edge_of_an_inner_sequence_the_neighbor_is_in_the_outer_sequence(inner, resolved_form):
    whole = ps.resolve(ps.parse(f"constant(0.5, 3) >> {inner} >> constant(0.2)"), RUN)

    assert str(whole.stages[1]) == resolved_form


# ---- neighbors that are not affine


@pytest.mark.parametrize(
    "before",
    [
        "clamp(cosine(start=1, to=0, over=10), absolute(0.1))",
        "minimum(linear(1, 0.5, 10), constant(0.5 + absolute(1)))",
        "chain(constant(absolute(2)), clamp(linear(1, 0.5, 10), 0.1))",
    ],
)
def test_a_neighbor_clamped_at_an_absolute_value_requires_a_number(before):
    with pytest.raises(ps.errors.InvalidArgument) as refusal:
        resolved(f"{before} >> linear(previous, 0, 10)")

    assert refusal.value.found == f"previous cannot be taken from {ps.parse(before)}: {NO_MULTIPLE}"
    assert refusal.value.instead == "Use the level as a number"


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
        ps.resolve(Squared() >> ps.linear(ps.previous, 0, over=10), RUN)


def test_a_neighbor_level_that_is_not_finite_requires_a_number():
    with pytest.raises(ps.errors.InvalidArgument, match=r"previous is not finite.*Use the level as a number$"):
        resolved("window(exponential(1e9), end=1000) >> linear(previous, 0, 10)")


# ---- errors


@pytest.mark.parametrize(
    "written",
    [
        "linear(1, following, 10) >> linear(previous, 0, 10)",
        "constant(1, 5) >> linear(previous, following, 10) >> linear(previous, 0, 10)",
        "0.5 * (linear(1, 0, 5) >> linear(1, following, 5)) >> constant(9, 0) >> clamp(linear(previous, 0, 10), 0.1)",
    ],
)
def test_two_stages_that_depend_on_each_other_are_rejected(written):
    with pytest.raises(ps.errors.InvalidArgument, match="their levels depend on each other") as refusal:
        resolved(written)

    assert refusal.value.instead == "Use a number for one of the two"


@pytest.mark.parametrize(
    "text", ["previous", "warmup(10) >> previous", "0.5 * following", "linear(previous(), 0)", "linear(previos, 0)"]
)
def test_a_neighbor_level_is_accepted_only_as_a_level(text):
    with pytest.raises(ps.errors.InvalidArgument):
        ps.parse(text)


@pytest.mark.parametrize("word", ["previous", "following"])
def test_in_code_a_neighbor_level_is_not_a_string(word):
    with pytest.raises(ps.errors.InvalidArgument, match=rf"'{word}'\): expected a level"):
        ps.linear(word, 0)


# ---- cycles


def test_in_fractional_cycles_a_neighbor_level_uses_the_exact_end():
    assert resolved('restarts(linear(1, 0.3, "1.3 steps") >> linear(previous, 0), "10/3 steps", 4)', 20) == (
        'restarts(linear(to=0.3, over="1.3 steps") >> linear(0.3, over="61/30 steps"), "10/3 steps", 4)'
    )
    assert resolved('constant(0.5, 10) >> restarts(linear(previous, 0), "2.5 steps", 4)', 20) == (
        'constant(0.5, 10) >> restarts(linear(0.5, over="2.5 steps"), "2.5 steps", 4)'
    )
