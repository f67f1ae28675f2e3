"""Properties of values: bases, levels, ranges, parts, empty stages and text."""

import json
import re
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

import paramsched
import paramsched as ps
from core.properties import schedule_properties as properties
from paramsched import files as config
from paramsched.core.plan import Binding, Plan, Target, resolve
from paramsched.core.plan.lines import range_of
from paramsched.core.schedules import (
    SHAPES,
    Schedule,
    absolute,
    clamp,
    constant,
    linear,
    minimum,
    parse,
    parse_own,
    skip,
    take,
    values_by_base,
    warmup,
    window,
)
from paramsched.core.schedules.sequence import factor_of_number, open_start, started_at
from paramsched.core.schedules.span import evaluate, factors_at, rows_at
from paramsched.core.time import RunFacts
from paramsched.errors import InvalidArgument, InvalidTime, PlanError, Unresolved
from support import strategies
from support.examples import at_most
from support.strategies import Case, every_shape
from support.tables import table
from support.updates import probe


@every_shape(leave_out=strategies.NOT_AFFINE)
@given(st.data())
def test_a_schedule_is_affine_in_base(name, data):
    case = data.draw(strategies.cases(name=name, affine=True))
    times = np.arange(min(case.world.total + 3, 200))
    base = data.draw(st.sampled_from([0.1, 3e-4, -2.0, 7.5]))

    properties.affine_in_base(case.resolved, times, base)
    assert case.resolved.affine


@every_shape(leave_out=strategies.NOT_AFFINE)
@given(st.data())
def test_without_an_offset_base_multiplies_the_factors_bit_for_bit(name, data):
    case = data.draw(strategies.cases(name=name, affine=True))
    times = np.arange(min(case.world.total + 3, 200))
    base = data.draw(strategies.bases())

    if factors_at(case.resolved, times) is not None:
        np.testing.assert_array_equal(case.resolved(times, base), base * case.resolved(times))


@given(strategies.cases(affine=True), strategies.bases())
def test_the_value_equals_the_sum_of_its_columns(case, base):
    times = np.arange(min(case.world.total + 3, 200))

    properties.columns_match_values(case.resolved, times, base)


ENDS = st.sampled_from([1, 2, 7, 50, 333])


OF_TWO_LEVELS = (
    "linear({}, {}, 20)",
    "cosine(start={}, to={}, over=20, index='(t+1)/(n+1)')",
    "anneal({}, {}, 20, curves.power(3), 't/(n-1)')",
    "cyclic(4, 3, {}, {})",
    "cyclic(4, 3, {}, {}, 'triangular2')",
    "cyclic(4, 3, {}, {}, 'exp_range', 1.01)",
    "piecewise([[0, {}], [11, {}]], curves.cosine)",
)


@pytest.mark.parametrize("form", OF_TWO_LEVELS)
@given(*([st.floats(-4, 4)] * 4), strategies.bases())
def test_a_sum_of_levels_gives_the_sum_of_their_values(form, a, b, c, d, base):
    assume(base < 1e9)
    t = np.arange(25)

    both = parse(form.format(f"{a} + absolute({b})", f"{c} + absolute({d})"))

    relative = parse(form.format(a, c))
    fixed = parse(form.format(f"absolute({b})", f"absolute({d})"))
    np.testing.assert_allclose(both(t, base), relative(t, base) + fixed(t, base), rtol=1e-12, atol=1e-14)


@given(st.floats(-4, 4), st.floats(-4, 4), st.floats(-9, 9), strategies.bases())
def test_the_bound_of_a_clamp_may_be_a_multiple_plus_an_absolute_value(a, b, level, base):
    cut = parse(f"clamp({level}, {a} + absolute({b}))")

    assert cut(0, base) == max(level * base, a * base + b)


OF_OWN_VALUES = ("noam",)


"""Recipes whose levels are absolute already."""


def length_of(schedule: Schedule) -> object:
    """Return the length of a schedule, or the error if its parts have lengths in different units."""
    try:
        return schedule.length if schedule.has_length else None
    except Unresolved as error:
        return str(error).partition(":")[2]


