"""Schedulers in files of other programs, whose step is unknown, and whose other schedulers are not read."""

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


def test_a_second_scheduler_of_the_rate_is_refused():
    with pytest.raises(ConfigError) as refusal:
        loads(f"{STEP}lr_warmup_scheduler: {{type: LinearWarmup, warmup_duration: 2000}}\n", "torch")

    assert [one.path for one in refusal.value.diagnostics] == ["$.lr_warmup_scheduler"]


def test_a_scheduler_of_something_else_is_a_warning():
    with pytest.warns(DiagnosticWarning, match="another scheduler next to lr_scheduler"):
        plan = loads(f"{STEP}interval: step\nnoise_scheduler: {{type: DDPM, steps: 1000}}\n", "torch")

    assert str(plan) == "lr: multistep([30])"
