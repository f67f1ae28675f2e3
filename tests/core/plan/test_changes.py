"""Changing a plan: the bindings of the new plan, kept properties, and invalid changes."""

import pytest

import paramsched as ps
from paramsched.core.plan import Binding, Plan, Target
from paramsched.core.schedules import parse, previous
from paramsched.core.schedules.anneal import anneal, cosine, linear
from paramsched.core.schedules.cuts import depends_on_horizon
from paramsched.errors import InvalidArgument, PlanError, UnknownField
from support.tables import table

PLAN = Plan(lr='warmup("5%") >> cosine(to=0.1)', weight_decay="linear(to=0.5)", horizon=10_000)


def lines(plan):
    return str(plan).splitlines()


def test_a_change_keeps_the_old_schedule_until_its_time_and_then_uses_the_new_one():
    changed = PLAN.change("8000 steps", lr=linear(previous, 0, over="1000 steps"), horizon="9000 steps")

    assert lines(changed) == [
        "horizon: 9000",
        'lr: take(warmup("5%") >> cosine(to=0.1), 8000, 10000) >> linear(previous, over=1000)',
        "weight_decay: take(linear(to=0.5), 10000, 10000)",
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"at": 8000, "lr": "cosine(start=0.5, to=0.05)"},
            'take(warmup("5%") >> cosine(to=0.1), 8000) >> cosine(start=0.5, to=0.05)',
        ),
        ({"at": "80%", "lr": "constant(0.1)"}, 'take(warmup("5%") >> cosine(to=0.1), "80%") >> constant(0.1)'),
        (
            {"at": "2 epochs", "lr": "constant(0.1)"},
            'take(warmup("5%") >> cosine(to=0.1), "2 epochs") >> constant(0.1)',
        ),
        ({"at": 0, "lr": "cosine()"}, "cosine()"),
        (
            {"at": "80%", "lr": "constant(0.1)", "horizon": 20_000},
            'take(warmup("5%") >> cosine(to=0.1), 8000, 10000) >> constant(0.1)',
        ),
        (
            {"at": "50% + 100 steps", "lr": "constant(0.1)", "horizon": 20_000},
            'take(warmup("5%") >> cosine(to=0.1), 5100, 10000) >> constant(0.1)',
        ),
        (
            {"at": 11_000, "lr": "constant(0.1)", "horizon": 20_000},
            'take(warmup("5%") >> cosine(to=0.1), 11000, 10000) >> constant(0.1)',
        ),
        (
            {"at": 8000, "lr": "linear(previous, 0.5, over=100) >> cosine(start=0.5, to=0.05)", "horizon": 12_000},
            'take(warmup("5%") >> cosine(to=0.1), 8000, 10000) >> linear(previous, 0.5, 100)'
            " >> cosine(start=0.5, to=0.05)",
        ),
    ],
    ids=["no other horizon", "per cent", "epochs", "at the start", "per cent of the old run", "a sum", "later", "warm"],
)
def test_the_old_horizon_is_written_if_the_horizon_changes(change, expected):
    assert str(PLAN.change(**change).bindings[0].schedule) == expected


@pytest.mark.parametrize(
    ("line", "depends"),
    [
        ("cosine()", True),
        ("warmup(100) >> constant()", False),
        ('warmup("1%") >> constant()', True),
        ("warmup(100) >> constant() >> linear(1, 0, over=100)", True),
        ("warmup(100) >> inverse_sqrt(100)", False),
        ('step("10%")', True),
        ('multistep([100, "50%"])', True),
        ('exponential(0.9) * cosine(over="10%")', True),
        ("restarts(cosine(), 100)", False),
        ('restarts(cosine(), "10%")', True),
        ("window(cosine(), 0, 100)", False),
        ("window(cosine(), 100)", True),
        ("every(cosine(), 10)", True),
        ("take(cosine(), 80)", True),
        ("take(cosine(), 80, 100)", False),
        ('take(cosine(), "80%", 100)', True),
        ('take(warmup("5%") >> cosine(), 80, "2 epochs") >> constant()', False),
        ("take(restarts(cosine(), 10), 80)", False),
        ("constant() >> 0.5 * skip(cosine(over=100), 50)", True),
        ("recurrence(rules.schedule(cosine(over=100)))", False),
        ("recurrence(rules.schedule(cosine()))", True),
        ('recurrence(rules.schedule(cosine(over="5%")))', True),
        ('0.5 * like("weight_decay")', False),
        ('minimum(like("weight_decay"), cosine())', True),
        ('warmup("5%") >> like("weight_decay")', True),
        ("as_factor(cosine())", True),
        ("as_factor(cosine(over=10))", False),
    ],
    ids=str,
)
def test_a_schedule_that_does_not_depend_on_the_horizon_is_kept_unchanged(line, depends):
    assert depends_on_horizon(parse(line)) is depends

    changed = Plan(lr=line, horizon=200).change(100, horizon=300, lr="constant(0.5)")
    carried = Plan(lr=line, weight_decay=1.0, horizon=200).change(100, horizon=300, weight_decay="constant(0.5)")

    assert (", 200) >> constant(0.5)" in str(changed)) is depends
    assert (carried.bindings[0].schedule == parse(line)) is not depends


