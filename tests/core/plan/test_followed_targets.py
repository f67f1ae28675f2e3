"""`like` of a target: a line that multiplies its base by the value of a target."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.plan import Binding, Plan, Target, resolve
from paramsched.core.plan.resolve import counted_plan
from paramsched.core.schedules import parse
from paramsched.core.schedules.anneal import cosine, linear, warmup
from paramsched.core.schedules.leaves import like
from paramsched.core.schedules.one_operand import as_factor
from paramsched.core.schedules.periods import stairs
from paramsched.core.time import Calendar
from paramsched.errors import InvalidArgument, PlanError
from support import strategies
from support.examples import at_most
from support.tables import table

RUN = Calendar(total=100)
SIZE = Binding(Target("size", 2.0), "linear(1, 5)")
GPT3 = """
clock: tokens
horizon: 300B tokens
lr: (warmup("375M tokens") >> cosine(to=0.1)) * (like("batch_size") / 256) ** 0.5
targets:
  batch_size: {initial: 1, schedule: 'rounded(linear(16, 1600, over="12B tokens"), 16)'}
"""
TOKENS = Calendar(sequence_length=2048)


def values(plan, name="lr", calendar=RUN, **bases):
    return ps.trace(plan, {"lr": 0.1, "weight_decay": 0.05, **bases}, calendar)[name]


def test_the_rate_of_a_growing_batch_follows_its_size():
    plan = ps.loads(GPT3.replace("300B", "1B").replace("375M", "100M").replace("12B", "500M"))
    alone = Plan(lr='warmup("100M tokens") >> cosine(to=0.1)', clock="tokens", horizon="1B tokens")

    found = ps.trace(plan, {"lr": 0.1}, TOKENS)
    factors = counted_plan(alone.resolve(TOKENS)).bindings[0].schedule(found.amounts)

    assert len(set(found["batch_size"])) > 50
    np.testing.assert_allclose(found["lr"], 0.1 * factors * (found["batch_size"] / 256) ** 0.5, rtol=1e-14)


def test_a_resolved_plan_is_a_plan_like_any_other():
    plan = ps.loads(GPT3)

    resolved = plan.resolve(TOKENS)

    assert 'like("batch_size")' in str(plan)
    assert 'like("batch_size")' in ps.dump(plan)
    assert not plan.is_resolved
    assert resolved.is_resolved
    assert resolved.resolve(TOKENS) == resolved
    assert Plan.of_text(resolved.text) == resolved
    assert Plan.of_text(plan.text) == plan
    assert resolved.fingerprint != plan.fingerprint
    assert not ps.diff(resolved, plan.resolve(TOKENS))
    for syntax in ("yaml", "json"):
        for one in (plan, resolved):
            assert ps.loads(ps.dump(one, format=syntax), format=syntax) == one


@given(st.data())
@at_most(40)
def test_a_line_has_the_value_of_the_target_as_a_factor(data):
    case = data.draw(strategies.cases())
    initial = data.draw(strategies.bases())
    plan = Plan(Binding(Target("size", initial), case.written), lr=like("size"), weight_decay=0.5 * like("size"))

    resolved = plan.resolve(case.world.calendar)
    found = {one.name: one.schedule for one in resolved.bindings}
    times = np.arange(min(case.world.total, 200) + 1)

    size = found["size"](times, initial)
    assert resolved.resolve(case.world.calendar) == resolved
    assert Plan.of_text(resolved.text) == resolved
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(found["lr"](times, 1.0), size)
        np.testing.assert_array_equal(found["weight_decay"](times, 1.0), 0.5 * size)
    for time in times[::37].tolist():
        np.testing.assert_array_equal(found["lr"](time, 1.0), found["size"](time, initial))
    assert found["lr"].length is None
    assert not found["lr"].has_absolute
    assert found["lr"].affine


def test_two_spellings_of_a_target_give_one_rate():
    one, other = (
        Plan(Binding(Target("size", initial), schedule), lr='cosine() * (like("size") / 256) ** 0.5')
        for initial, schedule in ((256, stairs(1, 4, 3)), (1, stairs(256, 1024, 3)))
    )

    np.testing.assert_array_equal(values(one), values(other))


def test_it_is_as_continuous_as_the_target():
    plan = Plan(Binding(Target("batch_size", 1), "linear(16, 17)"), lr='like("batch_size")', horizon=100)

    assert len(set(values(plan, calendar=Calendar()))) == 100


@pytest.mark.parametrize(
    ("line", "resolved"),
    [
        ('(warmup(10) >> cosine()) * like("size")', "(warmup(10) >> cosine(over=90)) * {}"),
        ('like("size") >> linear(0.1, 0, over=20)', "window({}, end=80) >> linear(0.1, 0.0, 20)"),
        ('clamp(like("size"), high=4)', "clamp({}, high=4.0)"),
        ('minimum(cosine(), 1 + like("size") / 2)', "minimum(cosine(over=100), constant() + {} * constant(0.5))"),
        ('take(cosine() * like("size"), 50, of=80)', "take(cosine(over=80) * {}, 50)"),
        ('take(like("size"), 50) >> skip(like("size"), 50)', "take({}, 50) >> skip({}, 50)"),
        ('every(like("size"), 5)', "every({}, 5)"),
        ('window(like("size"))', "window({})"),
        ('with_lengths(warmup("33%") >> constant()) * like("size")', "with_lengths(warmup(33) >> constant()) * {}"),
        ('chain(like("size"), cosine())', "chain({}, cosine(over=100))"),
    ],
)  # fmt: skip
def test_it_stands_where_the_clock_starts_with_the_run(line, resolved):
    plan = Plan(SIZE, lr=line).resolve(RUN)

    value = "as_factor(linear(to=5.0, over=100), 2.0)"
    assert str(plan.bindings[0].schedule) == str(parse(resolved.replace("{}", value)))
    assert plan.resolve(RUN) == plan
    assert Plan.of_text(plan.text) == plan


@table(
    ("line", "why", "instead"),
    [
        (
            'warmup(10) >> cosine() * like("size")',
            "does not start with the run",
            '(warmup(10) >> cosine()) * like("size")',
        ),
        (
            'warmup(10) >> cosine() * 0.5 * (like("size") / 4) ** 0.5',
            "does not start with the run",
            '(warmup(10) >> cosine() * constant(0.5)) * (like("size") * constant(0.25)) ** 0.5',
        ),
        ('warmup(10) >> like("size")', "does not start with the run", '(warmup(10) >> constant()) * like("size")'),
        ('shift(like("size") * cosine(), 5)', "does not start with the run", 'shift(cosine(), 5) * like("size")'),
        ('restarts(cosine() * like("size"), 20)', "restarts", 'restarts(cosine(), 20) * like("size")'),
        ('window(like("size"), 20, 40)', "does not start with the run", 'window(constant(), 20, 40) * like("size")'),
        (
            'warmup(10) >> cosine() * like("size") * plateau()',
            "does not start with the run",
            '(warmup(10) >> cosine()) * like("size") * plateau()',
        ),
        ('warmup(10) >> minimum(cosine(), like("size"))', "does not start with the run", None),
        ('cosine(over=50) * like("size") >> constant() * like("size") ** 2', "does not start with the run", None),
    ],
)
def test_elsewhere_it_is_refused_with_the_line_in_brackets(line, why, instead):
    if line.endswith("plateau()"):
        plan = Plan(SIZE, lr=parse(line.removesuffix(" * plateau()")) * ps.plateau())
    else:
        plan = Plan(SIZE, lr=line)

    with pytest.raises(PlanError) as refused:
        plan.resolve(RUN)

    assert refused.value.site == 'like("size") in lr'
    assert why in refused.value.found
    advice = refused.value.instead
    assert advice.startswith("Multiply the entire line, with brackets:" if instead is None else f"Write {instead}")
    Plan(SIZE, Binding(Target("batch_size", 4), 1.0), lr=advice.split(": ")[-1].removeprefix("Write ")).resolve(RUN)


def test_a_line_in_which_it_stands_is_named_where_it_is_followed():
    with pytest.raises(PlanError, match=r'like\("size"\) in weight_decay: .* does not start'):
        Plan(SIZE, lr='cosine() * like("size")', weight_decay='warmup(10) >> like("lr")').resolve(RUN)
    with pytest.raises(PlanError, match=r'like\("size"\) in second: .* does not start'):
        Plan(SIZE, Binding(Target("second", 1.0), 'warmup(10) >> like("size")'), lr='like("second")').resolve(RUN)


def test_targets_follow_fields_by_multiples_and_targets_by_value():
    plan = Plan(
        SIZE,
        Binding(Target("half", 0.5), 'like("size")'),
        Binding(Target("rate", 3.0), 'like("lr")'),
        lr='linear() * like("half")',
        weight_decay='like("lr")',
    )

    found = ps.trace(plan, {"lr": 0.1, "weight_decay": 0.05}, RUN)

    np.testing.assert_array_equal(found["half"], 0.5 * found["size"])
    np.testing.assert_array_equal(found["lr"], np.linspace(1, 0, 101)[:-1].round(2) * found["half"] * 0.1)
    np.testing.assert_allclose(found["rate"], 30 * found["lr"], rtol=1e-15)
    np.testing.assert_allclose(found["weight_decay"], 0.5 * found["lr"], rtol=1e-15)


def test_a_field_is_followed_if_a_target_has_its_name():
    same = Binding(Target("lr", 7.0), 'like("lr")')

    plan = Plan(same, lr=cosine(), weight_decay='like("lr")').resolve(RUN)

    assert {str(one.schedule) for one in plan.bindings} == {"cosine(over=100)"}


def test_every_group_follows_the_target():
    head = Binding("lr", "linear() * like('size')", groups="head")

    plan = Plan(head, SIZE, lr="cosine()", weight_decay='like("lr")').resolve(RUN)

    factor = "as_factor(linear(to=5.0, over=100), 2.0)"
    assert [str(one) for one in plan.bindings] == [
        "lr: cosine(over=100)",
        f"lr @ head: linear(over=100) * {factor}",
        "weight_decay: cosine(over=100)",
        f"weight_decay @ head: linear(over=100) * {factor}",
        "size = 2.0: linear(to=5.0, over=100)",
    ]


def test_levels_of_neighbors_in_a_target_are_its_own():
    size = Binding(Target("size", 2.0), "linear(1, 3, over=50) >> linear(previous, 0)")

    plan = Plan(size, lr='take(like("size") * cosine(), 60) >> linear(previous, 0)').resolve(RUN)

    lr, target = (one.schedule for one in plan.bindings)
    assert lr(60) == pytest.approx(lr(59), rel=0.1)
    assert lr(40) == target(40, 2.0) * cosine(over=100)(40)


@table(
    ("targets", "fields", "site", "found", "instead"),
    [
        (
            {"size": "cosine()"},
            {"lr": "like('sise')"},
            'like("sise") in lr',
            'sise is not a field or target of this plan; did you mean "size"?',
            "Schedule sise, or follow one of lr, size",
        ),
        (
            {"size": "constant() * plateau('loss')"},
            {"lr": "like('size')"},
            'like("size") in lr',
            "size has a metric rule",
            "Repeat its schedule here",
        ),
        (
            {"size": "like('size') * 2"},
            {"lr": "like('size')"},
            'size: like("size") * constant(2.0)',
            "circular reference: size → size",
            "Remove one of them",
        ),
        (
            {"a": "like('b')", "b": "cosine() * like('a')"},
            {"lr": "like('a')"},
            'a: like("b")',
            "circular reference: a → b → a",
            "Remove one of them",
        ),
        (
            {"size": "2 * like('lr')"},
            {"lr": "like('size')"},
            'size: constant(2.0) * like("lr")',
            "circular reference: size → lr → size",
            "Remove one of them",
        ),
    ],
)
def test_what_cannot_be_followed_is_refused(targets, fields, site, found, instead):
    plan = Plan(*(Binding(Target(name, 1.0), schedule) for name, schedule in targets.items()), **fields)

    with pytest.raises(PlanError) as refused:
        plan.resolve(RUN)

    assert (refused.value.site, refused.value.found, refused.value.instead) == (site, found, instead)


@pytest.mark.parametrize(("clock", "lr", "size"), [
    ({"size": "tokens"}, "updates", "tokens"),
    ({"lr": "tokens", "weight_decay": "tokens"}, "tokens", "updates"),
])  # fmt: skip
def test_one_clock_is_needed_for_a_line_and_its_target(clock, lr, size):
    plan = Plan(SIZE, lr="like('size')", weight_decay=1.0, horizon="1M tokens", clock=clock)

    with pytest.raises(PlanError) as refused:
        plan.resolve(Calendar(tokens_per_step=1000))

    assert refused.value.found == f"lr counts {lr}, but size counts {size}; both need one clock"
    both = eval(refused.value.instead.removeprefix("Write clock="))  # a mapping that the library wrote
    assert both == clock | {"lr": "tokens", "size": "tokens"}
    resolved = Plan(SIZE, lr="like('size')", weight_decay=1.0, horizon="1M tokens", clock=both).resolve(
        Calendar(tokens_per_step=1000)
    )
    assert str(resolved.bindings[0].schedule) == 'as_factor(linear(to=5.0, over="1000000 tokens"), 2.0)'


def test_a_changed_target_changes_every_line_that_follows_it():
    plan = Plan(SIZE, lr='cosine() * like("size")', weight_decay='like("lr")', eps=1.0, horizon=100)

    changed = plan.change("50 steps", size="constant(3)")

    assert [change.what for change in ps.diff(plan, changed)] == ["lr", "size", "weight_decay"]
    lr, size, weight_decay = map(str, ps.diff(plan, changed, Calendar()))
    assert lr == 'lr: cosine() * like("size") (follows a changed target)  [from update 51, by up to 0.334205 x base]'
    assert size.startswith("size: 2.0 * linear(to=5.0) -> 2.0 * take(linear(to=5.0), 50) >> constant(3.0)")
    assert weight_decay.startswith('weight_decay: like("lr") (follows a changed target)  [from update 51')
    assert not ps.diff(plan, Plan.of_text(plan.text))
    for name in ("lr", "weight_decay"):
        before, after = (values(one, name, Calendar(), eps=1e-8) for one in (plan, changed))
        np.testing.assert_array_equal(before[:50], after[:50])
        assert before[60] != after[60]


def test_another_initial_value_of_a_target_changes_the_lines_too():
    plans = [Plan(Binding(Target("size", initial), "linear(1, 5)"), lr='like("size")') for initial in (1.0, 2.0)]

    assert [change.what for change in ps.diff(*plans)] == ["lr", "size"]


def test_plans_that_cannot_be_resolved_have_a_diff():
    broken = Plan(lr='like("size")')

    assert [change.what for change in ps.diff(broken, Plan(SIZE, lr='like("size")'))] == ["lr", "size"]


@pytest.mark.parametrize("changed", [
    lambda plan: plan.change("50 steps", lr='linear(previous, 0) * like("size")'),
    lambda plan: plan.change("50%", lr='linear(1, 0) * like("size") ** 0.5', horizon=150),
    lambda plan: plan.change("50 steps", size="constant(7)"),
    lambda plan: plan.change("100 steps", horizon=130),
    lambda plan: plan.scale("50 steps", lr=0.5),
    lambda plan: plan.scale("50 steps", size=0.5),
    lambda plan: plan.cooldown("50 steps", "30 steps"),
    lambda plan: plan.scale("50 steps", lr=0.5).change("60 steps", size="constant(9)").cooldown("70 steps", "9 steps"),
], ids=range(8))  # fmt: skip
def test_changes_are_on_the_clock_of_the_run_and_keep_the_past(changed):
    plan = Plan(SIZE, lr='(warmup(10) >> cosine()) * like("size")', horizon=100)

    after = changed(plan)

    resolved = after.resolve(Calendar())
    assert resolved.resolve(Calendar()) == resolved
    assert Plan.of_text(after.text) == after
    np.testing.assert_array_equal(values(plan, calendar=Calendar())[:50], values(after, calendar=Calendar())[:50])


def test_a_new_schedule_follows_the_target_at_the_time_of_the_run():
    plan = Plan(SIZE, lr="constant()", horizon=100).change("50 steps", lr='linear(1, 1) * like("size")')

    found = ps.trace(plan, {"lr": 0.1}, Calendar())

    np.testing.assert_array_equal(found["lr"][50:], 0.1 * found["size"][50:])


def test_a_function_has_the_values_of_the_plan():
    plan = Plan(SIZE, lr='cosine() * like("size")', horizon=100)
    factor = ps.to_lambda(plan, field="lr")

    planned = values(plan, calendar=Calendar())[[0, 30, 99]].tolist()
    assert [0.1 * factor(t) for t in (0, 30, 99)] == pytest.approx(planned, rel=1e-15)
    absolute = Plan(Binding(Target("size", 2.0), "rounded(linear(1, 5))"), lr='like("size")', horizon=100)
    assert ps.to_lambda(absolute, field="lr")(99) == 10.0  # the factors do not depend on base


def test_planned_sizes_follow_each_other():
    plan = ps.loads("""
        clock: samples
        horizon: 10000 samples
        lr: like("batch_size") / 16
        targets:
          accumulation: {initial: 1, schedule: 'stairs(1, 4, 3, over="5000 samples")'}
          batch_size: {initial: 16, schedule: 'like("accumulation")'}
        """)

    found = ps.trace(plan, {"lr": 0.1}, Calendar())

    np.testing.assert_array_equal(found["batch_size"], 16 * found["accumulation"])
    np.testing.assert_allclose(found["lr"], 0.1 * found["accumulation"], rtol=1e-15)
    assert np.diff(found.amounts)[0] == 16
    assert np.diff(found.amounts)[-1] == 16 * 16


def test_as_factor_multiplies_base_by_a_value():
    size = as_factor(linear(ps.absolute(16), ps.absolute(64), over=48))

    assert size(8, base=0.5) == 12.0
    assert (size / 16)(48, base=0.1) == 0.1 * 64 / 16
    assert str(size) == "as_factor(linear(absolute(16.0), absolute(64.0), 48))"
    assert parse(str(size)) == size
    assert str(as_factor(warmup(10), 256)) == "as_factor(warmup(10), 256.0)"
    assert str(resolve(warmup(10) >> as_factor(cosine()), RUN)) == "warmup(10) >> as_factor(cosine(over=90))"
    assert resolve(0.5 * as_factor(cosine()) >> linear(over=10), RUN).length.updates == 100
    for refused in (
        lambda: as_factor("cosine()"),
        lambda: as_factor(cosine(), "x"),
        lambda: as_factor(linear(ps.previous)),
    ):
        with pytest.raises(InvalidArgument):
            refused()


@table(("at", "updates"), [("1001 steps", 1001), ("33.3%", 1667), ("1B tokens", 1667), ("777777 samples", 1854)])
@pytest.mark.parametrize("changed", [
    lambda plan, at: plan.scale(at, lr=0.5),
    lambda plan, at: plan.change(at, lr='0.1 * like("batch_size") / 256'),
    lambda plan, at: plan.cooldown(at, "100 steps"),
], ids=["scale", "change", "cooldown"])  # fmt: skip
def test_changes_keep_the_past_if_sizes_are_planned(changed, at, updates):
    plan = ps.loads(GPT3.replace("300B", "3B").replace("375M", "37M").replace("12B", "1200M"))

    before, after = (ps.trace(one, {"lr": 1.0}, TOKENS) for one in (plan, changed(plan, at)))

    np.testing.assert_array_equal(before["lr"][:updates], after["lr"][:updates])
    assert len(after) <= updates + 1 or before["lr"][updates + 1] != after["lr"][updates + 1]