@strategies.every_shape(leave_out=("absolute", *OF_OWN_VALUES), step=2)
@given(st.data(), strategies.bases())
def test_an_absolute_schedule_has_the_bits_of_the_schedule_at_base_1(name, data, base):
    case = data.draw(strategies.cases(name=name, fixed=False))
    try:
        written = absolute(case.written)
    except InvalidArgument:  # a rule of the shape has absolute levels
        reject()
    times = np.array(data.draw(strategies.times(case, 7)))

    resolved = resolve(written, facts=case.world.facts)

    assert str(written) == f"absolute({case.written})"
    assert parse_own(str(written)) == written
    assert resolved == absolute(case.resolved)
    assert (written.fills, written.has_length) == (case.written.fills, case.written.has_length)
    assert length_of(written) == length_of(case.written)
    expected = case.resolved(times, 1.0)
    bits = (expected + 0.0).tobytes()  # without the sign of a zero, which is that of the product of base and 0
    assert (resolved(times, base) + 0.0).tobytes() == bits
    assert (np.array([resolved(time.item(), base) for time in times]) + 0.0).tobytes() == bits
    total = case.world.total
    if total <= 5000:
        assert resolved.breakpoints(total) == case.resolved.breakpoints(total)
    if not np.isinf(expected).any():
        inside = np.minimum(times, total - 1)
        try:
            stage = resolve(constant(1.0, 3) >> window(resolved, 0, total), facts=case.world.facts)
            later = stage(inside + 3, base)
        except InvalidArgument as error:
            assume("milestone" not in str(error))  # it may be after the end of the window
            raise
        np.testing.assert_array_equal(later, case.resolved(inside, 1.0))


@st.composite
def stages_before(draw, **kinds):
    """Draw a stage with a length, of any shape, and the run for which it is resolved."""
    world = draw(strategies.worlds())
    stage = draw(strategies.schedules(world, depth=2, **kinds))
    return window(stage, 0, draw(ENDS)), world


def resolved_or_rejected(schedule, world):
    """Resolve a schedule; reject one that is longer than the run or not finite at the boundary."""
    try:
        return resolve(schedule, facts=world.facts)
    except InvalidArgument:
        return assume(False)


@pytest.mark.parametrize("name", ["linear", "cosine", "anneal", "polynomial", "geometric", "warmup", "constant"])
@at_most(3)
@given(st.data())
def test_an_open_start_is_not_the_written_level_that_it_has_alone(name, data):
    drawing = strategies.drawing(strategies.World(1000, 20, 32, 1), 2, names=strategies.SIMPLE)
    key = "value" if name == "constant" else "start"

    def argument(parameter, *rest):
        return st.none() if parameter == key else drawing(parameter, *rest)

    schedule = data.draw(strategies.built(SHAPES[name], argument))

    assert f"{key}=" not in str(schedule)
    try:
        written = started_at(schedule, open_start(schedule))
    except InvalidArgument:  # `geometric` to an absolute or a negative level does not begin at base
        reject()
    assert written != schedule
    for version in (schedule, written):
        assert parse(str(version)) == version
        for form in ("yaml", "json"):
            plan = Plan(lr=version)
            assert config.loads(config.dump(plan, format=form), form) == plan


@given(stages_before(affine=True), strategies.bases())
def test_a_stage_starts_exactly_at_the_end_of_the_stage_before(generated, base):
    before, world = generated
    whole = resolved_or_rejected(before >> linear(to=0, over=9), world)
    assume(len(whole.args["stages"]) == 2)
    first, second = whole.args["stages"]

    end = first.length.updates

    assert second(0, base) == whole(end, base)
    np.testing.assert_array_equal(whole(end, base), first(end, base))


@given(stages_before(affine=True), strategies.bases())
def test_a_warmup_ends_exactly_at_the_start_of_the_next_stage(generated, base):
    behind, world = generated
    whole = resolved_or_rejected(warmup(9) >> behind, world)
    assume(len(whole.args["stages"]) == 2)
    # A stage begins at its start, which "(t+1)/n" does not reach, nor "t/(n-1)" in a stage of one update.
    assume("index=" not in str(behind))
    first, second = whole.args["stages"]

    np.testing.assert_array_equal(first(9, base), second(0, base))


