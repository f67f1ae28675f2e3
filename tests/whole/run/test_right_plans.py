"""Right plans in the forms that people write for LLMs, vision, fine-tuning, RL, GANs and speech have no warning."""

import random
import warnings

import pytest

import paramsched as ps

LINES = {
    "llm": [
        "warmup({w}) >> cosine(to={f})", "warmup({w}) >> linear(to={f})", "wsd({w}, '{p}%', to={f})",
        "warmup({w}) >> constant() >> cooldown('{p}%')", "warmup({w}) >> inverse_sqrt({n})",
        "warmup({w}) >> cosine(to=0.1, over='80%') >> linear()", "warmup({w}) >> cosine(to=absolute(1e-5))",
        "warmup({w}) * multistep(['80%', '90%'], 0.316)", "warmup({w}, 0.1) >> cosine(to=0.1)",
        "warmup({w}, index='(t+1)/n') >> cosine()", "linear()", "constant()", "warmup({w}) >> geometric(to=0.1)",
    ],
    "vision": [
        "step('30%')", "step('2.4 epochs', 0.97)", "multistep(['30 epochs', '60 epochs', '80 epochs'])",
        "warmup('5 epochs', 0.001) >> cosine(to={f})", "warmup('5 epochs') * multistep(['30 epochs', '60 epochs'])",
        "every(warmup('5 epochs') >> cosine(), '1 epoch')", "one_cycle('{p}%')", "one_cycle('25%', to=1e-05)",
        "cosine_restarts('10 epochs')", "restarts(cosine(), '30 epochs')", "restarts(cosine(), times=3)",
        "exponential(0.97, per='1 epoch')", "polynomial(0.9)", "constant(over='50 epochs') >> linear()",
        "cosine(over='75%', to=0.05) >> constant()", "piecewise([(0, 1.0), ('30 epochs', 0.1), ('60 epochs', 0.01)])",
        "table([1.0, 0.1, 0.01], every='30 epochs')", "cyclic('2 epochs', '2 epochs', 0.1, 1)",
    ],
    "fine-tuning": [
        "warmup('6%') >> linear()", "warmup(100) >> cosine()", "0.1 * (warmup('10%') >> cosine())", "0.5 * cosine()",
        "warmup('10%') >> constant()", "constant() * plateau('val_loss', patience=3)", "warmup(0) >> linear()",
    ],
    "rl": ["linear()", "linear(to=0.1)", "constant()", "exponential(0.5, per='25%')", "stairs(1, 0.1, 5)"],
    "gan": ["constant(over='50%') >> linear()", "step('50%', 0.5)", "exponential(0.99, per='2%')"],
    "speech": [
        "warmup({w}) >> inverse_sqrt({n})", "noam(512, 4000)", "warmup({w}) >> exponential(0.5, per='20%')",
        "warmup('10%', 0.01) >> constant(over='40%') >> geometric(to=0.05)",
    ],
}  # fmt: skip
FACTS = {
    "llm": [{"total": 20_000}, {"total": 600_000}, {"total": "10B tokens", "tokens_per_step": 524_288}],
    "vision": [{"total": f"{n} epochs", "steps_per_epoch": k} for n in (90, 300) for k in (196, 1251)],
    "fine-tuning": [{"total": "3 epochs", "steps_per_epoch": 230}, {"total": 1000}],
    "rl": [{"total": 100_000}, {"total": "1M frames", "frames_per_step": 128}],
    "gan": [{"total": "200 epochs", "steps_per_epoch": 100}],
    "speech": [{"total": 100_000}, {"total": "50 epochs", "steps_per_epoch": 1_000}],
}
RATES = {
    "llm": [3e-4, 6e-4, 1e-4], "vision": [0.1, 1.6, 1e-3], "fine-tuning": [2e-5, 1e-4], "rl": [3e-4, 7e-4],
    "gan": [2e-4], "speech": [1e-3, 1.0, 2.0],
}  # fmt: skip
OTHERS = [
    {}, {}, {"weight_decay": "cosine(to=0.1)"}, {"weight_decay": "absolute(cosine(start=0.04, to=0.4))"},
    {"weight_decay": "linear(1, 10)"}, {"betas[0]": "absolute(linear(0.95, 0.85, '30%') >> linear(0.85, 0.95))"},
]  # fmt: skip
TARGETS = [
    {}, {"kl": {"initial": 0.1, "schedule": "warmup('10%')"}},
    {"teacher_momentum": {"initial": 1.0, "schedule": "absolute(cosine(start=0.996, to=1.0))"}},
    {"eps": {"initial": 1.0, "schedule": "linear(1, 0.05, over='20%') >> constant()"}},
    {"dropout": {"initial": 0.1, "schedule": "linear(0, 1)"}},
]  # fmt: skip


class Optimizer:
    """An optimizer of any groups, whose updates are counted by hand."""

    def __init__(self, group):
        self.param_groups = [{"params": [], **group}]
        self.state = {}


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.long) for n in range(1, 20))])
def test_right_plans_have_no_warning(seed):
    draw = random.Random(seed)
    reported = {}
    for _ in range(150):
        name = draw.choice([*LINES])
        line = draw.choice(LINES[name]).format(
            w=draw.choice(["'1%'", "'3%'", "'10%'", "500", "2000"]), f=draw.choice([0, 0.1, 0.01, 0.001]),
            p=draw.choice([10, 20, 30]), n=draw.choice([1000, 4000]),
        )  # fmt: skip
        more = {} if "plateau" in line else draw.choice(TARGETS)
        plan = ps.loads(str({"lr": line, **draw.choice(OTHERS), **({"targets": more} if more else {})}))
        facts = draw.choice(FACTS[name])
        group = {"lr": draw.choice(RATES[name]), "weight_decay": 0.01, "betas": (0.9, 0.999), "eps": 1e-8}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            ps.Scheduler(Optimizer(group), plan, drive="manual", **facts)
        actual = [*map(str, caught), *(problem.code for problem in ps.check(plan, groups=[group], **facts))]
        if actual:
            reported[str(plan), group["lr"], str(facts)] = actual

    assert reported == {}
