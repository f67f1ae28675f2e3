"""A schedule, alone or from a plan, as the function of torch's LambdaLR: values, checkpoints, copies, uses."""

import copy
import io
import pickle

import pytest
import torch
from hypothesis import given
from torch.optim.lr_scheduler import LambdaLR

import paramsched as ps
from paramsched.errors import InvalidArgument, UnknownField
from support import strategies
from support.tables import table

WHOLE = "warmup('10%') >> cosine(to=0.1)"
RUN = ps.Calendar(total=50)
SEVERAL = ps.Plan(
    ps.Binding("lr", "constant(0.5)", groups="head"),
    ps.Binding("lr", "linear(to=0.5)", groups="layer_3"),
    ps.Binding(ps.Target("temperature", 2.0), "linear(1.0, absolute(0.5))"),
    lr=WHOLE,
    weight_decay="constant(0.5)",
    horizon=50,
)


def optimizer_of(*rates):
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in rates]
    return torch.optim.SGD(groups, lr=1.0)


def values_of(optimizer, scheduler, updates):
    found = []
    for _ in range(updates):
        found.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    return found


@given(strategies.cases(fixed=False, affine=True, depth=2), strategies.bases())
def test_base_times_factor_equals_the_value_bit_for_bit(case, base):
    factor = ps.to_lambda(case.resolved) if not case.resolved.has_absolute else ps.to_lambda(case.resolved, base=1.0)

    for t in range(min(case.world.total + 2, 20)):
        assert factor(t) == case.resolved(t)
        if not case.resolved.has_absolute:
            assert base * factor(t) == case.resolved(t, base)


LINE = "cosine() * plateau('loss')"


@table(
    "source",
    [
        ps.plateau("loss"), "plateau('loss')", LINE, ps.parse(LINE), ps.Plan(lr=LINE), {"lr": LINE}, f"lr: {LINE}",
        ps.Plan(lr=ps.plateau("loss"), horizon=50),
    ],
)  # fmt: skip
def test_a_metric_rule_in_any_form_is_refused(source):
    with pytest.raises(InvalidArgument):
        ps.to_lambda(source, RUN)


@table("source", [0, 1, "1", "constant(0.5)", ps.constant(0.5), ps.absolute(0.5)])
def test_a_schedule_alone_needs_no_field_or_group_and_has_none(source):
    expected = ps.Plan(lr=source, horizon=50).bindings[0].schedule

    assert [ps.to_lambda(source, base=0.25)(t) for t in (0, 7)] == [expected(0, 0.25) / 0.25] * 2
    for selected in {"field": "lr"}, {"group": "head"}:
        with pytest.raises(InvalidArgument):
            ps.to_lambda(source, base=0.25, **selected)


def test_lambda_lr_uses_the_values_of_the_plan():
    optimizer = optimizer_of(0.1, 3e-4)
    used = values_of(optimizer, LambdaLR(optimizer, ps.to_lambda(WHOLE, RUN)), 60)

    planned = ps.resolve(ps.parse(WHOLE), RUN)
    assert used == [[planned(t, 0.1), planned(t, 3e-4)] for t in range(60)]


def test_absolute_values_are_exact_up_to_one_rounding():
    optimizer = optimizer_of(0.3)
    line = "linear(absolute(0.01), absolute(0.002), over=40)"
    used = values_of(optimizer, LambdaLR(optimizer, ps.to_lambda(line, base=0.3)), 45)

    assert [one for (one,) in used] == pytest.approx([ps.parse(line)(t) for t in range(45)], rel=3e-16)


def test_a_checkpoint_contains_only_the_count_and_resumes(tmp_path):
    first = optimizer_of(0.1)
    scheduler = LambdaLR(first, ps.to_lambda(WHOLE, RUN))
    values_of(first, scheduler, 20)
    torch.save({"optimizer": first.state_dict(), "scheduler": scheduler.state_dict()}, tmp_path / "last.pt")

    saved = torch.load(tmp_path / "last.pt", weights_only=True)
    again = optimizer_of(0.1)
    resumed = LambdaLR(again, ps.to_lambda(WHOLE, RUN))
    again.load_state_dict(saved["optimizer"])
    resumed.load_state_dict(saved["scheduler"])

    assert saved["scheduler"]["lr_lambdas"] == [{}]
    assert values_of(again, resumed, 10) == values_of(first, scheduler, 10)


