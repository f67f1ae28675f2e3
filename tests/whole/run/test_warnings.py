"""Likely mistakes are reported once, by the scheduler and by the check; right plans are silent."""

import random
import re
import warnings
from contextlib import suppress
from pathlib import Path

import pytest
import torch

import paramsched as ps
from paramsched.errors import ParamschedError
from support.tables import table

EPOCHS = {"total": "90 epochs", "steps_per_epoch": 500}
LONG = {"total": 10_000}
FLOOR = "PS301"
EPOCH = "PS211"
RISES = "PS205"
BEYOND = "PS201"
ZERO = "PS315"
JUMP = "PS319"
IDLE = "PS320"
SWAPPED = "PS205"
RESTART = "PS218"
ABOVE = "PS318"
ACCUMULATES = "PS216"
WARMUP = "PS505"
MODE = "PS506"
SAMPLES = {"steps_per_epoch": 9, "accumulation": 4, "batch_size": 1}


MISTAKES = [  # base, line, run facts, code
    # An end that is a rate, as `eta_min` of torch and `min_lr` of nanoGPT are.
    (3e-4, "cosine(to=3e-5)", LONG, FLOOR),
    (3e-4, "warmup(500) >> cosine(to=3e-5)", LONG, FLOOR),
    (3e-4, "warmup('5%') >> linear(to=1e-6)", LONG, FLOOR),
    (5e-5, "polynomial(to=1e-7)", LONG, FLOOR),
    (6e-4, "wsd('5%', '20%', to=6e-5)", LONG, FLOOR),
    (1e-3, "one_cycle(to=2e-5)", LONG, FLOOR),
    (1e-3, "geometric(to=1e-5)", LONG, FLOOR),
    (1e-3, "cosine_restarts('10 epochs', to=1e-5)", EPOCHS, FLOOR),
    (1e-3, "restarts(warmup('1 epoch') >> cosine(to=1e-5), '30 epochs')", EPOCHS, FLOOR),
    (1e-3, "maximum(cosine(), 1e-5)", LONG, FLOOR),
    (1e-3, "clamp(cosine(), 1e-5)", LONG, FLOOR),
    (1e-3, "cosine(over='80%') >> constant(1e-5)", LONG, FLOOR),
    (1e-3, "cosine(to=1e-5) * plateau('loss', patience=3)", EPOCHS, FLOOR),
    (1e-4, "stairs(1, 1e-5, 4)", LONG, FLOOR),
    # Levels that are values, lengths or stages.
    (3e-4, "linear(3e-4, 0)", LONG, "PS301"),
    (3e-4, "cosine(start=3e-4, to=3e-5)", LONG, "PS301"),
    (0.1, "cosine(start=0.1)", LONG, "PS301"),
    (0.1, "warmup(500) + cosine()", LONG, "PS301"),
    (1.0, "warmup(500) + cosine()", LONG, "PS301"),
    (0.1, "constant(1) + warmup('60%') >> constant()", LONG, "PS301"),
    (0.1, "(warmup(500) >> cosine()) + linear()", LONG, "PS301"),
    (0.1, "one_cycle() + cosine()", LONG, "PS301"),
    (0.1, "cosine(start=30, to=0)", LONG, "PS318"),
    (0.1, "constant(0)", LONG, "PS313"),
    (0.0, "cosine()", LONG, "PS403"),
    *((3e-4, line, LONG, "PS301") for line in (
        "constant(3e-4)", "table([3e-4, 1e-4], every=50)", "piecewise([(0, 3e-4), (10, 1e-4)])",
        "constant(3e-4) * plateau('loss')",
    )),
    (0.1, "constant(10)", LONG, "PS318"),
    (0.0, "warmup(2) >> cosine()", LONG, "PS403"),
    (0.0, "linear(to=absolute(0))", LONG, "PS403"),
    (0.0, "warmup(100) >> cosine(to=absolute(0))", LONG, "PS403"),
    (0.0, "constant(0)", LONG, "PS313"),
    (0.0, "cosine(to=absolute(1e-6))", LONG, RISES),
    # Epochs that are updates.
    (0.1, "multistep([30, 60, 80])", EPOCHS, EPOCH),
    (0.1, "step(30)", EPOCHS, EPOCH),
    (0.1, "warmup(5) >> cosine()", EPOCHS, EPOCH),
    (0.1, "cosine(over=90)", EPOCHS, EPOCH),
    (0.1, "linear(over=80) >> constant(0.1)", EPOCHS, EPOCH),
    (0.1, "warmup('5%') >> cosine()", {"total": 10, "steps_per_epoch": 100}, EPOCH),
    (0.1, "cosine()", {"total": 300, "steps_per_epoch": 1250}, EPOCH),
    (0.1, "multistep([30, 60, 80]) * plateau('loss', patience=3)", EPOCHS, EPOCH),
    (0.1, "warmup(5) >> multistep([60, 80])", EPOCHS, EPOCH),
    (0.1, "wsd(10, 10)", {"total": "20 epochs", "steps_per_epoch": 500}, EPOCH),
    (0.1, "wsd(10, 10)", {"total": "21 epochs", "steps_per_epoch": 500}, EPOCH),
    # The batches of an epoch as its updates.
    (0.1, "cosine()", {"total": "3 epochs", "steps_per_epoch": 16, "accumulation": 4}, ACCUMULATES),
    (
        0.1,
        "warmup('1 epoch') >> cosine()",
        {"total": "90 epochs", "steps_per_epoch": 500, "accumulation": 2},
        ACCUMULATES,
    ),
    (0.1, "step('30 epochs')", {"total": 45_000, "steps_per_epoch": 500, "accumulation": 8}, ACCUMULATES),
    # Updates that are epochs, per cent that is a fraction, and lengths beyond the run.
    (0.1, "warmup('500 epochs') >> constant()", EPOCHS, "PS210"),
    (0.1, "step('30 epochs')", {"total": "20 epochs", "steps_per_epoch": 500}, "PS208"),
    (0.1, "multistep(['30 epochs', '95 epochs'])", EPOCHS, "PS207"),
    (0.1, "multistep(['30 epochs', '60 epochs', '60 epochs'])", EPOCHS, "PS209"),
    (0.1, "multistep(['60 epochs', '30 epochs'])", EPOCHS, "PS209"),
    (0.1, "warmup('0.005%') >> cosine()", LONG, "PS212"),
    (0.1, "warmup('0.05%') >> cosine()", {"total": 500}, "PS212"),
    (0.1, "warmup('0.05%') * cosine()", {"total": 2000}, "PS212"),
    (0.1, "wsd('5%', '0.1%')", {"total": 800}, "PS212"),
    # A decay in percent without the sign.
    (0.1, "wsd(2, 20)", LONG, "PS212"),
    (0.1, "warmup('5%') >> constant() >> cooldown(10, 0.1)", LONG, "PS212"),
    (0.1, "0.5 * (warmup(500) >> inverse_sqrt(500) >> cooldown(50))", LONG, "PS212"),
    (0.1, "wsd(2000, 51)", {"total": 100_000}, "PS212"),
    (0.1, "wsd(2000, 100)", {"total": 100_000}, "PS212"),
    # A decay to the level at which it begins.
    (0.1, "cosine(to=1.0)", LONG, "PS320"),
    (0.1, "warmup('5%') >> linear(to=1.0)", LONG, "PS320"),
    (0.1, "stairs(1, 1, 4)", LONG, "PS320"),
    (0.1, "cosine_restarts('20%', to=1.0)", LONG, "PS320"),
    (0.1, "cosine(over='100 epochs')", EPOCHS, BEYOND),
    (0.1, "cosine(over=20_000)", LONG, BEYOND),
    (0.1, "linear(over='30 epochs')", EPOCHS, ZERO),
    (0.1, "exponential(0.5)", LONG, ZERO),
    (0.1, "exponential(0.01, 10)", LONG, ZERO),
    (0.1, "table([1, 0.5, 0])", LONG, ZERO),
    (0.1, "exponential(1.01)", LONG, "PS318"),
    # The same in percent: the lr is 0 for a half of the run.
    (0.1, "cosine(over='50%')", LONG, ZERO),
    (0.1, "warmup('10%') >> cosine(over='30%')", LONG, ZERO),
    (0.1, "linear(over='30%')", EPOCHS, ZERO),
    (0.1, "cosine(over='40%') >> constant(0)", LONG, ZERO),
    (0.1, "step(30)", LONG, ZERO),
    # Swapped ends, and ratios that grow.
    (0.1, "linear(0, 1)", LONG, SWAPPED),
    (0.1, "cosine(start=0, to=1)", EPOCHS, SWAPPED),
    (0.1, "step(3000, 2)", LONG, SWAPPED),
    (0.1, "linear(0.1, 1)", LONG, SWAPPED),
    (0.1, "step(1000, 1.5)", LONG, "PS318"),
    # A ratio of 1, which changes nothing.
    (0.1, "exponential(1.0)", LONG, IDLE),
    (0.1, "step('30 epochs', 1.0)", EPOCHS, IDLE),
    (0.1, "warmup('5 epochs') * multistep(['30 epochs', '60 epochs'], 1.0)", EPOCHS, IDLE),
    # A restart just before the end.
    (0.1, "restarts(cosine(), 49)", {"total": 100}, RESTART),
    (0.1, "restarts(cosine(), 330)", {"total": 1000}, RESTART),
    (0.1, "cosine_restarts('44 epochs')", EPOCHS, RESTART),
    (0.1, "cosine_restarts(100, mult=2)", {"total": 710}, RESTART),
    # Rates as multiples, of which the highest is the number that base is; and multiples as values.
    (0.1, "table([0.1, 0.01, 0.001], every='30 epochs')", EPOCHS, "PS301"),
    (0.1, "piecewise([(0, 0.1), (3000, 0.01), (6000, 0.001)])", LONG, "PS301"),
    (0.4, "constant(0.4, '50%') >> constant(0.04)", LONG, "PS301"),
    (0.1, "table([0.02, 0.05, 0.1, 0.05, 0.01], every='20%')", LONG, "PS301"),
    (3e-4, "absolute(linear(1.0, 0.1))", LONG, ABOVE),
    (3e-4, "absolute(warmup('5%') >> cosine())", LONG, ABOVE),
    (5e-4, "absolute(0.1)", EPOCHS, ABOVE),
    # A stage or a part of a line with absolute levels.
    (3e-4, "constant(0.5, 10) >> absolute(warmup(5))", LONG, ABOVE),
    (3e-4, "linear(0.001, 0.001, 60) >> absolute(table([0.1, 0.001], 500)) >> exponential(0.5, 500)", LONG, "PS301"),
    (0.1, "absolute(linear(to=30, over='60%'))", LONG, ABOVE),
    (5e-4, "warmup('5%', to=absolute(1.0)) >> cosine(to=0.1)", EPOCHS, ABOVE),
    # A run of one update by its tokens.
    (0.1, "cosine()", {"total": "1000 tokens", "tokens_per_step": 1000}, "PS212"),
    (0.1, "linear()", {"total": "1000 tokens", "tokens_per_step": 1_000_000}, "PS212"),
    (0.1, "linear()", {"total": "8 samples", "batch_size": 32}, "PS212"),
    # A stage begins at another level than the one at which the stage before it ends.
    (1e-3, "0.1 * warmup('20%') >> exponential(0.999)", LONG, JUMP),
    (1e-3, "warmup('5%', to=0.5) >> inverse_sqrt(500)", LONG, JUMP),
    (1e-3, "cosine(to=0.1, over='80%') >> exponential(0.99)", LONG, JUMP),
    (1e-3, "0.5 * (0.1 * warmup('20%') >> exponential(0.999)) * plateau('loss', patience=3)", LONG, JUMP),
    (1e-3, "cosine(over='50%') >> cosine()", LONG, IDLE),
    (1e-3, "cosine(to=0.1, over='50%') >> linear(to=0.1)", LONG, IDLE),
    (1e-3, "warmup('10%') >> linear(0, 1)", LONG, IDLE),
    (1e-3, "cosine() >> warmup(50)", LONG, RISES),
    # A warmup that takes the run.
    (0.1, "warmup(10_000) >> cosine()", LONG, RISES),
    (0.1, "warmup(10) >> cosine()", {"total": 10}, RISES),
    (0.1, "warmup('100%')", LONG, RISES),
    (0.1, "warmup('90 epochs') >> cosine()", EPOCHS, RISES),
    (0.1, "warmup(9_900) >> constant()", LONG, RISES),
    # A warmup that takes more than half of the run, or that falls because its highest level is its start.
    (0.1, "warmup(6000) >> cosine()", LONG, RISES),
    (0.1, "warmup('60%') * step('30%')", LONG, RISES),
    (0.1, "clamp(warmup('60%') >> cosine(), 0.001)", LONG, RISES),
    (1e-3, "warmup('5%', absolute(0.1)) >> cosine()", LONG, RISES),
    (0.1, "warmup(100, 2.0) * cosine()", LONG, RISES),
    # An absolute level above the optimizer's own rate.
    (1e-3, "cosine(to=absolute(0.01))", LONG, RISES),
    (1e-3, "warmup(100) >> cosine(to=absolute(0.01))", LONG, RISES),
    # The last level from the first twentieth of the run on.
    (1e-3, "table([1, 0.1, 0.01])", {"total": 1000}, ZERO),
    (0.1, "cosine(to=0.1, over=100)", LONG, ZERO),
    (0.1, "warmup(10) >> linear(1, 0.01, over=100) >> constant()", LONG, ZERO),
    (0.1, "multistep([30, 60, 80])", LONG, ZERO),
    # A number of cycles as the length of each.
    (1e-3, "restarts(cosine(), 4)", {"total": 1000}, "PS212"),
    (1e-3, "warmup(10) >> restarts(cosine(over=4), 4)", {"total": 1000}, "PS212"),
    (1e-3, "cosine_restarts(4, to=0.1)", {"total": 1000}, "PS212"),
    # A level inside a line that is a value.
    (3e-4, "one_cycle(peak=3e-4)", LONG, "PS301"),
    (0.1, "linear(0.1, 0.01)", LONG, "PS301"),
    # A rule that counts while the rate is still low, and one that expects an accuracy to fall.
    (0.1, "(warmup('4 epochs') >> constant()) * plateau('val', patience=1)", EPOCHS, WARMUP),
    (0.1, "(warmup(1500) >> constant()) * plateau('val', patience=1)", {"steps_per_epoch": 500}, WARMUP),
    (0.1, "(warmup('10%') >> cosine()) * plateau('val', patience=2)", EPOCHS, WARMUP),
    (0.1, "(constant(0, '5 epochs') >> cosine(start=1)) * plateau('val', patience=3)", EPOCHS, WARMUP),
    (0.1, "(constant(0.1, '2 epochs') >> warmup(2000, 0.1) >> cosine()) * plateau('val', patience=3)", EPOCHS, WARMUP),
    (
        0.1,
        "0.5 * ((warmup('4 epochs') >> constant(over='9 epochs')) >> cosine()) * plateau(patience=2)",
        EPOCHS,
        WARMUP,
    ),
    (0.1, "warmup('4 epochs') * cosine() * plateau('val', patience=1) * plateau('kl')", EPOCHS, WARMUP),
    (0.1, "absolute(warmup('4 epochs') >> cosine()) * plateau('val', patience=1)", EPOCHS, WARMUP),
    (0.1, "cosine() * plateau('val_acc', patience=3)", EPOCHS, MODE),
    (0.1, "cosine() * plateau('mAP50')", LONG, MODE),
    (0.1, "cosine() * plateau('valLoss', mode='max')", LONG, MODE),
]  # fmt: skip


