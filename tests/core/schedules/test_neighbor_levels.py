"""Levels from neighbors: resolve replaces `previous` and `following` by numbers."""

import pickle
from copy import deepcopy
from dataclasses import dataclass
from typing import final

import numpy as np
import pytest

import paramsched as ps
from paramsched.core import files as config
from paramsched.core import schedules as shapes
from paramsched.core.curves.arrays import Array, Arrays
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.affine import Affine
from paramsched.core.time import Duration
from paramsched.errors import ConfigError, Unresolved
from support.tables import table

NO_MULTIPLE = "its value is not a multiple of base plus a constant"
RUN = ps.Calendar(total=10_000)


def resolved(text: str, total: int = 10_000) -> str:
    """Return the text of a schedule after it is resolved."""
    return str(ps.resolve(ps.parse(text), ps.Calendar(total=total)))


# ---- previous and following


def test_a_neighbor_level_reads_back_from_its_text():
    written = ps.warmup("500 steps") >> ps.inverse_sqrt("500 steps") >> ps.linear(ps.previous, 0, over="10%")

    assert str(written) == 'warmup(500) >> inverse_sqrt(500) >> linear(previous, over="10%")'
    assert ps.parse(str(written)) == written
    assert hash(ps.parse(str(written))) == hash(written)


def test_previous_and_following_are_distinct_values():
    assert (str(ps.previous), str(ps.following)) == ("previous", "following")
    assert ps.previous != ps.following
    assert pickle.loads(pickle.dumps(ps.previous)) == ps.previous == deepcopy(ps.previous)
    assert ps.linear(ps.previous) != ps.linear(ps.following)
    assert ps.linear(ps.previous) != ps.linear(1.0)


def test_a_plan_keeps_a_neighbor_level_in_its_text_and_fingerprint():
    plan = ps.Plan(lr=ps.warmup(10) >> ps.linear(ps.previous, 0), horizon=100)

    assert str(plan) == "horizon: 100\nlr: warmup(10) >> linear(previous)"
    assert ps.Plan.of_text(plan.text) == plan
    assert plan.fingerprint != plan.resolve(ps.Calendar()).fingerprint


