"""Steps that are captured into a CUDA graph; `tests/gpu` captures real ones."""

import pytest
import torch

import paramsched as ps
from paramsched.core.run import hooks
from paramsched.core.run import steps as updates
from paramsched.errors import InvalidArgument
from support.updates import planned, probe, run, used

LR = ps.Plan(lr="linear()", horizon=20)


@pytest.fixture
def capturing(monkeypatch):
    """A switch: a device that captures while the list has an entry."""
    on = []
    if torch.cuda.is_available():
        torch.cuda.init()  # torch.compile reads the generators of a device that says that it is initialized
    monkeypatch.setattr(hooks, "CAN_CAPTURE", True)
    monkeypatch.setattr(updates, "CAN_CAPTURE", True)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(updates, "is_capturing", lambda: bool(on))
    return on


@pytest.mark.parametrize("names", ["one", "two"])
@pytest.mark.parametrize("first", [True, False], ids=["first step", "later step"])
def test_a_captured_step_that_would_be_counted_is_refused_and_counts_nothing(capturing, names, first):
    optimizer, other = probe(), probe()
    scheduler = ps.Scheduler(optimizer if names == "one" else {"a": optimizer, "b": other}, LR)
    if not first:
        run(optimizer, 1), run(other, 1)

    capturing.append("on")
    with pytest.raises(InvalidArgument, match=r'replays call no hooks.*drive="manual"') as refused:
        optimizer.step()
    capturing.clear()

    assert str(refused.value).startswith("Scheduler(Probe, …)")
    assert scheduler.t == (0 if first else 1)
    run(optimizer, 3)
    assert used(optimizer) == planned(LR, {"lr": 0.1})[: 3 if first else 4]


@pytest.mark.parametrize("lr", [0.1, torch.tensor(0.1)], ids=["float", "tensor of the CPU"])
def test_a_field_that_changes_and_is_no_tensor_on_the_device_is_refused(capturing, lr):
    optimizer = probe(lr=lr)
    plan = ps.Plan(lr="linear()", weight_decay="constant(2)", momentum="linear(1, 0.5)", horizon=20)
    scheduler = ps.Scheduler(optimizer, plan, drive="manual")

    capturing.append("on")
    with pytest.raises(InvalidArgument, match="would keep the value of this update for lr and momentum: a replay"):
        optimizer.step()
    assert optimizer.used == []
    scheduler.detach()
    optimizer.step()


def test_fields_that_do_not_change_may_be_captured(capturing):
    optimizer = probe()
    ps.Scheduler(optimizer, ps.Plan(lr="constant(2)", weight_decay="absolute(constant(0.3))"), drive="manual")

    capturing.append("on")
    run(optimizer, 2)

    assert used(optimizer) == [0.2, 0.2]


def test_a_process_that_does_not_use_its_device_does_not_ask_it(capturing, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    capturing.append("on")
    for drive in ("optimizer", "manual"):
        optimizer = probe()
        ps.Scheduler(optimizer, LR, drive=drive)
        run(optimizer, 3)
        assert len(optimizer.used) == 3


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_step_is_not_compiled_again_for_the_look_at_captures(capturing):
    parameter = torch.nn.Parameter(torch.ones(3))
    parameter.grad = torch.ones(3)
    optimizer = torch.optim.SGD([parameter], lr=torch.tensor(0.1))
    torch._dynamo.reset()
    ps.Scheduler(optimizer, LR, drive="manual")
    step = torch.compile(optimizer.step, backend="eager")

    for t in range(5):
        with torch._dynamo.config.patch(error_on_recompile=t > 1):
            step()
