"""The containers of torchtitan itself, which `make engines` installs."""

import copy
from collections import OrderedDict

import pytest
import torch

import paramsched as ps

pytest.importorskip("torchtitan")

from torchtitan.components.optimizer.optimizer import OptimizersContainer, ParamGroupConfig

PLAN = ps.Plan(lr="warmup(4) >> cosine(to=0.1)", weight_decay="linear(1, 0.5)", total=20)


def containers(parts=2):
    """Return model parts of a pipeline, and torchtitan's container of their optimizers."""
    torch.manual_seed(0)
    models = [torch.nn.Sequential(OrderedDict({f"layer{index}": torch.nn.Linear(3, 3)})) for index in range(parts)]
    groups = [
        ParamGroupConfig(pattern="bias", optimizer_name="Adam", optimizer_kwargs={"lr": 0.02}),
        ParamGroupConfig(pattern=".*", optimizer_name="AdamW", optimizer_kwargs={"lr": 0.1, "weight_decay": 0.1}),
    ]
    config = OptimizersContainer.Config(param_groups=groups, implementation="for-loop")
    return models, OptimizersContainer(config, model_parts=models)


def trained(models, optimizers, updates, first=0):
    """Make updates; return the rates of each."""
    rates = []
    for number in range(first, first + updates):
        for model in models:
            model(torch.full((2, 3), 1.0 + number)).square().mean().backward()
        rates.append([group["lr"] for optimizer in optimizers for group in optimizer.param_groups])
        optimizers.step()
        optimizers.zero_grad()
    return rates


def test_a_container_is_refused_with_a_line_that_drives_its_optimizers():
    models, optimizers = containers()
    with pytest.raises(
        ps.errors.InvalidArgument, match="a container of optimizers; give the optimizers names"
    ) as refusal:
        ps.Scheduler(optimizers, PLAN)

    line = str(refusal.value).partition("Write ")[2].rstrip(".")
    scheduler = eval(line, {"ps": ps, "plan": PLAN, "optimizer": optimizers})
    rates = trained(models, optimizers, 20)

    assert scheduler.t == 20
    for number, base in enumerate([0.02, 0.1, 0.02, 0.1]):
        assert [row[number] for row in rates] == ps.trace(PLAN, {"lr": base, "weight_decay": 0.1})["lr"].tolist()


@pytest.mark.parametrize("saved_after", [0, 1, 7])
def test_a_run_that_resumes_from_the_state_of_the_containers_is_one_run(saved_after):
    def started():
        models, optimizers = containers()
        return models, optimizers, ps.Scheduler({str(n): optimizer for n, optimizer in enumerate(optimizers)}, PLAN)

    models, optimizers, whole = started()
    optimizers.state_dict()  # torchtitan makes a hidden step, which Adam counts, also in a run that saves at its start
    rates = trained(models, optimizers, 20)

    first, containers_of_first, scheduler = started()
    containers_of_first.state_dict()
    trained(first, containers_of_first, saved_after)
    saved = copy.deepcopy(
        ([model.state_dict() for model in first], containers_of_first.state_dict(), scheduler.state_dict())
    )
    again, containers_of_again, resumed = started()
    for model, state in zip(again, saved[0], strict=True):
        model.load_state_dict(state)
    containers_of_again.load_state_dict(saved[1])
    resumed.load_state_dict(saved[2])

    assert (scheduler.t, resumed.t) == (saved_after, saved_after)
    assert trained(again, containers_of_again, 20 - saved_after, saved_after) == rates[saved_after:]
    assert (resumed.t, whole.t) == (20, 20)
    for model, two in zip(models, again, strict=True):
        assert all(torch.equal(value, two.state_dict()[key]) for key, value in model.state_dict().items())