class Optimizer:
    """An optimizer of any groups, whose updates are counted by hand."""

    def __init__(self, groups):
        self.param_groups = [{"params": [], **group} for group in groups]
        self.state = {}


def codes_at_a_start(plan, groups, **facts):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ps.Scheduler(Optimizer(groups), plan, drive="manual", **facts)
    texts = [str(warning.message) for warning in caught if issubclass(warning.category, UserWarning)]
    return [text.rpartition("[")[2].rstrip("]") if text.endswith("]") else text for text in texts]


def groups_of(plan):
    """Return a group for each name in a plan, and another one."""
    names = [binding.groups for binding in plan.bindings if isinstance(binding.groups, str)]
    return [{**VALUES, "name": name} for name in dict.fromkeys([*names, "others"])]


def codes_of_the_check(plan, groups, **facts):
    problems = ps.check(plan, facts=facts["facts"] if "facts" in facts else ps.RunFacts(**facts), groups=groups)
    return [problem.code for problem in problems if problem.severity == "warning"]


@table(("base", "line", "facts", "code"), MISTAKES)
def test_a_mistake_is_reported_once_by_a_start_and_by_the_check(base, line, facts, code):
    groups = [{"lr": base}]

    assert codes_at_a_start(line, groups, **facts) == [code]
    assert codes_of_the_check(ps.Plan(lr=line), groups, **facts) == [code]


