"""A plan changed during a run keeps its past bit for bit and then follows the change."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.groups.fields import Field
from paramsched.core.plan import Plan, bind, resolve
from paramsched.core.schedules import constant
from paramsched.core.time import RunFacts
from paramsched.errors import InvalidArgument
from support import strategies
from support.strategies import GROUPS, World
from support.updates import probe

FREE = (
    "cosine(start=0.5, to=0.05)",
    "constant(0.3)",
    'linear(1, 0, over="30%") >> step(3)',
    "warmup(5, 0, 1) >> inverse_sqrt(5)",
)
JOINED = ("linear(to=0)", "linear(to=0.1, over=7) >> constant(0.1)", "constant()")


@pytest.fixture(autouse=True, scope="module")
def quiet():
    """Reject schedules with extreme values, which other properties cover."""
    with np.errstate(all="ignore"):
        yield


def run_of(world: World, total: int) -> RunFacts:
    return replace(world.facts, total=total)


@st.composite
def planned(draw, *, joined=False, follow=True):
    """Draw a plan and its run; with `joined`, a plan whose levels are sums, so that neighbors have a level."""
    world = draw(strategies.worlds())
    assume(world.total > 1)
    plan = draw(strategies.plans(world, follow=follow, affine=joined, attachable=True))
    assume(not joined or all(binding.schedule.affine for binding in plan.bindings))
    return world, plan


@st.composite
def changes(draw, world: World, plan: Plan, lines: tuple[str, ...] = FREE):
    """Draw the time of the change, the new length of the run, and new schedules for some fields."""
    update = draw(st.integers(0, world.total - 1))
    longer = draw(
        st.sampled_from([update + 1, world.total + 1, 2 * world.total + 3]) | st.integers(update + 1, update + 5000)
    )
    total = world.total if plan.total is None else draw(st.sampled_from([world.total, longer]))
    names = sorted({binding.name for binding in plan.bindings})
    fields = draw(st.dictionaries(st.sampled_from(names), st.sampled_from(lines), min_size=1))
    return update, total, fields


def assert_same_bits(actual: np.ndarray, expected: np.ndarray) -> None:
    """Ignore the sign of zero: next to a stage with multiples of base an absolute -0.0 becomes 0.0."""
    assert (actual + 0.0).tobytes() == (expected + 0.0).tobytes()


def follows_another(plan: Plan, name: str) -> bool:
    """Return whether a field follows another field, which may be changed."""
    return any(binding.name == name and "like(" in str(binding.schedule) for binding in plan.bindings)


def traced(plan: Plan, world: World, total: int) -> ps.extend.Trace:
    return ps.trace(plan, GROUPS, facts=run_of(world, total))


@pytest.mark.heavy
@given(st.data())
def test_a_change_keeps_the_past_and_unchanged_fields_continue(data):
    world, plan = data.draw(planned())
    update, total, fields = data.draw(changes(world, plan))

    changed = plan.change(update, total=None if total == world.total else total, **fields)

    before = traced(plan, world, world.total)
    after = traced(changed, world, total)
    for key in before.keys():
        until = min(update if key[0] in fields or follows_another(plan, key[0]) else world.total, total)
        assert_same_bits(after[key][:until], before[key][:until])


@given(st.data())
def test_after_the_planned_end_a_field_stays_constant_or_continues_if_open_ended(data):
    world, plan = data.draw(planned(follow=False))
    assume(plan.total is not None)
    longer = world.total + data.draw(st.integers(1, 2000))

    after = traced(plan.change(world.total, total=longer), world, longer)

    held_times = np.minimum(np.arange(longer), world.total)
    for index, bounds in enumerate(bind(plan.resolve(facts=world.facts), GROUPS)):
        for bound in bounds:
            base = bound.field.base(GROUPS[index])
            key = (bound.name, index)
            held = bound.schedule(held_times, base)
            going_on = bound.schedule(np.arange(longer), base)
            assert after[key].tobytes() in (held.tobytes(), going_on.tobytes())


@given(st.data())
def test_a_changed_field_follows_the_new_schedule_on_its_own_clock(data):
    world, plan = data.draw(planned())
    update, total, fields = data.draw(changes(world, plan))

    changed = traced(plan.change(update, total=None if total == world.total else total, **fields), world, total)

    for key in changed.keys():
        if key[0] in fields:
            alone = resolve(constant(1.0, over=update) >> ps.parse(fields[key[0]]), facts=run_of(world, total))
            expected = alone(np.arange(update, total), changed.base(*key).value)
            np.testing.assert_array_equal(changed[key][update:], expected)


@pytest.mark.heavy
@given(st.data())
def test_each_of_several_changes_keeps_the_past(data):
    world, plan = data.draw(planned())
    now = world.total
    for _ in range(data.draw(st.integers(2, 3))):
        run = World(now, world.epoch, world.batch, world.accumulation)
        update, total, fields = data.draw(changes(run, plan))
        later = plan.change(update, total=None if total == now else total, **fields)
        before = traced(plan, world, now)
        after = traced(later, world, total)
        for key in before.keys():
            until = min(update if key[0] in fields or follows_another(plan, key[0]) else now, total)
            assert_same_bits(after[key][:until], before[key][:until])
        plan = later
        now = total
    assert Plan.of_text(plan.text) == plan


@pytest.mark.heavy
@given(st.data())
def test_a_change_starts_at_the_value_of_the_old_plan(data):
    world, plan = data.draw(planned(joined=True))
    update, total, fields = data.draw(changes(world, plan, JOINED))
    assume(update)

    try:
        changed = plan.change(update, total=None if total == world.total else total, **fields)
        changed.resolve(facts=run_of(world, total))
    except InvalidArgument as refused:  # a level that is not known or not finite, or `constant(x)` before the change
        if "the level at which the stage before" not in str(refused) and "after a constant could be" not in str(
            refused
        ):
            raise
        reject()
    after = traced(changed, world, total)

    before = {
        (bound.name, index): bound
        for index, bounds in enumerate(bind(plan.resolve(facts=world.facts), GROUPS))
        for bound in bounds
    }
    for (name, index), bound in before.items():
        if name in fields:
            base = bound.field.base(GROUPS[index])
            assert after[name, index][update] == pytest.approx(bound.schedule(update, base), rel=1e-9, abs=1e-12)
            past = after[name, index][:update]
            expected = bound.schedule(np.arange(update), base)
            if follows_another(
                plan, name
            ):  # `2 * like("lr")` has all factors of a product `lr`, but not after the change
                largest = np.abs(expected).max(initial=0.0)
                np.testing.assert_allclose(past, expected, rtol=1e-14, atol=1e-14 * largest)
            else:
                assert_same_bits(past, expected)


@given(st.data())
def test_a_scaled_field_is_its_old_value_times_the_factors(data):
    world, plan = data.draw(planned())
    times = sorted(data.draw(st.lists(st.integers(0, world.total - 1), min_size=1, max_size=4)))
    name = data.draw(st.sampled_from(sorted({binding.name for binding in plan.bindings})))
    scaled = plan
    factors = np.ones(world.total)
    for update in times:
        factor = data.draw(st.sampled_from([0.5, 2.0, 0.25]))
        scaled = scaled.scale(update, **{name: factor})
        factors[update:] *= factor

    before, after = (traced(version, world, world.total) for version in (plan, scaled))

    for key in before.keys():
        if key[0] == name and not follows_another(plan, name):
            assert_same_bits(after[key][: times[0]], before[key][: times[0]])
            # Exact, but multiples of base below the normal numbers lose digits when they are halved.
            least = 4 * np.finfo(float).smallest_subnormal * max(1.0, abs(before.base(*key).value or 1.0))
            np.testing.assert_allclose(after[key], factors * before[key], rtol=0, atol=least)
        elif follows_another(plan, key[0]):
            assert_same_bits(after[key][: times[0]], before[key][: times[0]])
        else:
            assert_same_bits(after[key], before[key])


@given(st.data())
def test_a_scheduler_continues_with_the_changed_plan_at_its_update(data):
    world, plan = data.draw(planned())
    update, total, fields = data.draw(changes(world, plan))
    changed = plan.change(update, total=None if total == world.total else total, **fields)
    now = data.draw(st.integers(0, min(update, 20)))
    expected = traced(changed, world, total)

    optimizer = probe(*GROUPS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ps.Scheduler(optimizer, plan, facts=world.facts)
        for _ in range(now):
            optimizer.step()
        scheduler = ps.Scheduler(optimizer, changed, facts=run_of(world, total))
        assert scheduler.t == now
        for _ in range(min(total, now + 30) - now):
            optimizer.step()

    keys = [key for key in expected.keys() if key[1] != ""]
    for t, groups in enumerate(optimizer.used):
        for name, label in keys:
            index = label if isinstance(label, int) else ("body", "head").index(label)
            value = Field.of(name).read(groups[index])
            np.testing.assert_array_equal(value, expected[name, label][t])


@given(st.data())
def test_a_change_on_a_sample_clock_keeps_the_past(data):
    world, plan = data.draw(planned(follow=False))
    each = world.batch * world.accumulation
    total = world.total * each
    counted = Plan(*plan.as_written(), total=f"{total} samples", clock="samples")
    try:
        before = ps.trace(counted, GROUPS, facts=run_of(world, world.total))
    except InvalidArgument:
        reject()
    amount = data.draw(st.integers(0, total - 1))
    longer = data.draw(st.integers(amount + 1, total + 1000))
    name = data.draw(st.sampled_from(sorted({binding.name for binding in plan.bindings})))

    changed = counted.change(f"{amount} samples", total=f"{longer} samples", **{name: "cosine(start=0.5, to=0.05)"})

    after = ps.trace(changed, GROUPS, facts=replace(run_of(world, 1), total=f"{longer} samples"))
    for key in before.keys():
        until = min(-(-amount // each) if key[0] == name else before.total, after.total)
        assert_same_bits(after[key][:until], before[key][:until])