def test_a_schedule_with_an_unresolved_neighbor_level_cannot_be_called():
    written = ps.linear(1, 0.5, over=10) >> ps.linear(ps.previous, 0, over=10)

    assert not written.is_resolved
    with pytest.raises(Unresolved, match=r"it contains previous or following.*For example: ps\.resolve\("):
        written(3)
    with pytest.raises(Unresolved, match="previous or following"):
        written.breakpoints()


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
            "constant(0.5, 10) >> constant(0.1) * linear(0.5, over=9990)",
        ),
        (
            "0.1 * constant(0.5, 10) >> linear(previous, 0)",
            "constant(0.1) * constant(0.5, 10) >> linear(0.05, over=9990)",
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


def test_previous_may_be_the_sum_of_a_multiple_of_base_and_a_value():
    halfway = "cosine(1, absolute(2.0), 100, index='(t+1)/(n+1)')"
    schedule = ps.resolve(ps.parse(f"window({halfway}, end=50) >> linear(previous, 0, 10)"), RUN)

    before, behind = schedule.stages

    assert isinstance(behind.start, shapes.AffineLevel)
    assert [behind(0, base=base) for base in (0.0, 0.1, 7.0)] == [before(50, base=base) for base in (0.0, 0.1, 7.0)]


def test_a_stage_of_no_updates_is_not_a_neighbor():
    assert resolved("constant(0.5, 10) >> constant(0.1, 0) >> linear(previous, 0)") == (
        "constant(0.5, 10) >> constant(0.1, 0) >> linear(0.5, over=9990)"
    )
    assert resolved('constant(0.5, 10) >> constant(0.1, "0.001 steps") >> linear(previous, 0)', 20) == (
        "constant(0.5, 10) >> constant(0.1, 1) >> linear(0.1, over=9)"
    )


def test_resolving_twice_has_no_effect():
    once = ps.resolve(ps.parse("warmup(10) >> exponential(0.9) >> linear(previous, 0, 10)"), RUN)

    assert once.is_resolved
    assert ps.resolve(once, RUN) == once == ps.parse(str(once))


def test_a_neighbor_level_ignores_metric_rules():
    plan = ps.Plan(lr="(constant(0.5, 10) >> linear(previous, 0)) * plateau()", horizon=20)

    assert str(plan.resolve(ps.Calendar())) == (
        "horizon: 20\nlr: (constant(0.5, 10) >> linear(0.5, over=10)) * plateau()"
    )


@table("base", [1.0, 0.1, 3e-4, -0.5, 0.0])
@pytest.mark.parametrize(
    "before", ["inverse_sqrt(37)", "exponential(0.99)", "cosine(0.9, 0.17, 1000)", "noam(512, 40)"]
)
def test_a_stage_starts_at_exactly_the_float_at_which_the_preceding_stage_ends(before, base):
    schedule = ps.resolve(ps.parse(f"window({before}, end=77) >> linear(previous, 0, 10)"), RUN)

    assert schedule(77, base) == schedule.stages[0](77, base)
    assert np.array_equal(schedule(np.arange(77), base), schedule.stages[0](np.arange(77), base))


# ---- the next stage


@table(
    ("written", "resolved_form"),
    [
        ("warmup(1000, 0.001, to=following) >> cosine(0.7)", "linear(0.001, 0.7, 1000) >> cosine(0.7, over=9000)"),
        ("warmup(10, to=following) >> exponential(0.9)", "warmup(10) >> exponential(0.9)"),
        (
            "linear(1, following, 10) >> cosine(0.5, index='t/n') >> constant(following, 5) >> linear(0.25, 0, 10)",
            "linear(to=0.5, over=10) >> cosine(0.5, over=9975) >> constant(0.25, 5) >> linear(0.25, over=10)",
        ),
        (
            "linear(1, following, 4) >> linear(0.5, 0, 4, '(t+1)/n')",
            'linear(to=0.375, over=4) >> linear(0.5, over=4, index="(t+1)/n")',
        ),
    ],
)
def test_following_is_the_level_of_the_first_update_of_the_next_stage(written, resolved_form):
    assert resolved(written) == resolved_form


@pytest.mark.heavy
@pytest.mark.parametrize("word", ["previous", "following"])
def test_neighbor_levels_pass_through_many_stages(word):
    first, held, last = (ps.constant(level, 1) for level in (0.5, getattr(ps, word), 0.25))
    stages = [first, *[held] * 3000, last]

    resolved_form = ps.resolve(shapes.sequence.Sequence(tuple(stages)), RUN)

    assert {stage.value for stage in resolved_form.stages[1:-1]} == {0.5 if word == "previous" else 0.25}


def test_a_stage_may_use_both_neighbor_levels():
    assert resolved("constant(0.5, 10) >> linear(previous, following, 10) >> cosine(0.2, 0)") == (
        "constant(0.5, 10) >> linear(0.5, 0.2, 10) >> cosine(0.2, over=9980)"
    )


def test_an_overlaid_warmup_ends_at_the_value_of_the_curve():
    laid = ps.overlay(ps.warmup(1000, 0.001, to=ps.following), ps.cosine())

    whole = ps.resolve(laid, RUN)

    curve = ps.cosine(over=10_000)
    assert whole(1000) == curve(1000)
    assert whole(999) == pytest.approx(0.001 + 0.999 * (curve(1000) - 0.001), rel=1e-12)
    assert np.array_equal(whole(np.arange(1000, 10_000)), curve(np.arange(1000, 10_000)))


def test_previous_continues_from_a_cut_schedule():
    whole = ps.resolve(ps.take(ps.cosine(to=0.1), 8000) >> ps.linear(ps.previous, 0, over=1000), RUN)

    curve = ps.cosine(to=0.1, over=10_000)
    assert np.array_equal(whole(np.arange(8001), 0.3), curve(np.arange(8001), 0.3))
    assert whole(9000, 0.3) == 0.0


def test_on_another_clock_a_neighbor_level_uses_the_time_of_that_clock():
    plan = ps.Plan(
        lr='warmup("1M tokens") >> inverse_sqrt("1M tokens") >> linear(previous, 0, "2M tokens")',
        horizon="10M tokens",
        clock="tokens",
    )

    (lr,) = plan.resolve(ps.Calendar()).bindings

    assert str(lr.schedule).endswith(f'>> linear({1 / 8**0.5!r}, over="2000000 tokens")')


# ---- nested sequences


@pytest.mark.parametrize(
    ("inner", "resolved_form"),
    [
        (
            "2 * (linear(previous, 0.1, 5) >> constant(following, 5))",
            "constant(2.0) * (linear(0.5, 0.1, 5) >> constant(0.2, 5))",
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
        ("window(linear(previous, following, 10) * 0.3, 0, 7)", "window(linear(0.5, 0.2, 10) * constant(0.3), end=7)"),
        ("clamp(linear(1, 0, 10), following, previous)", "clamp(linear(over=10), 0.2, 0.5)"),
        (
            "2 * (constant(9, 0) >> linear(previous, 0.1, 5))",
            "constant(2.0) * (constant(9.0, 0) >> linear(0.5, 0.1, 5))",
        ),
    ],
    ids=["product", "chain", "restarts", "every", "minimum", "window", "clamp", "after no updates"],
)
def test_at_the_edge_of_an_inner_sequence_the_neighbor_is_in_the_outer_sequence(inner, resolved_form):
    whole = ps.resolve(ps.parse(f"constant(0.5, 3) >> {inner} >> constant(0.2)"), RUN)

    assert str(whole.stages[1]) == resolved_form


def test_stages_in_parentheses_are_ordinary_stages():
    assert resolved("constant(0.5, 3) >> (linear(previous, 0.1, 5) >> linear(previous, 0, 5))") == (
        "constant(0.5, 3) >> linear(0.5, 0.1, 5) >> linear(0.1, over=5)"
    )


# ---- neighbors that are not affine


@table(
    ("before", "level"),
    [
        ("clamp(cosine(1, 0, 10), 0.1)", "0.1"),
        ("minimum(cosine(1, 0.3, 10), 0.2)", "0.2"),
        ("2 * maximum(cosine(1, 0, 10), 0.1)", "0.2"),
        ("chain(clamp(cosine(1, 0, 10), 0.1), 0.5)", "0.05"),
    ],
)
def test_the_level_of_a_neighbor_clamped_at_a_multiple_is_its_value_at_base_1(before, level):
    assert resolved(f"window({before}, end=10) >> linear(previous, 0, 10)").endswith(f">> linear({level}, over=10)")


@pytest.mark.parametrize(
    "before",
    [
        "clamp(cosine(1, 0, 10), absolute(0.1))",
        "minimum(linear(1, 0.5, 10), constant(0.5 + absolute(1)))",
        "chain(constant(absolute(2)), clamp(linear(1, 0.5, 10), 0.1))",
    ],
)
def test_a_neighbor_clamped_at_an_absolute_value_requires_a_number(before):
    with pytest.raises(ps.InvalidArgument) as refusal:
        resolved(f"{before} >> linear(previous, 0, 10)")

    assert refusal.value.found == f"previous cannot be taken from {ps.parse(before)}: {NO_MULTIPLE}"
    assert refusal.value.instead == "Use the level as a number"


@pytest.mark.parametrize(
    "around",
    [
        lambda function: function,
        lambda function: ps.clamp(function, 0.1),
        lambda function: 0.5 * function,
        lambda function: ps.chain(ps.constant(0.5), function),
    ],
    ids=["alone", "in a clamp", "in a product", "in a chain"],
)
def test_a_user_function_is_not_called_for_a_neighbor_level(around):
    function = ps.window(ps.from_function(lambda _: pytest.fail("it is asked")), 0, 10)

    with pytest.raises(ps.InvalidArgument, match=r"it contains a function.*Use the level as a number$"):
        ps.resolve(around(function) >> ps.linear(ps.previous, 0, over=10), RUN)


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
    with pytest.raises(ps.InvalidArgument, match=NO_MULTIPLE):
        ps.resolve(Squared() >> ps.linear(ps.previous, 0, over=10), RUN)


def test_a_neighbor_level_that_is_not_finite_requires_a_number():
    with pytest.raises(ps.InvalidArgument, match=r"previous is not finite.*Use the level as a number$"):
        resolved("window(exponential(1e9), end=1000) >> linear(previous, 0, 10)")


# ---- errors


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (
            "linear(previous)",
            "linear(previous): previous is the level of the previous stage, but there is no previous stage. "
            "Use a number, 1.0 for base",
        ),
        (
            "linear(to=following)",
            "linear(to=following): following is the level of the next stage, but there is no next stage. "
            "Use a number, 1.0 for base",
        ),
        (
            "constant(0.5, 0) >> linear(previous, 0, 10)",
            "linear(previous, over=10): previous is the level of the previous stage, "
            "but there is no previous stage. Use a number, 1.0 for base",
        ),
    ],
)
def test_a_neighbor_level_without_a_neighbor_is_rejected(written, found):
    with pytest.raises(ps.InvalidArgument) as refusal:
        resolved(written)

    assert str(refusal.value) == found