def test_a_change_without_a_field_keeps_the_final_values():
    changed = PLAN.change(10_000, horizon=12_000)

    assert lines(changed) == [
        "horizon: 12000",
        'lr: take(warmup("5%") >> cosine(to=0.1), 10000, 10000)',
        "weight_decay: take(linear(to=0.5), 10000, 10000)",
    ]
    values = ps.trace(changed, {"lr": 1.0, "weight_decay": 1.0})
    assert values["lr"][9_999:10_002].tolist() == [ps.trace(PLAN, {"lr": 1.0, "weight_decay": 1.0})["lr"][-1], 0.1, 0.1]
    assert set(values["weight_decay"][10_000:].tolist()) == {0.5}


def test_a_change_to_the_same_horizon_has_no_effect():
    assert PLAN.change(8000, lr="constant(0.1)", horizon=10_000) == PLAN.change(8000, lr="constant(0.1)")


def test_changes_can_be_applied_repeatedly():
    twice = PLAN.change(8000, lr="linear(previous, 0)", horizon=9000).change(
        8500, lr="constant(previous)", horizon=9500
    )

    once = 'take(warmup("5%") >> cosine(to=0.1), 8000, 10000) >> linear(previous)'
    assert lines(twice)[1] == f"lr: take({once}, 8500, 9000) >> constant(previous)"
    assert Plan.of_text(twice.text) == twice
    values = [ps.trace(one, {"lr": 0.1, "weight_decay": 1.0})["lr"] for one in (PLAN, twice)]
    assert values[0][:8000].tobytes() == values[1][:8000].tobytes()
    assert values[1][8500] == pytest.approx(values[0][8000] / 2, rel=1e-12)


# ---------------------------------------------------------------- selection of bindings

GROUPED = Plan(
    Binding("lr", "cosine()"),
    Binding("lr", "0.1 * cosine()", groups="head"),
    Binding(Target("temperature", 2.0), "linear(1, 0.5)"),
    Binding("betas[0]", "constant(0.5)"),
    horizon=100,
)


def test_a_keyword_changes_every_binding_of_the_field():
    changed = GROUPED.change(50, lr="constant(previous)")

    assert lines(changed)[1:3] == [
        "lr: take(cosine(), 50) >> constant(previous)",
        "lr @ head: take(0.1 * cosine(), 50) >> constant(previous)",
    ]
    assert lines(changed)[3:] == lines(GROUPED)[3:]


def test_a_binding_argument_changes_one_binding():
    head = GROUPED.change(50, Binding("lr", "constant(0.5)", groups="head"))
    default = GROUPED.change(50, Binding("lr", "constant(0.5)"))
    both = GROUPED.change(50, Binding("lr", "constant(0.5)", groups="head"), lr="constant(previous)")

    assert lines(head)[1:3] == ["lr: cosine()", "lr @ head: take(0.1 * cosine(), 50) >> constant(0.5)"]
    assert lines(default)[1:3] == ["lr: take(cosine(), 50) >> constant(0.5)", "lr @ head: 0.1 * cosine()"]
    assert lines(both)[1:3] == [
        "lr: take(cosine(), 50) >> constant(previous)",
        "lr @ head: take(0.1 * cosine(), 50) >> constant(0.5)",
    ]


def test_a_group_without_its_own_binding_continues_from_the_default():
    changed = GROUPED.change(50, Binding("lr", "linear(previous, 0)", groups="neck"), horizon=80)

    assert lines(changed)[1:4] == [
        "lr: take(cosine(), 100, 100)",
        "lr @ head: take(0.1 * cosine(), 100, 100)",
        "lr @ neck: take(cosine(), 50, 100) >> linear(previous)",
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": "constant(previous)"},
        {"bindings": [Binding(Target("temperature", 2.0), "constant(previous)")]},
    ],
    ids=["a keyword", "a target"],
)
def test_a_changed_target_keeps_its_base_and_its_setter(change):
    written = []
    plan = Plan(Binding(Target("temperature", 2.0, written.append), "linear(1, 0.5)"), horizon=100)

    changed = plan.change(50, *change.pop("bindings", ()), **change)

    assert lines(changed)[1] == "temperature = 2.0: take(linear(to=0.5), 50) >> constant(previous)"
    assert changed.targets[0].write == plan.targets[0].write


