"""Steps that count as an update, and steps that do not."""

import re
from pathlib import Path

import pytest
import torch
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict

import paramsched as ps
from paramsched.errors import InvalidArgument
from support.tables import table
from support.updates import group, planned, probe, run, used

PLAN = ps.Plan(lr=ps.linear(1.0, 0.0), total=10)
LR = planned(PLAN, {"lr": 0.1})


class Parent(torch.optim.SGD):
    def step(self, closure=None):
        return super().step(closure)


class Child(Parent):
    def step(self, closure=None):
        return super().step(closure)


def lr_of(optimizer):
    return optimizer.param_groups[0]["lr"]


def test_a_step_that_calls_its_parents_step_is_one_update():
    parents = [torch.optim.SGD([group()["params"][0]], lr=0.1), Parent(**group(), lr=0.1)]
    optimizer = Child(**group(), lr=0.1)
    assert all(type(parent).step.hooked for parent in parents)
    scheduler = ps.Scheduler(optimizer, PLAN)

    for t in range(10):
        assert (scheduler.last_epoch, lr_of(optimizer)) == (t, LR[t])
        optimizer.step()


def test_an_exception_in_the_closure_is_not_counted_and_the_next_step_is():
    optimizer = Child(**group(), lr=0.1)
    scheduler = ps.Scheduler(optimizer, PLAN)

    for t in range(5):
        with pytest.raises(ZeroDivisionError):
            optimizer.step(lambda: 1 / 0)
        assert (scheduler.last_epoch, lr_of(optimizer)) == (t, LR[t])
        optimizer.step()

    assert scheduler.last_epoch == 5


def test_a_closure_that_is_called_many_times_is_one_update():
    parameter = torch.nn.Parameter(torch.tensor([3.0, -2.0]))
    optimizer = torch.optim.LBFGS([parameter], lr=0.1, max_iter=5)
    scheduler = ps.Scheduler(optimizer, PLAN)
    calls = []

    def closure():
        calls.append(lr_of(optimizer))
        optimizer.zero_grad()
        loss = (parameter**2).sum()
        loss.backward()
        return loss

    for _ in range(3):
        optimizer.step(closure)

    assert scheduler.last_epoch == 3
    assert len(calls) > 3
    assert list(dict.fromkeys(calls)) == LR[:3]


def test_a_closure_that_steps_another_optimizer_advances_each_plan_once():
    inner = probe()
    outer = probe()
    schedulers = [ps.Scheduler(inner, PLAN), ps.Scheduler(outer, PLAN)]

    for _ in range(4):
        outer.step(inner.step)

    assert [scheduler.last_epoch for scheduler in schedulers] == [4, 4]
    assert used(inner) == used(outer) == LR[:4]


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("optimizer_class", [torch.optim.SGD, torch.optim.AdamW])
def test_an_update_skipped_by_a_gradient_scaler_is_not_counted(optimizer_class, fused):
    entries = group()
    optimizer = optimizer_class(**entries, lr=0.1, fused=fused)
    scheduler = ps.Scheduler(optimizer, PLAN)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    overflows = (True, False, False, True, True, False)

    happened = 0
    for overflow in overflows:
        entries["params"][0].grad = torch.full((2,), float("inf") if overflow else 1.0)
        scaler.scale(torch.ones(1))
        assert lr_of(optimizer) == LR[happened]
        scaler.step(optimizer)
        scaler.update()
        happened += not overflow

        assert (scheduler.last_epoch, lr_of(optimizer)) == (happened, LR[happened])


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("tensor", [False, True])
def test_steps_in_no_grad_and_inference_mode_count_and_keep_ordinary_tensors(context, tensor):
    optimizer = probe(lr=torch.tensor(0.1, dtype=torch.float64) if tensor else 0.1)
    ps.Scheduler(optimizer, PLAN)

    with context():
        run(optimizer, 4)
    run(optimizer, 2)

    assert used(optimizer) == LR[:6]


def test_a_step_without_gradients_counts():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr=ps.warmup(3), total=10))

    run(optimizer, 2)

    assert scheduler.last_epoch == 2


def raised(model, optimizer):
    with pytest.raises(ZeroDivisionError):
        optimizer.step(lambda: 1 / 0)


