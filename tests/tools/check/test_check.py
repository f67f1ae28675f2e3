"""`config.check`: diagnostics of a plan without knowledge of the run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramsched.core import files as config
from paramsched.core.plan import Binding, Plan, Target
from paramsched.core.rules.trial_run import trial_run
from paramsched.core.schedules.anneal import cosine
from paramsched.core.time import Calendar
from paramsched.errors import InvalidArgument
from paramsched.tools.check.plan_check import check
from support.strategies import GROUPS, World, plans
from support.tables import table


@table(
    "text",
    [
        "lr: warmup('5%') >> cosine(to=0.01)\nhorizon: 20 epochs",
        "lr: warmup(500) >> cosine()",
        "lr: warmup('1e9 tokens') >> cosine()\nhorizon: 250B tokens\nweight_decay: linear(1, 0, over='3 epochs')",
        "lr: linear(1, 0, over='100%')\nhorizon: 7 steps",
        "lr: linear(1, 0, over='15 epochs') >> linear(0, 0.3, over='25%')\nhorizon: 20 epochs",
        "lr: step('30 epochs')",
        "lr: warmup('90 min') >> cosine()\nhorizon: 10 h",
        "lr: cosine()\nhorizon: 1e6 samples + 2 epochs",
        "momentum: step(9)\ngroups: {head: {'betas[0]': step(9)}}",
        "lr: recurrence(rules.linear(0.1, end=5, by='epoch'))\nhorizon: 10 epochs",
        "lr: warmup('5%') >> cosine(over='until 80%') >> constant(0.1, over='until 100%')\nhorizon: 10 epochs",
        "lr: warmup('5%') >> skip(cosine(), '5%')\nweight_decay: like('lr')\nhorizon: 10 epochs",
        "lr: linear(over='50%')\nweight_decay: like('lr') >> constant(0)\nhorizon: 10 epochs",
        "lr: take(cosine(), '60%', of='300%') >> linear(0.5)\nhorizon: 10 epochs",
    ],
)
def test_a_valid_plan_has_no_diagnostics(text):
    assert check(config.loads(text)) == ()


@table(
    ("text", "severity", "path", "message"),
    [
        ("lr: cosine() >> constant()", "error", "$.lr", "cosine and constant both have no length"),
        ("lr: 0.5 * (cosine() >> linear() >> step(5))", "error", "$.lr", "cosine and linear and step all have no"),
        ("groups: {head: {lr: 'cosine() >> constant()'}}", "error", "$.groups.head.lr", "both have no length"),
        ("lr: warmup('30 epochs') >> cosine()\nhorizon: 20 epochs", "error", "$.lr", "no updates remain for cosine()"),
        (
            "lr: warmup('60%') >> linear(1, 0, over='50%') >> cosine()",
            "error",
            "$.lr",
            "no updates remain for cosine()",
        ),
        ("lr: multistep([5, 30]) >> cosine(over='1 epoch')\nhorizon: 20 steps", None, "", ""),
        ("lr: multistep(['30%']) >> cosine(over='80%')\nhorizon: 20", "error", "$.lr", "milestone"),
        ("lr: linear(1, 0, over='30 epochs')\nhorizon: 20 epochs", "warning", "$.lr", "takes 150% of the horizon"),
        ("lr: linear(1, 0, over=30)\nhorizon: 20", "warning", "$.lr", "takes 150% of the horizon"),
        ("lr: warmup('60%') >> linear(over='60%')", "warning", "$.lr", "takes 120% of the horizon"),
        ("lr: warmup(30) >> constant()\nhorizon: 20", "warning", "$.lr", "takes 150% of the horizon"),
        ("lr: 0.5 * (warmup('30 epochs') >> step('5 epochs'))\nhorizon: 20 epochs", "warning", "$.lr", "takes 150%"),
        ("lr: linear(over='30 epochs') * plateau()\nhorizon: 20 epochs", "warning", "$.lr", "takes 150%"),
        (
            "lr: cosine(over='until 80%')\nweight_decay: like('lrr')",
            "error",
            "$.weight_decay",
            "lrr is not a field of this",
        ),
        ("lr: warmup('30%') >> linear(over='until 20%')", "error", "$.lr", "but it starts at"),
        ("lr: warmup('30%') >> linear(over='until 130%')", "warning", "$.lr", "takes 130% of the horizon"),
        ("momentum: absolute(0.9)\n'betas[0]': absolute(0.9)", "error", "$.momentum", "momentum means betas[0]"),
    ],
)
def test_diagnostics_have_their_location(text, severity, path, message):
    found = check(config.loads(text))

    if severity is None:  # only the calendar of the run converts this unit
        assert found == ()
        return
    assert [(one.severity, one.path) for one in found] == [(severity, path)]
    assert message in found[0].message


def test_diagnostics_of_targets_and_indices_have_the_path_in_the_file():
    plan = Plan(Binding(Target("t", 1), "cosine() >> cosine()"), Binding("lr", "cosine() >> cosine()", groups=2))

    assert [found.path for found in check(plan)] == ["$.groups[2].lr", "$.targets.t.schedule"]


def test_a_warning_is_labeled_as_a_warning():
    (found,) = check(Plan(lr=cosine(over=30), horizon=20))

    assert str(found) == "$.lr: warning: cosine(over=30) takes 150% of the horizon, so the run ends first"


def test_plans_without_text_can_be_checked():
    assert check(Plan(Binding("lr", cosine(), groups=lambda group: True))) == ()


WORLD = World(total=200, epoch=20, batch=32, accumulation=1)


@given(plans(WORLD, follow=True), st.sampled_from([None, WORLD.calendar]), st.booleans())
def test_any_plan_can_be_checked(plan, calendar, native):
    for found in check(plan, calendar, native=native, groups=GROUPS):
        assert found.severity in ("error", "warning", "info")
        assert found.path.startswith("$")


@given(plans(WORLD, follow=True))
def test_diagnostics_do_not_depend_on_the_order_of_lines(plan):
    turned = Plan(*reversed(plan.bindings), horizon=plan.horizon)

    assert sorted(map(str, check(turned))) == sorted(map(str, check(plan)))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (None, "the learning rate rises until epoch 20 of 21"),
        (Calendar(steps_per_epoch=100), "the learning rate rises until update 2000 of 2100"),
    ],
)
def test_the_message_shows_the_time_and_the_horizon_in_the_same_unit(facts, expected):
    plan = Plan(lr='warmup("20 epochs") >> constant()', horizon="21 epochs")

    assert expected in " ".join(one.found for one in check(plan, facts))


FOLLOWING = """
clock: tokens
horizon: 30B tokens
lr: {}
targets:
  batch_size: {{initial: 1, schedule: '{}'}}