@given(stages_before(fixed=False), st.floats(1e-8, 10))
def test_without_absolute_values_the_level_is_the_same_multiple_for_every_base(generated, base):
    before, world = generated
    whole = resolved_or_rejected(before >> constant(), world)
    assume(len(whole.args["stages"]) == 2)
    first, second = whole.args["stages"]
    end = first.length.updates

    assert second(0, 1.0) == first(end, 1.0)
    assert second(0, base) == pytest.approx(first(end, base), rel=1e-12, abs=1e-300)


@given(stages_before())
def test_an_open_level_resolves_to_the_same_plan_as_its_level(generated):
    before, world = generated
    written = before >> linear(to=0.25, over=5) >> constant(0.25)
    whole = resolved_or_rejected(written, world)

    assert parse(str(written)) == written
    assert parse_own(str(whole)) == whole
    assert resolve(whole, facts=world.facts) == whole
    level = whole.args["stages"][-2].args["start"]
    assume(level is not None)  # it is that of a first stage
    assert resolve(before >> linear(start=level, to=0.25, over=5) >> constant(0.25), facts=world.facts) == whole


@at_most(60)
@given(st.data(), st.sampled_from(["lr", "betas[0]"]))
def test_a_start_is_refused_exactly_if_a_value_of_the_run_is_outside_with_the_first_such_update(data, field):
    case = data.draw(strategies.cases(depth=2))
    base = {"lr": 0.1, "betas[0]": 0.9}[field]
    optimizer = probe({"lr": 0.1, "betas": (0.9, 0.999)})
    allowed = range_of(field)
    outside = np.flatnonzero(allowed.outside(evaluate(case.resolved, np.arange(case.world.total), base), base))
    plan = ps.Plan(ps.Binding(field, case.written), total=case.world.total)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ps.Scheduler(optimizer, plan, facts=replace(case.world.facts, total=None))
            actual = None
        except PlanError as refused:
            actual = int(re.search(r"at update (\d+)", str(refused))[1])

    assert actual == (outside[0] if outside.size else None)


EMPTY = (
    "constant(7, {})", "warmup({})", "linear(2, 5, over={})", "cosine(start=3, to=absolute(9), over={})",
    "stairs(1, 4, 3, {})", "tanh(-2, 1, 0.9, 0.1, {})", "geometric(0.5, 0.1, {})",
)  # fmt: skip


NOTHING = ("0", "'0%'", "'0 epochs'", "'0 samples'", "'0 tokens'")


FACTS = ps.RunFacts(steps_per_epoch=7, batch_size=3, tokens_per_step=11)


GROUP = {"lr": 0.3}


@given(st.data())
def test_a_stage_of_no_updates_changes_no_value(data):
    first, last = (data.draw(strategies.cases(depth=1, fixed=True)).resolved for _ in range(2))
    empty = [parse(data.draw(st.sampled_from(EMPTY)).format(data.draw(st.sampled_from(NOTHING)))) for _ in range(2)]
    place = data.draw(st.sampled_from(["begin", "middle", "end"]))
    before, middle, after = (
        [stage if place == here else None for stage in empty] for here in ("begin", "middle", "end")
    )
    total = data.draw(st.integers(1, 120))

    stages = [stage for stage in (*before, first, *middle, last, *after) if stage is not None]
    plain = first >> last
    padded = stages[0]
    for stage in stages[1:]:
        padded = padded >> stage
    facts = ps.RunFacts(total=total, steps_per_epoch=7, batch_size=3, tokens_per_step=11)

    try:
        expected = ps.trace(ps.Plan(lr=plain), GROUP, facts=facts)
    except InvalidArgument:  # no updates remain for a stage
        reject()
    try:
        trace = ps.trace(ps.Plan(lr=padded), GROUP, facts=facts)
    except InvalidArgument as refused:  # the open level of a stage without updates, such as `warmup(0)`
        if "is not a multiple of base plus a constant" not in str(refused):
            raise
        reject()
    assert np.array_equal(trace["lr"], expected["lr"], equal_nan=True)
    assert trace.breakpoints("lr", 0) == expected.breakpoints("lr", 0)