MISTAKES_IN_GROUPS = [  # groups, plan, code
    # A base of 0 of a group's own line, of a target and of another field.
    ([{"lr": 0.0, "name": "a"}, {"lr": 0.1}], "groups: {a: {lr: 'constant(0, 4) >> warmup(2) >> cosine()'}}", "PS403"),
    ([{"lr": 0.0, "name": "a"}, {"lr": 0.1}], "{lr: cosine(), groups: {a: {lr: 'warmup(2) >> cosine()'}}}", "PS403"),
    ([{"lr": 0.1}], "targets: {kl: {initial: 0, schedule: 'linear(0, 1)'}}", "PS403"),
    ([{"lr": 0.1, "momentum": 0.0}], "momentum: 'linear(0.8, 0.9)'", "PS403"),
    ([{"lr": 0.1, "momentum": 0.0}], "momentum: 'linear(1, 0.9)'", "PS403"),
    # Absolute values that make groups equal.
    *(
        ([{"lr": 1e-4, "name": "body"}, {"lr": 1e-3, "name": "head"}], f"lr: '{line}'", "PS323")
        for line in (
            "absolute(cosine(1e-3, 1e-5))", "warmup(100, to=absolute(1e-3)) >> cosine(to=absolute(1e-5))",
            "absolute(warmup(100, to=1e-3) >> cosine(to=1e-5))", "absolute(1e-3)", "3e-4 * absolute(cosine())",
            'table([1e-3, 1e-4], "50%", absolute=True)',
        )
    ),
    ([{"weight_decay": 0.01}, {"weight_decay": 0.0}], "weight_decay: absolute(0.05)", "PS323"),
    # A level above the rate of one group.
    ([{"lr": 1e-3, "name": "head"}, {"lr": 1e-5, "name": "body"}], "lr: cosine(to=absolute(1e-4))", RISES),
    # A value that a decay of weight decay reaches.
    ([{"lr": 0.1, "weight_decay": 0.05}], "weight_decay: cosine(to=0.4)", "PS301"),
    ([{"lr": 0.1, "weight_decay": 0.05}], "weight_decay: warmup(100) >> cosine(to=0.4)", "PS301"),
    ([{"weight_decay": 0.05}, {"weight_decay": 0.5}], "weight_decay: cosine(to=0.4)", "PS301"),
    ([{"weight_decay": 0.5}, {"weight_decay": 0.05}], "weight_decay: cosine(to=0.4)", "PS301"),
]  # fmt: skip


