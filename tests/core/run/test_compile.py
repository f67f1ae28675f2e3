"""A compiled step runs the hooks and is not compiled again for each update."""

import itertools

import pytest
import torch

import paramsched as ps
from paramsched.core.schedules.cuts import without_unit
from support.spread import spread
from support.updates import planned, probe

LR = ps.warmup(3, start=0.1) >> ps.cosine(to=0.01)
PLANS = {
    "lr": ps.Plan(lr=LR, horizon=100),
    "two fields": ps.Plan(lr=LR, weight_decay=ps.linear(1.0, 2.0), horizon=100),
    "rows": ps.Plan(ps.Binding("lr", ps.linear(2.0, 1.0), groups=1), lr=LR, horizon=100),
}
WARM = 3  # no compilation is allowed after this number of updates


@pytest.mark.parametrize(
    ("name", "tensor"),
    spread(itertools.product(PLANS, [False, True]), *((name, False) for name in PLANS), ("two fields", True)),
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_step_uses_the_planned_values_without_extra_compilations(name, tensor):
    plan, graphs, found = PLANS[name], [], []
    parameters = [torch.nn.Parameter(torch.ones(3)) for _ in range(2)]
    optimizer = torch.optim.AdamW([{"params": [one]} for one in parameters], lr=torch.tensor(0.1) if tensor else 0.1)
    torch._dynamo.reset()
    scheduler = ps.Scheduler(optimizer, plan)

    def counting(graph, inputs):
        graphs.append(graph)
        return graph.forward

    step = torch.compile(optimizer.step, backend=counting)
    for t in range(45):  # the blocks of the table end at 1 and 33
        for parameter in parameters:
            parameter.grad = torch.ones(3)
        found.append(float(optimizer.param_groups[1]["lr"]))
        with torch._dynamo.config.patch(error_on_recompile=t >= WARM):
            step()

    base = torch.tensor(0.1).item() if tensor else 0.1
    whole = torch.tensor(planned(plan, [{"lr": base, "weight_decay": 0.01}] * 2, "lr", 1), dtype=torch.float64)
    assert found == (whole.float() if tensor else whole).tolist()[:45]
    assert scheduler.last_epoch == 45
    # A float that changes is seen at the second update; a tensor lr is compiled once, as without a plan.
    assert len(graphs) == (1 if tensor and name != "two fields" else 2)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_twelve_checkpoints_cause_no_extra_compilations():
    torch._dynamo.reset()
    parameter, graphs = torch.nn.Parameter(torch.ones(3)), []
    optimizer = torch.optim.AdamW([parameter], lr=torch.tensor(0.1))
    plan = ps.Plan(lr=ps.cosine() * ps.plateau("loss", patience=0), horizon=100)
    scheduler = ps.Scheduler(optimizer, plan)

    def counting(graph, inputs):
        graphs.append(graph)
        return graph.forward

    step = torch.compile(optimizer.step, backend=counting)
    for t in range(12):
        parameter.grad = torch.ones(3)
        step()
        scheduler.observe(loss=float(t % 3))
        saved = optimizer.state_dict()

    assert len(graphs) == 1
    assert saved["param_groups"][0]["paramsched_t"] == 12


@pytest.mark.parametrize("drive", ["optimizer", "b"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compiled_steps_of_two_optimizers_share_the_clock(drive):
    torch._dynamo.reset()
    optimizers = {}
    for name in "ab":
        parameter = torch.nn.Parameter(torch.ones(3))
        parameter.grad = torch.ones(3)
        optimizers[name] = torch.optim.SGD([parameter], lr=0.1)
    scheduler = ps.Scheduler(optimizers, PLANS["lr"], drive=drive)
    steps = [torch.compile(one.step, backend="eager") for one in optimizers.values()]
    found = []
    for t in range(40):
        with torch._dynamo.config.patch(error_on_recompile=t >= WARM):
            for one, step in zip(optimizers.values(), steps, strict=True):
                found.append(one.param_groups[0]["lr"])
                step()

    expected = planned(PLANS["lr"], {"lr": 0.1})[:40]
    assert (found[::2], found[1::2], scheduler.t) == (expected, expected, 40)


@pytest.mark.parametrize("told", [False, True], ids=["constant", "told"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_token_clock_causes_no_extra_compilations(told):
    plan = ps.Plan(lr='warmup("30 tokens") >> linear(1, 0)', clock="tokens", horizon="9000 tokens")
    graphs, found, amounts = [], [], []
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([weight], lr=0.1)
    torch._dynamo.reset()
    scheduler = ps.Scheduler(optimizer, plan, tokens_per_step=None if told else 10)

    def counting(graph, inputs):
        graphs.append(graph)
        return graph.forward

    step = torch.compile(optimizer.step, backend=counting)
    for t in range(45):
        weight.grad = torch.ones(3)
        found.append(optimizer.param_groups[0]["lr"])
        amounts.append(scheduler.amount)
        if told:
            scheduler.consumed(tokens=10 + t % 3)
        with torch._dynamo.config.patch(error_on_recompile=t >= WARM):
            step()

    lr = plan.resolve(ps.Calendar()).bindings[0].schedule
    assert found == [without_unit(lr, "tokens")(amount, 0.1) for amount in amounts]
    assert (scheduler.t, len(graphs)) == (45, 2)


def test_the_users_setting_for_changing_numbers_is_kept():
    # Torch's own `patch`, because the config module rejects the restore of pytest's monkeypatch.
    with torch.compiler.config.patch(dynamic_sources="L['x']"):
        for _ in range(2):
            ps.Scheduler(probe(), PLANS["lr"])
        first, ours = torch.compiler.config.dynamic_sources.split(",")

    assert first == "L['x']"
    assert "paramsched_t" in ours