def skipped_by_a_scaler(model, optimizer):
    model.weight.grad = torch.full_like(model.weight, float("inf"))
    scaler = torch.amp.GradScaler("cpu")
    scaler.scale(torch.ones(1))
    scaler.step(optimizer)


def skipped_inside_a_fused_step(model, optimizer):
    optimizer.param_groups[0]["fused"] = True
    optimizer.found_inf = torch.ones(1)  # the scaler sets it during the call
    optimizer.step()
    del optimizer.found_inf


def hidden_in_a_checkpoint(model, optimizer):
    get_optimizer_state_dict(model, optimizer)


DONE = {  # the code for each row of the table in the documentation, and its number of updates
    "super().step() inside a subclass's step": (lambda model, optimizer: optimizer.step(), 1),  # of two calls
    "a step that raised": (raised, 0),
    "a step that a GradScaler skips": (skipped_by_a_scaler, 0),
    "a step of a fused optimizer that a GradScaler skips": (skipped_inside_a_fused_step, 0),
    "the step of torch's distributed checkpoint or TorchTitan that initializes an empty state": (
        hidden_in_a_checkpoint,
        0,
    ),
}


def test_each_row_of_the_table_in_the_documentation_has_a_case():
    page = (Path(__file__).parents[3] / "src/paramsched/core/run/README.md").read_text(encoding="utf-8")
    rows = page.partition("## Steps that do not count")[2].partition("\n## ")[0]

    assert re.findall(r"^\| (.+?) \|", rows, re.MULTILINE)[1:] == list(DONE)


@table("name", list(DONE))
def test_each_uncounted_step_is_ignored_and_the_next_step_counts(name):
    model = torch.nn.Linear(2, 1, bias=False)
    optimizer = Child(model.parameters(), lr=0.1)
    scheduler = ps.Scheduler(optimizer, PLAN)
    done, counted = DONE[name]

    done(model, optimizer)

    assert (scheduler.last_epoch, lr_of(optimizer)) == (counted, LR[counted])
    model.weight.grad = torch.ones_like(model.weight)
    optimizer.step()
    assert (scheduler.last_epoch, lr_of(optimizer)) == (counted + 1, LR[counted + 1])


def caller(module, **attributes):
    """Return an object whose method `_optimizer_step` steps an optimizer, as an engine's does."""

    class Engine:
        def _optimizer_step(self, optimizer):
            optimizer.step()

    Engine.__module__ = module
    engine = Engine()
    engine.__dict__ |= attributes
    return engine


@pytest.mark.parametrize(
    ("module", "parts", "refused"),
    [
        ("deepspeed.runtime.zero", {"bit16_groups": [0]}, False),
        ("deepspeed.runtime.zero", {"fp16_groups": [0]}, False),
        ("deepspeed.runtime.zero", {"bit16_groups": [0], "fp16_groups": [0, 1]}, False),
        ("deepspeed.runtime.zero", {"bit16_groups": [0, 1]}, True),
        ("deepspeed.runtime.zero", {"fp16_groups": [0, 1]}, True),
        ("deepspeed.runtime.zero", {"bit16_groups": []}, True),
        ("deepspeed.runtime.zero", {}, True),
        ("deepspeedy.zero", {"bit16_groups": [0, 1]}, False),
        ("other", {}, False),
    ],
)
def test_steps_of_parts_are_refused_by_their_caller_and_the_number_of_parts(module, parts, refused):
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN)
    if refused:
        with pytest.raises(InvalidArgument, match="several times per update"):
            caller(module, **parts)._optimizer_step(optimizer)
    else:
        caller(module, **parts)._optimizer_step(optimizer)
    assert scheduler.t == (not refused)


def test_a_first_step_without_gradients_at_a_rate_of_the_user_is_an_update():
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    scheduler = ps.Scheduler(optimizer, "lr: linear()\ntotal: 4")
    group = optimizer.param_groups[0]
    group["params"][0].grad = torch.zeros(1)
    group["lr"] = 0.3

    with pytest.warns(UserWarning, match="other code wrote it"):
        optimizer.step()

    assert scheduler.t == 1