@table(("groups", "text", "code"), MISTAKES_IN_GROUPS)
def test_a_mistake_of_some_groups_is_reported_once_by_a_start_and_by_the_check(groups, text, code):
    plan = ps.loads(text)

    assert codes_at_a_start(plan, groups, **LONG) == [code]
    assert codes_of_the_check(plan, groups, **LONG) == [code]


def test_values_without_an_optimizer_have_the_warnings_of_a_start():
    with pytest.warns(ps.PlanWarning, match="PS403"):
        ps.Values({"kl": "linear(0, 1)"}, bases={"kl": 0}, total=10)


def test_the_report_of_a_short_run_is_not_joined_by_that_of_its_warmup():
    assert codes_at_a_start("warmup(60) >> cosine()", [{"lr": 0.1}], total=100, steps_per_epoch=1000) == [EPOCH]


RIGHT = [
    "warmup({w}) >> cosine()",
    "warmup({w}) >> cosine(to={f})",
    "warmup({w}) >> linear(to={f})",
    "wsd({w}, '{p}%')",
    "wsd({w}, '{p}%', to={f})",
    "one_cycle()",
    "one_cycle('{p}%')",
    "cosine(to=absolute(1e-5))",
    "warmup({w}) >> constant()",
    "warmup({w}) >> inverse_sqrt({n})",
    "exponential(0.5, per='{q}%')",
    "multistep(['30%', '60%', '{r}%'])",
    "multistep(['3 epochs', '6 epochs'])",
    "step('10%')",
    "cosine(over='60%') >> constant(0)",
    "step('20%', 0.5)",
    "cosine_restarts('2 epochs')",
    "warmup({w}) >> polynomial(to={f})",
    "warmup({w}) >> constant() >> cooldown('{p}%')",
    "warmup({w}) * (1.0 * plateau('loss', patience=3))",
    "stairs(1, 0.1, 3)",
    "maximum(one_cycle(), 0.1)",
    "0.5 * one_cycle() + 0.5 * cosine()",
    "maximum(warmup({w}, to=0.5) >> exponential(0.5, '{q}%'), 0.7)",
    "warmup('1 epoch') >> cosine(to={f})",
    "0.1 * (warmup({w}) >> cosine())",
    "0.5 * warmup({w}) >> 0.5 * cosine()",
    "constant(0.1, {w}) >> cosine(start=1)",
    "constant(over='50%') >> 0.1 * cosine()",
    "cosine(over='50%') >> cosine(start=1)",
    "0.1 * warmup('20%') >> cosine()",
    "cosine(to=0.1, over='80%') >> linear()",
    "cosine(to=0.1, over='80%') >> constant()",
    "warmup(50) >> inverse_sqrt(50) >> linear(over='10%')",
    "cosine(to=0.1, over='80%') >> linear()",
    "warmup({w}) >> skip(linear(), {w})",
    "warmup('40%') >> skip(linear(), '40%')",
    "linear(1, 0, '{p}%') >> warmup('{p}%') >> cosine()",
    "warmup({w}) >> constant(over='20%') >> constant(0.3, '20%') >> constant(0.1)",
    "warmup({w}) >> cosine(to=0.1, over='{p}%') >> constant() >> cooldown('{q}%')",
    "constant(0.1, {w}) >> warmup({w}, 0.1) >> cosine()",
    "(warmup('4 epochs') >> constant()) * plateau('val', patience=1, after='4 epochs')",
    "(warmup('4 epochs') >> cosine()) * plateau('val', patience=3)",
    "(constant(0.1, '3 epochs') >> cosine(start=1)) * plateau('val', patience=2)",
    "restarts(warmup('2 epochs') >> cosine(), '5 epochs') * plateau('val', patience=0)",
    "cosine() * plateau('val_acc', 'max', patience=3) * plateau('val_loss', patience=3)",
    "warmup('0.5%') >> cosine()",
    "warmup(1) >> cosine()",
    "warmup({w}) >> constant() >> cooldown(1000)",
    "warmup(200) >> constant() >> cooldown(400)",
    "wsd(40, '{p}%')",
    "warmup({w}) >> constant() >> cooldown(1)",
    "constant(1.0, {w}) >> cosine(to=0.99)",
    "0.1 * linear(0.5, 0.5)",
    "warmup({w}, 0.99) >> cosine()",
    "warmup({w}) >> cosine(to=0.1)",
    "cosine() * plateau('acc_gap', patience=3) * plateau('-acc', patience=3)",
    "cosine() * plateau('score', patience=3) * plateau('metric', patience=3) * plateau('kl', 'max', patience=3)",
    "cosine() * plateau('inverse_acc', patience=3) * plateau('loss_delta', 'max', patience=3)",
]


