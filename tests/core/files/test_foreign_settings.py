"""A setting of an optimizer or of another program in a plan: one error, and an advice that keeps its numbers."""

import pytest

from paramsched.core import files
from paramsched.errors import ConfigError
from support.tables import table

pytestmark = pytest.mark.peer("torch")  # its words are in the readers of other libraries


def error_of(text: str) -> str:
    with pytest.raises(ConfigError) as refusal:
        files.loads(text, format="native")
    (fault,) = refusal.value.diagnostics
    return f"{fault.found}. {fault.instead}"


@table(
    ("text", "end"),
    [
        ("lr: cosine()\nbase: 0.1", "Remove it, and pass lr=0.1 to the optimizer"),
        ("lr: cosine()\nbase_lr: 3e-4", "Remove it, and pass lr=0.0003 to the optimizer"),
        ("lr: cosine()\nmax-lr: 1", "Remove it, and pass lr=1 to the optimizer"),
        ("lr: cosine()\nmin_lr: 1e-5", "Write lr: cosine(to=absolute(1e-05))"),
        ("lr: warmup(5) >> cosine()\nmin_lr: 1e-5", "Write lr: warmup(5) >> cosine(to=absolute(1e-05))"),
        ("lr: cosine()\neta_min: 0", "Write lr: cosine(to=0)"),
        ("lr: cosine(to=0.1)\nmin_lr: 1e-5", "For example: lr: cosine(to=absolute(1e-05))"),
        ("lr: cosine(1, 0.1)\nmin_lr: 1e-5", "For example: lr: cosine(to=absolute(1e-05))"),
        ("lr: constant()\nmin_lr: 1e-5", "For example: lr: cosine(to=absolute(1e-05))"),
        ("lr: cosine() * 2\nmin_lr: 1e-5", "For example: lr: cosine(to=absolute(1e-05))"),
        ("lr: [warmup(5), cosine()]\nmin_lr: 1e-5", "For example: lr: cosine(to=absolute(1e-05))"),
        ("lr: cosine()\noptimizer: {type: AdamW, lr: 0.1}", "Remove it"),
        ("lr: cosine()\noptim: {name: sgd}", "Remove it"),
        ("scheduler: cosine", "Write lr: cosine()"),
        ("scheduler: StepLR(30)", "Write lr: step(30)"),
        ("lr: cosine()\nlr_scheduler: cosine", "Remove it, because lr has a schedule"),
        ("horizon: 90 epochs\nscheduler: StepLR(30)", 'Use step("30 epochs") for epochs, or step(30) for updates'),
        ("beta1: linear(0.9, 0.85)", 'Write "betas[0]": absolute(linear(0.9, 0.85))'),
        ("beta2: linear(0.5, 1.0)", 'Write "betas[1]": linear(0.5, 1.0)'),
        ("momentun: linear(0.95, 0.85)", "Write momentum: absolute(linear(0.95, 0.85))"),
        ("wd: linear(0.9, 0.85)", "Write weight_decay: linear(0.9, 0.85)"),
        (
            "betas: [linear(0.85, 0.95), 0.99]",
            'Split it: "betas[0]": absolute(linear(0.85, 0.95)) and "betas[1]": absolute(0.99)',
        ),
        (
            "betas: [0.9, cosine(1.0, 0.5)]",
            'Split it: "betas[0]": absolute(0.9) and "betas[1]": cosine(1.0, 0.5)',
        ),
        (
            "betas: ['linear(0.85, 0.95)', 0.99]",
            'Split it: "betas[0]": absolute(linear(0.85, 0.95)) and "betas[1]": absolute(0.99)',
        ),
        ("betas: [linear(0.85, 0.95)]", 'For example: "betas[0]": absolute(linear(0.85, 0.95))'),
        ("horizon: 3B\nlr: cosine()", "Use 3B tokens for tokens, or 3B steps for updates"),
        ("horizon: 1.5 M\nlr: cosine()", "Use 1.5 M tokens for tokens, or 1.5 M steps for updates"),
        ("horizon: 10k\nlr: cosine()", "Write 10k steps"),
        ("horizon: until 100\nlr: cosine()", "Write 100 steps"),
        ("lr: cosine()\nwarmup: 5 epochs", 'Write lr: warmup("5 epochs") >> cosine()'),
        ("lr: cosine()\nwarmup: 5%", 'Write lr: warmup("5%") >> cosine()'),
        ("lr: {cosine: {to: 0.1}, warmup: 5}", "Write lr: warmup(5) >> cosine(to=0.1)"),
        ("lr: {linear: {over: 9}, cosine: {}}", "Write lr: linear(over=9) >> cosine()"),
        ("optimizers: {muon: cosine()}", "Write groups: {muon: {lr: cosine()}}"),
        ("optimizers: {muon: {lr: cosine()}}", "Write groups: {muon: {lr: cosine()}}"),
    ],
)
def test_a_setting_of_another_program_has_one_error_that_keeps_its_numbers(text, end):
    error = error_of(text)

    assert error.endswith((f". {end}", f"?. {end}"))


@pytest.mark.parametrize("text", ["scheduler: cosine()", "optimizer: cosine()", "min_lr: cosine()"])
def test_a_field_of_an_optimizer_may_have_such_a_name(text: str) -> None:
    assert str(files.loads(text, format="native")) == text