@table("empty", [text.format(length) for text in EMPTY for length in NOTHING])
def test_neighbor_levels_and_open_stages_skip_a_stage_of_no_updates(empty):
    for plain in (
        "warmup(4) >> | linear(1.0, 0.25, over=9) >> constant(0.5)",
        "linear(1, 0.25, over=5) >> | cosine()",
        "| cosine() >> linear(0.5, 0, over='20%')",
    ):
        both = [plain.replace("|", f"{empty} >>"), plain.replace("| ", "")]
        plans = [ps.Plan(lr=text, total=40) for text in both]

        actual, expected = (ps.trace(plan, GROUP, facts=FACTS) for plan in plans)
        assert actual["lr"].tolist() == expected["lr"].tolist(), both
        assert actual.breakpoints("lr", 0) == expected.breakpoints("lr", 0)


def bits(values: np.ndarray) -> bytes:
    """Return the exact values, without the sign of zero, which may change next to absolute levels."""
    return (values + 0.0).tobytes()


def run_of(case: Case, total: int) -> RunFacts:
    """Return the run facts of a case with another length."""
    world = case.world
    return replace(world.facts, total=total)


def beside() -> st.SearchStrategy[Schedule]:
    """Draw the stage after a part: with an absolute level, or not affine."""
    return st.sampled_from(
        [linear(start=0.5, over=7), clamp(constant(0.3), high=0.2), minimum(constant(0.1), linear(over=5))]
    )


@every_shape()
@given(st.data())
def test_take_keeps_the_values_and_then_stays_constant(name, data):
    case = data.draw(strategies.cases(name=name))
    base = data.draw(strategies.bases())
    over = data.draw(st.integers(0, case.world.total))
    times = np.arange(case.world.total + 1)

    taken = resolve(take(case.written, over), facts=case.world.facts)

    expected = case.resolved(times, base)
    assert bits(taken(times[:over], base)) == bits(expected[:over])
    assert set(taken(times[over:], base).tolist()) == {expected[over]}
    assert [taken(int(t), base) for t in times[:5]] == [case.resolved(min(int(t), over), base) for t in times[:5]]


@every_shape()
@given(st.data())
def test_a_stage_after_take_does_not_change_its_values(name, data):
    case = data.draw(strategies.cases(name=name))
    base = data.draw(strategies.bases())
    over = data.draw(st.integers(0, case.world.total))
    later = data.draw(st.integers(10, 5000))
    times = np.arange(over)

    plan = take(case.written, over, of=case.world.total) >> data.draw(beside())
    changed = resolve(plan, facts=run_of(case, over + later))

    assert bits(changed(times, base)) == bits(case.resolved(times, base))
    assert [changed(int(t), base) for t in times[-3:]] == [case.resolved(int(t), base) for t in times[-3:]]
    bases = np.array([base, 0.1])
    np.testing.assert_array_equal(changed(times[-3:, None], bases), case.resolved(times[-3:, None], bases))


@every_shape()
@given(st.data())
def test_skip_continues_at_the_value_of_the_schedule(name, data):
    case = data.draw(strategies.cases(name=name))
    base = data.draw(strategies.bases())
    by = data.draw(st.integers(0, case.world.total - 1))
    times = np.arange(by, case.world.total + 1)

    rest = resolve(constant(0.0, by) >> skip(case.written, by), facts=case.world.facts)

    if case.resolved.has_length:
        # A sequence cuts its stages at exact sums, rounded once. A shape that rounds two lengths of its own, as a shift
        # by 19% of cycles of 47.75 updates, may be an update longer than that.
        assume(rest.length.updates == max(case.resolved.length.updates, by))
    np.testing.assert_array_equal(rest(times, base), case.resolved(times, base))