def test_the_function_can_be_pickled_copied_and_compared():
    factor = ps.to_lambda(WHOLE, RUN)

    for other in (pickle.loads(pickle.dumps(factor)), copy.deepcopy(factor), copy.copy(factor)):
        assert other == factor
        assert hash(other) == hash(factor)
        assert other(7) == factor(7)
    buffer = io.BytesIO()
    torch.save(LambdaLR(optimizer_of(0.1), factor), buffer)


def test_the_function_works_in_a_sequence_of_schedulers():
    optimizer = optimizer_of(0.1)
    parts = [LambdaLR(optimizer, ps.to_lambda(line)) for line in ("warmup(5)", "cosine(over=20)")]
    sequence = torch.optim.lr_scheduler.SequentialLR(optimizer, parts, milestones=[5])
    used = values_of(optimizer, sequence, 30)

    planned = ps.parse("warmup(5) >> cosine(over=20)")
    assert used == [[planned(t, 0.1)] for t in range(30)]


def test_a_schedule_that_follows_another_field_is_rejected():
    with pytest.raises((InvalidArgument, UnknownField)):
        ps.to_lambda("like('lr')")


def test_clamp_with_multiples_needs_no_base():
    assert ps.to_lambda("clamp(linear(over=10), low=0.5)")(9) == 0.5


@table(
    ("group", "line"), [("head", "constant(0.5)"), ("layer_3", "linear(to=0.5)"), ("body", WHOLE), ("layer_4", WHOLE)]
)
def test_lambda_lr_uses_the_schedule_of_a_group(group, line):
    optimizer = optimizer_of(0.1)
    used = values_of(optimizer, LambdaLR(optimizer, ps.to_lambda(SEVERAL, field="lr", group=group)), 55)

    planned = ps.resolve(ps.parse(line), RUN)
    assert used == [[planned(t, 0.1)] for t in range(55)]


def test_a_plan_with_one_schedule_needs_only_its_calendar():
    whole = ps.to_lambda(WHOLE, RUN)

    assert ps.to_lambda(ps.Plan(lr=WHOLE, horizon=50)) == whole
    assert ps.to_lambda(ps.Plan(lr=WHOLE, horizon="5 epochs"), ps.Calendar(steps_per_epoch=10)) == whole
    assert ps.to_lambda(ps.Plan(ps.Binding("lr", WHOLE, groups="head")), RUN) == whole


def test_a_schedule_that_follows_a_field_of_the_plan_has_its_factors():
    plan = ps.Plan(lr=WHOLE, weight_decay="like('lr')")

    assert ps.to_lambda(plan, RUN, field="weight_decay") == ps.to_lambda(WHOLE, RUN)


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

    model, used = Line(), []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer.register_step_pre_hook(lambda own, *_: used.append(own.param_groups[0]["lr"]))
    rows = [{"x": torch.ones(1), "y": torch.ones(1)}] * 8
    arguments = TrainingArguments(
        output_dir=str(tmp_path), max_steps=12, per_device_train_batch_size=2, use_cpu=True, report_to=[],
        save_strategy="no", disable_tqdm=True, logging_strategy="no",
    )  # fmt: skip
    factor = ps.to_lambda("warmup(3) >> linear(over=9)")
    Trainer(model, arguments, train_dataset=rows, optimizers=(optimizer, LambdaLR(optimizer, factor))).train()

    assert used == [0.1 * factor(t) for t in range(12)]


def test_a_function_is_shown_with_its_schedule():
    assert repr(ps.to_lambda(ps.cosine(over=10))) == "<to_lambda(cosine(over=10))>"