@pytest.mark.parametrize(
    "written",
    [
        "linear(1, following, 10) >> linear(previous, 0, 10)",
        "constant(1, 5) >> linear(previous, following, 10) >> linear(previous, 0, 10)",
        "0.5 * (linear(1, 0, 5) >> linear(1, following, 5)) >> constant(9, 0) >> clamp(linear(previous, 0, 10), 0.1)",
    ],
)
def test_two_stages_that_depend_on_each_other_are_rejected(written):
    with pytest.raises(ps.InvalidArgument, match="their levels depend on each other") as refusal:
        resolved(written)

    assert refusal.value.instead == "Use a number for one of the two"


@pytest.mark.parametrize(
    "rule",
    ["rules.cosine(previous, 10)", "rules.anneal(following, 10)", "rules.schedule(linear(previous, 0, 10))"],
)
def test_a_rule_of_a_recurrence_rejects_neighbor_levels(rule):
    with pytest.raises(ps.InvalidArgument, match=r"a rule continues from the current value.*Use a number"):
        ps.parse(f"recurrence({rule})")


@pytest.mark.parametrize(
    "text", ["previous", "warmup(10) >> previous", "0.5 * following", "linear(previous(), 0)", "linear(previos, 0)"]
)
def test_a_neighbor_level_is_accepted_only_as_a_level(text):
    with pytest.raises(ps.InvalidArgument):
        ps.parse(text)