@every_shape()
@given(st.data())
def test_take_and_skip_together_equal_the_schedule(name, data):
    case = data.draw(strategies.cases(name=name))
    base = data.draw(strategies.bases())
    cut = data.draw(st.integers(0, case.world.total))
    times = np.arange(case.world.total + 1)

    whole = resolve(take(case.written, cut) >> skip(case.written, cut), facts=case.world.facts)

    np.testing.assert_array_equal(whole(times, base), case.resolved(times, base))


@given(st.data())
def test_a_part_with_of_does_not_depend_on_the_length_of_the_run(data):
    case = data.draw(strategies.cases())
    longer = run_of(case, case.world.total + data.draw(st.integers(1, 1000)))
    by = data.draw(st.integers(0, case.world.total))

    taken = resolve(take(case.written, 5, of=case.world.total), facts=longer)
    rest = resolve(constant(0.0, over=by) >> skip(case.written, by, of=case.world.total), facts=longer)

    assert taken.args["schedule"] == case.resolved
    times = np.arange(by, case.world.total + 1)
    np.testing.assert_array_equal(rest(times, 0.3), case.resolved(times, 0.3))


@every_shape()
@given(st.data())
def test_text_reads_back_as_the_same_schedule(name, data):
    case = data.draw(strategies.cases(name=name, small=False))

    for schedule in (case.written, case.resolved):
        properties.text_reads_back(schedule)
        assert schedule.serializable


@given(strategies.cases(depth=4))
def test_deep_trees_read_back_too(case):
    assert parse(str(case.written)) == case.written


@given(strategies.named_curves())
def test_a_curve_reads_back(curve):
    schedule = parse(f"anneal(curve={curve})")

    assert schedule.args["curve"] == curve


@given(st.data())
def test_texts_are_equal_exactly_for_equal_plans(data):
    world = data.draw(strategies.worlds())
    a, b = (data.draw(strategies.plans(world, follow=True)) for _ in range(2))
    shuffled = Plan(*reversed(a.bindings), total=a.total)

    assert (a == b) == (a.text == b.text) == (str(a) == str(b))
    assert shuffled == a
    assert shuffled.text == a.text
    assert hash(shuffled) == hash(a)


@given(st.data())
def test_the_text_of_a_plan_reads_back_as_the_plan(data):
    plan = data.draw(strategies.plans(data.draw(strategies.worlds()), follow=True))

    assert Plan.of_text(plan.text) == plan


def _as_data(plan: Plan) -> list[object]:
    return [
        None if plan.total is None else plan.total.updates,
        [
            [
                [b.field.name, b.field.initial] if isinstance(b.field, Target) else b.field,
                *(str(b.schedule), b.groups, b.optional),
            ]
            for b in plan.bindings
        ],
    ]


_REBUILD = """
import json, sys
sys.path[:0] = sys.argv[1:]
from paramsched.core.plan import Binding, Plan, Target
from support import generated_shapes
for total, bindings in json.load(sys.stdin):
    of = lambda field: Target(*field) if isinstance(field, list) else field
    print(Plan(*(Binding(of(f), *arguments) for f, *arguments in bindings), total=total).text)
"""


