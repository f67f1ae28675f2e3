"""A schedule, alone or from a plan, as the function of torch's LambdaLR: values, checkpoints, copies, uses."""

import pytest
import torch
from hypothesis import given
from torch.optim.lr_scheduler import LambdaLR

import paramsched as ps
from support import strategies

WHOLE = "warmup('10%') >> cosine(to=0.1)"
RUN = ps.RunFacts(total=50)
SEVERAL = ps.Plan(
    ps.Binding("lr", "constant(0.5)", groups="head"),
    ps.Binding("lr", "linear(to=0.5)", groups="layer_3"),
    ps.Binding(ps.Target("temperature", 2.0), "linear(1.0, absolute(0.5))"),
    lr=WHOLE,
    weight_decay="constant(0.5)",
    total=50,
)


def optimizer_of(*rates):
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in rates]
    return torch.optim.SGD(groups, lr=1.0)


def values_of(optimizer, scheduler, updates):
    values = []
    for _ in range(updates):
        values.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    return values


@given(strategies.cases(fixed=False, affine=True, depth=2), strategies.bases())
def test_base_times_factor_equals_the_value_bit_for_bit(case, base):
    factor = ps.to_lambda(case.resolved) if not case.resolved.has_absolute else ps.to_lambda(case.resolved, base=1.0)

    for t in range(min(case.world.total + 2, 20)):
        assert factor(t) == case.resolved(t)
        if not case.resolved.has_absolute:
            assert base * factor(t) == case.resolved(t, base)


def test_lambda_lr_uses_the_values_of_the_plan():
    optimizer = optimizer_of(0.1, 3e-4)
    used = values_of(optimizer, LambdaLR(optimizer, ps.to_lambda(WHOLE, facts=RUN)), 60)

    planned = ps.resolve(ps.parse(WHOLE), facts=RUN)
    assert used == [[planned(t, 0.1), planned(t, 3e-4)] for t in range(60)]


def test_a_checkpoint_contains_only_the_count_and_resumes(tmp_path):
    first = optimizer_of(0.1)
    scheduler = LambdaLR(first, ps.to_lambda(WHOLE, facts=RUN))
    values_of(first, scheduler, 20)
    torch.save({"optimizer": first.state_dict(), "scheduler": scheduler.state_dict()}, tmp_path / "last.pt")

    saved = torch.load(tmp_path / "last.pt", weights_only=True)
    again = optimizer_of(0.1)
    resumed = LambdaLR(again, ps.to_lambda(WHOLE, facts=RUN))
    again.load_state_dict(saved["optimizer"])
    resumed.load_state_dict(saved["scheduler"])

    assert saved["scheduler"]["lr_lambdas"] == [{}]
    assert values_of(again, resumed, 10) == values_of(first, scheduler, 10)


def test_the_function_works_in_a_sequence_of_schedulers():
    optimizer = optimizer_of(0.1)
    parts = [LambdaLR(optimizer, ps.to_lambda(line)) for line in ("warmup(5)", "cosine(over=20)")]
    sequence = torch.optim.lr_scheduler.SequentialLR(optimizer, parts, milestones=[5])
    used = values_of(optimizer, sequence, 30)

    planned = ps.parse("warmup(5) >> cosine(over=20)")
    assert used == [[planned(t, 0.1)] for t in range(30)]


def test_the_base_of_a_target_is_its_initial_value():
    factor = ps.to_lambda(SEVERAL, field="temperature")

    assert [2.0 * factor(t) for t in (0, 25, 50)] == [2.0, 1.25, 0.5]


@pytest.mark.heavy
def test_the_trainer_of_transformers_accepts_the_function(tmp_path):
    pytest.importorskip("transformers")
    from transformers import Trainer, TrainingArguments

    class Line(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)

        def forward(self, x, y):
            return {"loss": ((self.layer(x) - y) ** 2).mean()}

    model = Line()
    used = []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer.register_step_pre_hook(lambda stepped, *_: used.append(stepped.param_groups[0]["lr"]))
    rows = [{"x": torch.ones(1), "y": torch.ones(1)}] * 8
    arguments = TrainingArguments(
        output_dir=str(tmp_path), max_steps=12, per_device_train_batch_size=2, use_cpu=True, report_to=[],
        save_strategy="no", disable_tqdm=True, logging_strategy="no",
    )  # fmt: skip
    factor = ps.to_lambda("warmup(3) >> linear(over=9)")
    Trainer(model, arguments, train_dataset=rows, optimizers=(optimizer, LambdaLR(optimizer, factor))).train()

    assert used == [0.1 * factor(t) for t in range(12)]