@pytest.mark.parametrize("word", ["previous", "following"])
def test_in_code_a_neighbor_level_is_not_a_string(word):
    with pytest.raises(ps.InvalidArgument, match=rf"'{word}'\): expected a level"):
        ps.linear(word, 0)


# ---- files


FILE = """
horizon: 100
lr:
- {warmup: {over: 10}}
- {exponential: {gamma: 0.99}}
- {linear: {start: previous, to: 0.1 + absolute(1e-6), over: 10}}
- {constant: {value: following, over: 5}}
- {linear: [0.3, 0, 5]}
"""


def test_a_file_contains_a_neighbor_level_by_name_and_a_sum_as_text():
    plan = config.loads(FILE, "yaml")

    (lr,) = plan.bindings
    assert str(lr.schedule) == (
        "warmup(10) >> exponential(0.99) >> linear(previous, 0.1 + absolute(1e-06), 10) >> constant(following, 5) "
        ">> linear(0.3, over=5)"
    )


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_a_plan_with_neighbor_levels_reads_back_unchanged(form):
    short = ps.Plan(lr="warmup(10) >> linear(previous, following, 10) >> constant(0.5 + absolute(1e-6))")
    stages = [ps.linear(ps.previous, 0.5 + ps.absolute(1e-6), over=10) for _ in range(60)]
    long = ps.Plan(lr=shapes.sequence.Sequence((ps.warmup(5), *stages)))  # too long for a line

    for plan in (short, long):
        assert config.loads(config.dump(plan, format=form), form) == plan


def test_an_invalid_level_in_a_mapping_is_reported_with_its_location():
    with pytest.raises(ConfigError) as refusal:
        config.loads('{"lr": {"linear": {"start": "next"}}}', "json")

    assert "$.lr.start: " in str(refusal.value)


# ---- cycles


def test_in_fractional_cycles_a_neighbor_level_uses_the_exact_end():
    assert resolved('restarts(linear(1, 0.3, "1.3 steps") >> linear(previous, 0), "10/3 steps", 4)', 20) == (
        'restarts(linear(to=0.3, over="1.3 steps") >> linear(0.3, over="61/30 steps"), "10/3 steps", 4)'
    )
    assert resolved('constant(0.5, 10) >> restarts(linear(previous, 0), "2.5 steps", 4)', 20) == (
        'constant(0.5, 10) >> restarts(linear(0.5, over="2.5 steps"), "2.5 steps", 4)'
    )


def test_cycles_resolved_one_by_one_require_a_number_for_an_outer_level():
    follows_the_run = 'restarts(every(linear({}, 0), "epoch"), 10, 4)'
    calendar = ps.Calendar(total=50, steps_per_epoch=7)

    with pytest.raises(ps.InvalidArgument, match=r"its cycles are resolved one by one.*Use the level as a number$"):
        ps.resolve(ps.parse(f"constant(0.5, 10) >> {follows_the_run.format('previous')}"), calendar)

    whole = ps.resolve(ps.parse(f"constant(0.5, 10) >> {follows_the_run.format(0.5)}"), calendar)
    assert [whole(time) for time in (10, 20, 30)] == [0.5, 0.5, 0.5]