@pytest.mark.parametrize("seed", range(10))
def test_right_plans_are_silent(seed):
    """Two hundred plans, generated from the plans that papers, the pages of torch and of transformers have."""
    draw = random.Random(seed)
    for line in RIGHT:
        text = line.format(
            w=draw.choice(["'5%'", "500", "'1 epoch'", "100", "'0.5 epochs'"]),
            f=draw.choice([0, 0.1, 0.01, 0.05]), p=draw.choice([10, 20, 30]), q=draw.choice([10, 25]),
            r=draw.choice([80, 90]), n=draw.choice([1000, 4000]),
        )  # fmt: skip
        base = draw.choice([0.1, 3e-4, 1e-3, 2e-5, 1.0])
        facts = draw.choice([
            {"total": "10 epochs", "steps_per_epoch": 500}, {"total": 20_000, "steps_per_epoch": 1000},
            {"total": "90 epochs", "steps_per_epoch": 1251, "batch_size": 1024},
        ])  # fmt: skip

        assert codes_at_a_start(text, [{"lr": base}], **facts) == [], text
        assert codes_of_the_check(ps.Plan(lr=text), [{"lr": base}], **facts) == [], text


@table(
    ("line", "facts"),
    [
        ("cosine()", {"total": "3 epochs", "batches_per_epoch": 16, "accumulation": 4}),
        ("cosine()", {"total": 300, "steps_per_epoch": 100, "accumulation": 4}),  # epochs are not used
        ("warmup('40 batches') >> cosine()", {"total": "3 epochs", "steps_per_epoch": 100, "accumulation": 4}),
        ("warmup('9 samples') >> cosine()", {"total": "9 epochs", **SAMPLES}),
        ("cosine()", {"total": "3 epochs", "steps_per_epoch": 100, "accumulation": 1}),
    ],
)  # fmt: skip
def test_an_accumulation_that_is_used_is_silent(line, facts):
    assert codes_at_a_start(line, [{"lr": 0.1}], **facts) == []
    assert codes_of_the_check(ps.Plan(lr=line), [{"lr": 0.1}], **facts) == []