def test_fields_that_are_not_identifiers_can_be_keywords():
    assert (
        lines(GROUPED.change(50, **{"betas[0]": "constant(0.9)"}))[3]
        == "betas[0]: take(constant(0.5), 50) >> constant(0.9)"
    )


def test_each_metric_rule_multiplies_the_changed_schedule_once():
    plan = Plan(lr=cosine() * ps.plateau("loss"), weight_decay=linear() * ps.plateau("val"), horizon=100)

    changed = plan.change(50, lr=linear(previous, 0) * ps.plateau("loss") * ps.plateau("val"), horizon=80)

    assert lines(changed)[1:] == [
        'lr: (take(cosine(), 50, 100) >> linear(previous)) * plateau() * plateau("val")',
        'weight_decay: take(linear(), 100, 100) * plateau("val")',
    ]
    assert lines(plan.scale(50, lr=0.5))[1] == "lr: (take(cosine(), 50) >> 0.5 * skip(cosine(), 50)) * plateau()"


def test_a_field_that_follows_another_follows_its_changed_schedule():
    plan = Plan(lr="cosine()", weight_decay='0.5 * like("lr")', horizon=100)

    changed = plan.change(50, lr="linear(previous, 0)", horizon=80)

    assert lines(changed)[2] == 'weight_decay: 0.5 * like("lr")'
    before, after = (ps.trace(one, {"lr": 1.0, "weight_decay": 1.0}) for one in (plan, changed))
    assert after["weight_decay"][:50].tobytes() == before["weight_decay"][:50].tobytes()
    assert after["weight_decay"].tolist() == (0.5 * after["lr"]).tolist()


def test_a_change_keeps_the_order_of_bindings_and_the_clock():
    plan = Plan(weight_decay="linear()", lr="cosine()", horizon="1M tokens", clock="tokens")

    for changed in (
        plan.change("500k tokens", lr="constant(0.1)", horizon="2M tokens"),
        plan.cooldown("500k tokens", "100k tokens"),
        plan.scale("500k tokens", lr=0.5),
    ):
        assert [one.name for one in changed.as_written()] == ["weight_decay", "lr"]
        assert changed.clock == "tokens"


def test_on_another_clock_the_time_of_a_change_is_an_amount():
    plan = Plan(lr='warmup("375M tokens") >> cosine(to=0.1)', horizon="3B tokens", clock="tokens")
    facts = ps.Calendar(tokens_per_step=1_000_000)

    changed = plan.change("2B tokens", lr="linear(previous, 0)", horizon="2500M tokens")

    old = 'warmup("375M tokens") >> cosine(to=0.1)'
    assert lines(changed)[2] == f'lr: take({old}, "2B tokens", "3B tokens") >> linear(previous)'
    before, after = (ps.trace(one, {"lr": 0.1}, facts) for one in (plan, changed))
    assert after.total == 2500
    assert after["lr"][:2000].tobytes() == before["lr"][:2000].tobytes()
    assert after["lr"][2000] == pytest.approx(before["lr"][2000])
    assert lines(plan.cooldown("50%", "10%"))[1] == "horizon: 1.8B tokens"


SIZES = ps.Calendar(sequence_length=1000)


def sized(clock, horizon, **fields):
    sizes = Binding(Target("batch_size", 1.0), 'rounded(linear(10, 40, over="1M tokens"), 10)')
    return Plan(sizes, lr="linear()", horizon=horizon, clock=clock, **fields)