@pytest.mark.heavy
@pytest.mark.parametrize("seed", ["0", "4711"])
def test_texts_are_the_same_in_another_process(seed):
    collected: list[Plan] = []

    @settings(max_examples=10, database=None, derandomize=True)
    @given(st.data())
    def collect(data):
        collected.append(data.draw(strategies.plans(data.draw(strategies.worlds()))))

    collect()
    source = Path(paramsched.__file__).parents[1]
    printed = subprocess.run(
        [sys.executable, "-c", _REBUILD, str(source), str(Path(__file__).parents[2])],
        input=json.dumps([_as_data(plan) for plan in collected]),
        env={"PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=False,
    )

    assert printed.stderr == ""
    assert printed.stdout.splitlines() == [plan.text for plan in collected]


@given(strategies.cases(depth=2), strategies.cases(depth=2))
def test_different_schedules_have_different_text(first, second):
    assert (first.written == second.written) == (str(first.written) == str(second.written))


def test_a_binding_in_text_equals_the_one_in_code():
    assert Binding("lr", 'warmup("5%") >> cosine()') == Binding("lr", parse('warmup( "5 %")>>cosine(to=0)'))


def generated_times(data: st.DataObject, case: Case, size: int = 8) -> np.ndarray:
    return np.array(data.draw(strategies.times(case, size)))


@every_shape()
@given(st.data())
def test_a_vector_of_times_gives_the_value_at_each_time(name, data):
    case = data.draw(strategies.cases(name=name, small=False))
    times = generated_times(data, case)
    base = data.draw(strategies.bases())

    properties.value_at_each_time(case.resolved, times, base)


@every_shape()
@given(st.data())
def test_columns_have_the_same_bits_for_one_time(name, data):
    case = data.draw(strategies.cases(name=name, small=False))
    times = generated_times(data, case)
    base = data.draw(strategies.bases())
    if case.resolved.affine:
        together = rows_at(case.resolved, times, np.array([base]))
        functions = [lambda t: rows_at(case.resolved, t, np.array([base]))]
        if (factor_at := factor_of_number(case.resolved)) is not None:
            functions.append(lambda t: factor_at(t) * base)
        for of_one in functions:
            alone = [np.ravel(of_one(time))[0] for time in times.tolist()]
            one_by_one, at_once = (np.asarray(values, float) + 0.0 for values in (alone, together.ravel()))  # no -0.0
            np.testing.assert_array_equal(one_by_one.view(np.int64), at_once.view(np.int64))


@given(strategies.cases(), strategies.bases(), st.randoms(use_true_random=False))
def test_a_value_does_not_depend_on_the_other_times_in_the_array(case, base, random):
    every = np.arange(case.world.total + 7)
    values = case.resolved(every, base)
    some = np.array(random.sample(range(every.size), k=min(every.size, 37)))

    properties.independent_of_order(case.resolved, every, base)
    np.testing.assert_array_equal(case.resolved(some, base), values[some])


@given(strategies.cases(), strategies.bases(), st.integers(1, 9), st.data())
def test_values_have_the_same_bits_for_any_block_size(case, base, size, data):
    times = np.array(data.draw(st.lists(st.integers(0, case.world.total + 3), min_size=1, max_size=60)))
    if data.draw(st.booleans()):
        times = np.arange(times.size) + times[0]

    whole = evaluate(case.resolved, times, base)
    assert values_by_base(case.resolved, times)(base).tobytes() == whole.tobytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("paramsched.core.schedules.span._PIECE", size)
        in_pieces = evaluate(case.resolved, times, base)

    # Adding 0.0 removes the sign of zero, which is not defined for -0.0 times an absolute value.
    assert (in_pieces + 0.0).tobytes() == (whole + 0.0).tobytes()


@pytest.mark.parametrize("place", [0, 70_000, 99_999])
@pytest.mark.parametrize("wrong", [-1, 2 * 10**18])
def test_one_invalid_time_in_an_array_is_rejected(wrong, place):
    times = np.arange(100_000)
    times[place] = wrong

    with pytest.raises(InvalidTime, match=str(wrong)):
        ps.cosine(over=1000)(times)


@given(strategies.cases(), st.lists(strategies.bases(), min_size=1, max_size=4), st.data())
def test_bases_broadcast_with_times(case, bases, data):
    times = generated_times(data, case, 3)

    table = case.resolved(times[:, None], np.array(bases))

    assert table.dtype == np.float64
    np.testing.assert_array_equal(table, [[case.resolved(t.item(), base) for base in bases] for t in times])


@given(strategies.cases(), st.sampled_from([np.float16, np.float32, np.float64]), st.data())
def test_the_result_has_the_dtype_of_a_floating_base_or_float64(case, dtype, data):
    times = generated_times(data, case, 3)
    base = np.asarray(0.1, dtype=dtype)

    assert type(case.resolved(times[0].item(), 0.1)) is float
    assert case.resolved(times, 2).dtype == np.float64
    assert case.resolved(times, np.asarray(2)).dtype == np.float64
    with np.errstate(over="ignore"):  # a value of 1e30 is inf in float16
        assert case.resolved(times, base).dtype == dtype
        np.testing.assert_array_equal(case.resolved(times, base), case.resolved(times, float(base)).astype(dtype))