def test_the_published_recipes_are_silent():
    reported = {}
    for name in ps.recipes:
        recipe = ps.recipes[name]
        reported[name] = codes_at_a_start(recipe.plan, recipe.bases, facts=recipe.facts)
        reported[name] += codes_of_the_check(recipe.plan, recipe.bases, facts=recipe.facts)

    assert {name: codes for name, codes in reported.items() if codes} == {}
    assert len(reported) > 150


ROOT = Path(__file__).parents[3]
PAGES = [
    ROOT / "README.md",
    *(
        page
        for page in sorted((ROOT / "docs").glob("[a-z]*/*.md"))
        if not page.name.startswith(("shapes", "curves"))  # each line of these pages is drawn in a run of 100 updates
    ),
]
FACTS = {"steps_per_epoch": 500, "batch_size": 32, "sequence_length": 1024}
VALUES = {"lr": 0.001, "weight_decay": 0.01, "betas": (0.9, 0.999), "momentum": 0.9, "eps": 1e-8}


MEANT = {
    # page or file, a part of the plan: the code, and why the page shows it
    ("checking.md", "multistep([30, 60, 80])"): "PS211",  # the page explains these warnings
    ("checking.md", "linear(1e-3, 1e-5)"): "PS301",
    ("checking.md", "warmup(500) >> cosine(start=0.1)"): "PS301",
    ("mmengine.md", "chain(warmup(9, 0.01), multistep([50, 80]))"): "PS315",  # of an epoch, which is shorter
}


def plans_on(page):
    """Yield the text of each plan on a page: of its YAML blocks, its pictures and its Python code."""
    text = page.read_text(encoding="utf-8")
    for language, block in re.findall(
        r"^(?:```|````)(yaml|\{plan\}[^\n]*)\n(.*?)^(?:```|````)$", text, re.MULTILINE | re.DOTALL
    ):
        lines = [line for line in block.splitlines() if not line.startswith(":")]
        if language == "yaml":
            yield "\n".join(lines)
        elif lines and "lr:" not in block and ":file:" not in block:
            yield "\n".join(f"lr: {line}" for line in lines if line.strip())
    for _, line in re.findall(r"""(?:\blr=|Scheduler\(optimizer, )(["'])(.+?)\1""", text):
        yield f"lr: {line}"