def test_changing_the_batch_size_at_an_amount_keeps_the_past():
    plan = sized("tokens", "5M tokens")

    changed = plan.change("2M tokens", batch_size="constant(20)", lr="linear(previous, 0)", horizon="6M tokens")

    before, after = (ps.trace(one, {"lr": 0.1}, SIZES) for one in (plan, changed))
    at = before.amounts.tolist().index(2_000_000)
    for values, expected in ((after.amounts, before.amounts), (after["lr"], before["lr"])):
        assert values[: at + 1].tolist() == pytest.approx(expected[: at + 1].tolist(), rel=1e-15)
        assert values[:at].tobytes() == expected[:at].tobytes()
    assert set(after["batch_size"][at:].tolist()) == {20.0}
    assert after.total - at == 200


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (
            sized({"batch_size": "tokens"}, "5M tokens"),
            'lr: linear() depends on the length of the run, and with another batch_size a run of "5M tokens" has '
            "another number of updates. Give the horizon of the plan in updates",
        ),
        (sized("tokens", "500 steps"), 'a run of "500" has another number of tokens'),
    ],
    ids=["a line by updates", "a horizon by updates"],
)
def test_a_batch_size_that_changes_the_past_of_a_schedule_is_rejected(plan, message):
    assert message in refused(PlanError, lambda: plan.change("2M tokens", batch_size="constant(20)"))
    assert message in refused(PlanError, lambda: plan.scale("2M tokens", batch_size=2))
    assert plan.change("2M tokens", lr="linear(previous, 0)").clock == plan.clock


# ---------------------------------------------------------------- cooldown and scale


def test_a_cooldown_ends_the_run():
    trunk = Plan(lr='warmup("5%") >> constant()', weight_decay="linear(to=0.5)", horizon=10_000)

    assert lines(trunk.cooldown(6000, 1000)) == [
        "horizon: 7000",
        'lr: take(warmup("5%") >> constant(), 6000, 10000) >> linear(previous, over=1000)',
        "weight_decay: take(linear(to=0.5), 10000, 10000)",
    ]
    assert trunk.cooldown(6000, 1000) == trunk.change(6000, lr=anneal(previous, 0.0, 1000), horizon=7000)
    assert trunk.cooldown("60%", "10%") == trunk.cooldown(6000, 1000)


@pytest.mark.parametrize("fields", [("lr", "weight_decay"), ["weight_decay", "lr"]], ids=["a tuple", "a list"])
def test_a_cooldown_of_several_fields_along_a_curve(fields):
    cooled = PLAN.cooldown(6000, 1000, to=0.01, curve=ps.curves.one_minus_sqrt, fields=fields)

    assert all(line.endswith(">> anneal(previous, 0.01, 1000, curves.one_minus_sqrt)") for line in lines(cooled)[1:])
    assert PLAN.cooldown(6000, 1000, fields="weight_decay") == PLAN.cooldown(6000, 1000, fields=["weight_decay"])


def test_a_cooldown_to_the_horizon_keeps_the_horizon():
    assert lines(PLAN.cooldown(9000, 1000))[1] == (
        'lr: take(warmup("5%") >> cosine(to=0.1), 9000) >> linear(previous, over=1000)'
    )


def test_scaling_multiplies_the_remaining_part_of_every_schedule():
    scaled = GROUPED.scale("50%", lr=0.5, temperature=2)

    assert lines(scaled)[1] == 'lr: take(cosine(), "50%") >> 0.5 * skip(cosine(), "50%")'
    assert lines(scaled)[3] == lines(GROUPED)[3]
    groups = [{"name": "body", "lr": 0.1, "betas": (0.9, 0.9)}, {"name": "head", "lr": 0.4, "betas": (0.9, 0.9)}]
    before, after = (ps.trace(one, groups) for one in (GROUPED, scaled))
    for key, factor in ((("lr", "body"), 0.5), (("lr", "head"), 0.5), (("temperature", ""), 2)):
        assert after[key].tolist() == [*before[key][:50].tolist(), *(factor * before[key][50:]).tolist()]


@pytest.mark.heavy
def test_the_text_of_a_plan_that_is_scaled_often_stays_short():
    plan = PLAN
    for t in range(100, 4100, 100):
        plan = plan.scale(t, lr=0.9)

    assert len(plan.text) < 30_000
    assert lines(PLAN.scale(10, lr=0.5).scale(30, lr=0.5))[1] == (
        'lr: take(warmup("5%") >> cosine(to=0.1), 10)'
        ' >> take(0.5 * skip(warmup("5%") >> cosine(to=0.1), 10), 20)'
        ' >> 0.5 * skip(0.5 * skip(warmup("5%") >> cosine(to=0.1), 10), 20)'
    )


@pytest.mark.parametrize(("at", "count"), [(99, 2), (100, 2), (101, 1)])
def test_only_a_scaling_after_the_last_change_keeps_the_earlier_stages(at, count):
    plan = Plan(lr="linear(1, 0)", horizon=1000)
    once = plan.scale(100, lr=0.5)
    twice = once.scale(at, lr=0.25)

    assert str(twice).count("take(linear(), 100)") == count
    before, after = (ps.trace(one, {"lr": 1.0})["lr"] for one in (once, twice))
    assert after.tolist() == [*before[:at], *(0.25 * before[at:])]