"""
GROWING = 'rounded(linear(16, 1600, over="12B tokens"), 16)'


@pytest.mark.parametrize("calendar", [None, Calendar(sequence_length=2048)])
@pytest.mark.parametrize(
    ("lr", "size", "codes"),
    [
        ('(warmup("375M tokens") >> cosine(to=0.1)) * (like("batch_size") / 256) ** 0.5', GROWING, []),
        ('(warmup("375M tokens") >> cosine(to=0.1)) * like("batch_size")', GROWING, []),
        ('(warmup("375M tokens") >> cosine()) * like("batchsize")', GROWING, ["PS206"]),
    ],
)
def test_lines_that_follow_a_target_are_checked(lr, size, codes, calendar):
    assert [one.code for one in check(config.loads(FOLLOWING.format(lr, size)), calendar)] == codes


def test_a_target_that_is_not_followed_on_the_clock_of_the_run_is_an_error():
    plan = config.loads(FOLLOWING.format('warmup("375M tokens") >> cosine() * like("batch_size")', GROWING))

    (found,) = check(plan)

    assert (found.code, found.instead) == (
        "PS206",
        'Write (warmup("375M tokens") >> cosine()) * like("batch_size")',
    )


@pytest.mark.parametrize("wrong", [100, "100", object()])
def test_only_a_calendar_is_taken_for_one(wrong):
    with pytest.raises(InvalidArgument, match=r"^ps\.check\(…, .*\): not a Calendar\. .*ps\.Calendar\(total="):
        check(Plan(lr=cosine()), wrong)


def test_a_plan_of_very_many_lines_is_tried_at_fewer_updates():
    lines = [Binding(Target(f"x{place}", initial=1.0), cosine()) for place in range(400)]

    assert trial_run(Plan(lr=cosine(), horizon=10_000), None).samples == 4096
    assert trial_run(Plan(*lines, horizon=10_000), None).samples == 1000


@table(
    ("line", "code", "when"),
    [
        ("lr: exponential(1.5, 1)", "PS310", "at update 1751."),
        ("lr: warmup(500) >> linear(1, -1, 1000)", "PS311", "at update 1001."),
        ("lr: clamp(step(150, 2), low=0.1)", "PS318", "more than 50 × base at a time that"),
        ("lr: clamp(step(107, 2), low=0.1)", "PS318", "more than 50 × base at a time that"),
        ("lr: cosine_restarts(110)", None, ""),
        ("lr: warmup(95_000) >> cosine() - 0.5", None, ""),
        ("lr: multistep([95_000], 0.1)\nweight_decay: like('lr')", None, ""),
    ],
)  # fmt: skip
def test_what_depends_on_the_unknown_length_of_an_epoch_is_not_stated(line, code, when):
    plan = config.loads(f"{line}\nhorizon: 90 epochs")
    found = {one.code: str(one) for one in check(plan)}

    assert [*found] == ([] if code is None else [code])
    assert code is None or when in found[code]
    for epoch in (800, 1000, 1200):
        known = {one.code: str(one) for one in check(plan, Calendar(steps_per_epoch=epoch))}
        assert code is None or {code, "PS310" if code == "PS318" else code} & {*known}  # it may grow to infinity
        if "at update" in when:
            assert known[code] == found[code]