def right_or_why_not(text):
    """Return the codes of a plan at a start; None if the text is no plan that an optimizer can start."""
    try:
        plan = ps.loads(text)
    except ParamschedError:
        return None
    if any("/" in str(binding.groups) or isinstance(binding.groups, int) for binding in plan.bindings):
        return None
    facts = FACTS if "epoch" in text else {"batch_size": 32, "sequence_length": 1024}
    total = {} if plan.total is not None else {"total": "90 epochs" if "epoch" in text else 10_000}
    try:
        return codes_at_a_start(plan, groups_of(plan), **facts, **total)
    except ParamschedError:
        return None


CASES = [(page.name, text) for page in PAGES for text in plans_on(page)]


CASES += [(file.name, file.read_text()) for file in sorted((ROOT / "examples").rglob("*.yaml"))]


def test_the_plans_of_pages_and_examples_start_silently():
    actual = {(name, text): codes for name, text in CASES if (codes := right_or_why_not(text)) is not None}

    reported = {
        (name, text): code
        for (name, text), codes in actual.items()
        for code in codes
        if not any(name == page and fragment in text and code == meant for (page, fragment), meant in MEANT.items())
    }
    assert reported == {}
    assert len(actual) > 60


STARTS = ["warmup({w}) >> ", "warmup({w}, {s}) >> ", "", "constant({s}, {w}) >> ", "constant(over={w}) >> "]


BODIES = [
    "cosine(to={f})", "linear(to={f})", "cosine()", "linear()", "constant()", "inverse_sqrt({n})",
    "polynomial(2.0)", "constant() >> linear(over='{p}%')", "constant() >> anneal(to={f}, over='{p}%')",
    "cosine(to=0.1, over='{p}%') >> constant(0.1)",
    "multistep(['30%', '60%'])", "step('25%', 0.5)", "restarts(cosine(), '20%')", "exponential(0.5, per='{p}%')",
]  # fmt: skip


AROUND = ["{}", "{}", "0.5 * ({})", "({}) * plateau('val_loss', patience=5)", "every({}, '1 epoch')"]


OTHERS = [
    {}, {}, {"weight_decay": "cosine(to=0.1)"}, {"weight_decay": "absolute(0.05)"},
    {"weight_decay": "0.1 * constant()"}, {"momentum": "linear(1, 0.95)"},
    {"betas[0]": "linear(absolute(0.85), absolute(0.95), '20%') >> constant(absolute(0.95))"},
    {"weight_decay": "like('lr')"},
]  # fmt: skip


def generated_right_plan(draw):
    """Return the lines of a plan that a user may mean, and its run facts."""
    values = {
        "w": draw.choice(["'5%'", "'1 epoch'", "500", "'2000 batches'", "'64k samples'"]),
        "s": draw.choice([0.1, 0.01]),
        "f": draw.choice([0, 0.1, 0.05]), "n": draw.choice([1000, 4000]), "p": draw.choice([10, 20, 30]),
    }  # fmt: skip
    line = draw.choice(AROUND).format(draw.choice(STARTS).format(**values) + draw.choice(BODIES).format(**values))
    return {"lr": line, **draw.choice(OTHERS)}, {
        **FACTS, "total": draw.choice(["10 epochs", "90 epochs", 20_000]), "steps_per_epoch": draw.choice([500, 1251]),
    }  # fmt: skip


@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(n, marks=pytest.mark.long) for n in range(2, 20))])
def test_generated_right_plans_start_silently(seed):
    draw = random.Random(seed)
    reported = {}
    for _ in range(100):
        lines, facts = generated_right_plan(draw)
        with suppress(ParamschedError):  # a follower of a metric rule, or a milestone after the end of its stage
            if codes := codes_at_a_start(plan := ps.Plan(**lines), groups_of(plan), **facts):
                reported[str(lines)] = codes, facts["total"]

    assert reported == {}


@table(
    ("groups", "more"),
    [
        ([{"name": "body", "lr": 0.001}, {"name": "head", "lr": 0.01}], {}),
        ([{"name": "decay", "weight_decay": 0.1}, {"name": "no decay", "weight_decay": 0.0}], {}),
        ([{"lr": 0.0}, {"lr": 0.001}], {}),
        ([{}], {"t": 100}),
    ],
)
def test_usual_groups_start_silently(groups, more):
    groups = [{**VALUES, **group} for group in groups]
    for group in groups:
        group["initial_lr"] = group["lr"]

    assert codes_at_a_start(ps.Plan(lr="warmup('5%') >> cosine()"), groups, total=10_000, **more) == []