# ---------------------------------------------------------------- errors


def refused(error, call):
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


def test_an_unknown_field_raises_with_the_nearest_name():
    assert refused(UnknownField, lambda: PLAN.change(10, weight_decy="constant(0.1)")) == (
        'change(…, weight_decy=…): the plan has no "weight_decy"; did you mean "weight_decay"?'
    )
    assert 'did you mean "weight_decay"?' in refused(PlanError, lambda: PLAN.scale(10, weight_decy=0.1))
    assert "expected one of lr, weight_decay" in refused(PlanError, lambda: PLAN.cooldown(10, 10, fields=["xyz"]))
    assert 'has no "eps"' in refused(PlanError, lambda: PLAN.change(10, Binding("eps", "constant(0.1)", groups="head")))


def test_changing_an_unknown_horizon_of_a_filling_schedule_is_rejected():
    plan = Plan(lr="cosine()")

    message = refused(PlanError, lambda: plan.change(10, lr="constant(0.1)", horizon=100))
    assert message.startswith(
        'change(…, horizon="100"): lr: cosine() depends on the length of the run, but the plan has no horizon'
    )
    assert "the plan has no horizon" in refused(PlanError, lambda: plan.cooldown(10, 10))
    assert "but the plan has none" in refused(PlanError, lambda: plan.cooldown("10%", 10))
    assert lines(plan.change(10, lr="constant(0.1)")) == ["lr: take(cosine(), 10) >> constant(0.1)"]
    assert lines(Plan(lr="warmup(5) >> constant()").cooldown(10, 10)) == [
        "horizon: 20",
        "lr: take(warmup(5) >> constant(), 10) >> linear(previous, over=10)",
    ]


@table(
    ("call", "message"),
    [
        (lambda: PLAN.change(8000), "expected a field to change or a new horizon"),
        (lambda: PLAN.change(8000, horizon=10_000), "expected a field to change or a new horizon"),
        (lambda: PLAN.change(10_000, lr="constant(0.1)"), 'the run ends at "10000"'),
        (lambda: PLAN.change(8000, lr="constant(0.1)", horizon=8000), 'the run ends at "8000"'),
        (lambda: PLAN.scale(10_000, lr=0.1), 'the run ends at "10000"'),
        (lambda: PLAN.change("100%", lr="constant(0.1)"), 'the run ends at "100%"'),
        (lambda: PLAN.scale(8000), "expected at least one field"),
        (lambda: PLAN.scale(8000, lr=float("nan")), "must be finite"),
        (lambda: PLAN.scale(8000, lr="half"), "expected a number, got str"),
        (lambda: PLAN.change(-5, lr="constant(0.1)"), "must not be negative"),
        (lambda: PLAN.change("soon", lr="constant(0.1)"), "soon"),
        (lambda: PLAN.change(5, lr=1.0, horizon="50%"), "percent would refer to the horizon itself"),
        (lambda: PLAN.change(5, "lr"), "not a Binding"),
        (
            lambda: GROUPED.change(5, Binding(Target("temperature", 1.0), 1.0)),
            "another base would change the past values",
        ),
        (
            lambda: PLAN.change(5, Binding(Target("lr", 1.0), 1.0)),
            "change(…, Binding(Target('lr', …), …)): lr is a field of the optimizer. Use change(…, lr=…)",
        ),
        (
            lambda: GROUPED.change(5, Binding("temperature", 1.0, groups="head")),
            "change(…, Binding('temperature', …)): temperature is a target, without groups. Use change(…, temperature",
        ),
        (
            lambda: Plan(Binding("lr", 1.0, groups="head"), horizon=9).change(5, Binding("lr", 1.0)),
            "lr has no default; it has lines for head. Use change(…, lr=…) for all lines",
        ),
        (
            lambda: Plan(Binding("lr", 1.0, groups="head"), horizon=9).change(5, Binding("lr", 1.0, groups="neck")),
            "lr has no line for neck",
        ),
    ])  # fmt: skip
def test_a_change_without_effect_or_of_the_past_is_rejected(call, message):
    assert message in refused(InvalidArgument, call)


def test_a_changed_plan_is_an_ordinary_plan():
    changed = PLAN.change(8000, lr="linear(previous, 0)", horizon=9000)

    assert ps.loads(ps.dump(changed)) == changed
    assert changed.fingerprint == Plan.of_text(changed.text).fingerprint
    assert [one.what for one in ps.diff(PLAN, changed)] == ["horizon", "lr", "weight_decay"]
