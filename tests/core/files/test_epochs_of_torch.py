"""A scheduler of torch in a plan whose horizon counts epochs has two readings: its steps are epochs, or updates."""

import re

import pytest

import paramsched as ps
from paramsched.core import files
from paramsched.errors import ConfigError
from support.tables import table

pytestmark = pytest.mark.peer("torch")  # its words are in the readers of other libraries


def advised(text: str) -> str:
    with pytest.raises(ConfigError) as refusal:
        files.loads(text, format="native")
    (fault,) = refusal.value.diagnostics
    return fault.instead


@table(
    ("line", "in_epochs", "in_updates"),
    [
        ("CosineAnnealingLR(90)", "cosine()", "restarts(cosine_wave(), 180)"),
        ("CosineAnnealingLR(optimizer, T_max=60)", 'cosine(over="60 epochs")', "restarts(cosine_wave(), 120)"),
        ("StepLR(30, 0.5)", 'step("30 epochs", 0.5)', "step(30, 0.5)"),
        ("torch.optim.lr_scheduler.StepLR(1)", 'step("1 epoch")', "step(1)"),
        ("MultiStepLR([30, 60])", 'multistep(["30 epochs", "60 epochs"])', "multistep([30, 60])"),
        ("ExponentialLR(0.95)", 'exponential(0.95, per="1 epoch")', "exponential(0.95)"),
        ("PolynomialLR(90)", "linear()", "linear(over=90)"),
        ("LinearLR(opt, 0.1, total_iters=5)", 'warmup("5 epochs", 0.1)', "warmup(5, 0.1)"),
        (
            "ConstantLR(opt, 0.1, total_iters=5)",
            'constant(0.1, "5 epochs") >> constant()',
            "constant(0.1, 5) >> constant()",
        ),
        ("CosineAnnealingWarmRestarts(opt, 10, 2)", 'cosine_restarts("10 epochs", 2.0)', "cosine_restarts(10, 2.0)"),
        ("OneCycleLR(opt, 0.1, 90)", 'one_cycle(index="t/(n-1)")', "recurrence(rules.one_cycle(0.1, 90))"),
        (
            "SequentialLR(opt, [LinearLR(opt, 0.1, total_iters=5), CosineAnnealingLR(opt, 85)], [5])",
            'warmup("5 epochs", 0.1) >> cosine()',
            "warmup(5, 0.1) >> restarts(cosine_wave(), 170)",
        ),
        ("{type: StepLR, step_size: 30}", 'step("30 epochs")', "step(30)"),
        ("{StepLR: 30}", 'step("30 epochs")', "step(30)"),
    ],
)
def test_both_readings_are_in_the_advice(line, in_epochs, in_updates):
    assert advised(f"horizon: 90 epochs\nlr: {line}\n") == f"Use {in_epochs} for epochs, or {in_updates} for updates"
    for one in (in_epochs, in_updates):
        ps.Plan(lr=one, horizon="90 epochs")


@pytest.mark.parametrize(
    "text",
    [
        "horizon: 90\nlr: StepLR(30)\n",
        "horizon: 1M tokens\nlr: StepLR(30)\n",
        "horizon: 90 epochs + 5 steps\nlr: StepLR(30)\n",
        "lr: StepLR(30)\n",
        "horizon: 90 epochs\nlr: warmup(5) >> StepLR(30)\n",
        "horizon: 90 epochs\nlr: [{warmup: 5}, {type: StepLR, step_size: 30}]\n",
        "horizon: 90 epochs\nlr: CyclicLR(0.01, 0.1, 2000)\n",
        "horizon: 90 epochs\nlr: get_linear_schedule_with_warmup(opt, 10, 90)\n",
        "horizon: 90 epochs\nlr: cosin()\n",
    ],
)
def test_other_lines_have_one_reading(text: str) -> None:
    assert advised(text).startswith("Write ")


def test_a_group_has_both_readings_too() -> None:
    assert re.match("Use step", advised("horizon: 90 epochs\ngroups: {head: {lr: StepLR(30)}}\n"))


def test_the_highest_rate_is_the_base() -> None:
    with pytest.raises(ConfigError, match="may count epochs or updates; max_lr is the base"):
        files.loads("horizon: 90 epochs\nlr: OneCycleLR(opt, 0.1, 90)\n")