SMALL = "PS301"
LARGE = "PS318"
ZERO_OF_UNLIKELY_RATES = "PS403"


@table(
    ("rate", "line"),
    [
        (3e-4, "warmup(2) >> cosine()"), (3e-4, "constant(absolute(3e-4))"), (0.0, "linear(absolute(3e-4), 0)"),
        (0.1, "table([1.0, 0.001], every=50)"), (0.1, "table([3e-4, 1e-4], every=50, absolute=True)"),
        (0.1, "constant(5)"),
        # At a base of 1 a value and a multiple are the same number.
        (1.0, "geometric(1.6e-4, 1.6e-6)"), (1.0, "constant(3e-4)"), (1.0, "3e-4 * cosine()"),
        (1.0, "table([3e-4, 1e-4], every=50)"), (1.0, "cosine(to=1e-8)"),
        # AdamW's own lr is 1e-3, which nobody wrote if the plan has the rates.
        (1e-3, "absolute(linear(1.0, 0.1))"), (0.1, "absolute(linear(10.0, 0.1))"),
        (0.1, "restarts(cosine(), 50)"), (0.1, "restarts(cosine(), 40)"), (0.1, "cosine_restarts(10, mult=2)"),
        (0.1, "cyclic(45, 45)"), (0.1, "step(45)"), (0.1, "cosine(over='80%') >> constant(0)"),
        (0.1, "0.1 * (warmup(10) >> cosine())"), (0.1, "constant(0.1)"), (0.1, "table([1.0, 0.1], every=50)"),
    ],
)  # fmt: skip
def test_sound_rates_are_silent(rate, line):
    assert codes_at_a_start(line, [{"lr": rate}], total=100) == []
    assert codes_of_the_check(ps.Plan(lr=line), [{"lr": rate}], total=100) == []


def test_the_groups_of_an_optimizer_that_a_plan_drives_have_their_recorded_base():
    optimizer = adamw(3e-4)
    plan = ps.Plan(lr="warmup(100) >> cosine()", total=1000)
    ps.Scheduler(optimizer, plan)

    assert optimizer.param_groups[0]["lr"] == 0
    assert ps.check(plan, groups=optimizer.param_groups) == ()


def test_a_weight_decay_far_above_that_of_the_optimizer_is_reported():
    groups = [{"lr": 0.1, "weight_decay": 0.01}]

    assert codes_at_a_start(ps.Plan(weight_decay="absolute(constant(10))"), groups, total=100) == [ABOVE]
    assert codes_at_a_start(ps.Plan(weight_decay="absolute(constant(0.5))"), groups, total=100) == []


def test_a_share_is_quoted_as_it_is_written():
    (actual,) = ps.check(ps.loads("lr: one_cycle('0.05%', index='t/(n-1)')\ntotal: 2000"))

    assert (actual.code, '"0.05%"' in actual.found) == ("PS212", True)


def test_a_target_named_eps_is_that_of_a_policy():
    plan = ps.loads("targets: {eps: {initial: 1.0, schedule: 'linear(1, 0.05)'}}\ntotal: 100")

    assert ps.check(plan) == ()


def adamw(*rates):
    return torch.optim.AdamW([{"params": [torch.nn.Parameter(torch.ones(1))], "lr": rate} for rate in rates])


def scheduled(optimizer, plan):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ps.Scheduler(optimizer, plan)
    return caught


def test_one_frozen_group_and_one_fast_or_slow_group_are_silent():
    slow = ps.Plan(ps.Binding("lr", ps.constant(1e-3), groups=0), lr="cosine()", total=100)
    fast = ps.Plan(ps.Binding("lr", ps.constant(20.0), groups=0), lr="cosine()", total=100)
    frozen = ps.Plan(ps.Binding("lr", "cosine(over='30%')", groups=1), lr="cosine()", total=100)

    assert not scheduled(adamw(0.0, 0.1), ps.Plan(lr="cosine()", weight_decay="cosine()", total=100))
    assert not scheduled(adamw(0.0, 0.1), frozen)
    assert not scheduled(adamw(0.0, 0.1), ps.Plan(ps.Binding("lr", 0, groups=0), total=100))
    for plan in (slow, fast):
        assert not scheduled(adamw(0.1, 0.1), plan)


@pytest.mark.parametrize("field", ["momentum", "weight_decay"])
def test_another_field_of_which_every_base_is_0_is_warned_of(field):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    absolute = ps.Plan(ps.Binding(field, "linear(absolute(0.8), absolute(0.9))"), total=100)

    assert not scheduled(optimizer, absolute)
    (actual,) = scheduled(optimizer, ps.Plan(ps.Binding(field, "linear(0.8, 0.9)"), total=100))

    assert str(actual.message).startswith(f"{field} of the optimizer is 0, so every multiple of it is 0. ")
