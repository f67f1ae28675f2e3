"""Schedulers in files of other programs, whose step is unknown, and whose other schedulers are not read."""

import warnings

import pytest

from paramsched.core.base.diagnostic import DiagnosticWarning
from paramsched.core.files import loads
from paramsched.errors import ConfigError
from support.tables import table

STEP = "lr_scheduler: {type: MultiStepLR, milestones: [30]}\n"


@table(
    "text",
    [
        f"epoches: 72\n{STEP}",
        "device: cpu\nscheduler: {_target_: torch.optim.lr_scheduler.StepLR, step_size: 3}\n",
        "trainer: {max_epochs: 10}\nscheduler: {StepLR: {step_size: 3}}\n",
    ],
)
def test_a_scheduler_at_the_top_of_a_file_of_another_program_warns_of_its_unknown_step(text):
    with pytest.warns(DiagnosticWarning, match="whether it steps after each update or once per epoch"):
        loads(text, "torch")


@table("text", [STEP, "scheduler: {StepLR: {step_size: 3}}\nother: 1\n", f"interval: epoch\nother: 1\n{STEP}"])
def test_a_scheduler_whose_step_is_known_does_not_warn(text):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loads(text, "torch")


def test_a_second_scheduler_of_the_rate_is_refused():
    with pytest.raises(ConfigError) as refusal:
        loads(f"{STEP}lr_warmup_scheduler: {{type: LinearWarmup, warmup_duration: 2000}}\n", "torch")

    assert [one.path for one in refusal.value.diagnostics] == ["$.lr_warmup_scheduler"]


def test_a_scheduler_of_something_else_is_a_warning():
    with pytest.warns(DiagnosticWarning, match="another scheduler next to lr_scheduler"):
        plan = loads(f"{STEP}interval: step\nnoise_scheduler: {{type: DDPM, steps: 1000}}\n", "torch")

    assert str(plan) == "lr: multistep([30])"


def test_a_file_that_is_only_recognized_does_not_warn_of_its_schedulers():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ConfigError, match="it looks like a config of torch"):
            loads(f"{STEP}noise_scheduler: {{type: DDPM, steps: 1000}}\n")


BUNDLE = """\
epochs: 50
run: {n: '@epochs'}
a: '@b'
b: '@a'
scheduler: {_target_: StepLR, step_size: '%s'}
interval: epoch
"""


@table("reference", ["@epochs", "@run#n", "@run::n"])
def test_a_reference_of_a_monai_bundle_is_replaced_by_its_number(reference):
    assert str(loads(BUNDLE % reference, "torch")) == 'lr: step("50 epochs")'


@table("reference", ["@none", "@a", "@run", "@run#none", "$@epochs * 2"])
def test_an_unknown_or_circular_reference_is_refused_without_an_invented_number(reference):
    with pytest.raises(ConfigError) as refusal:
        loads(BUNDLE % reference, "torch")

    assert refusal.value.diagnostics[0].instead == f"Use the value in place of {reference}"
