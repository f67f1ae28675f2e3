"""A compiled step runs the hooks as they are and is not compiled anew for each update."""

import pytest
import torch
from updates import planned

import paramsched as ps

PLAN = ps.Plan(lr=ps.warmup(3, start=0.1) >> ps.cosine(to=0.01), weight_decay=ps.linear(1.0, 2.0), horizon=100)


def compiled(optimizer):
    graphs = []

    def counting(graph, inputs):
        graphs.append(graph)
        return graph.forward

    torch._dynamo.reset()
    return torch.compile(optimizer.step, backend=counting), graphs


def steps(optimizer, step, updates):
    found = []
    optimizer.register_step_pre_hook(lambda one, *_: found.append(float(one.param_groups[0]["lr"])))
    for _ in range(updates):
        for one in optimizer.param_groups:
            for parameter in one["params"]:
                parameter.grad = torch.ones_like(parameter)
        step()
    return found


def adamw(lr):
    parameters = [torch.nn.Parameter(torch.ones(3)) for _ in range(2)]
    return torch.optim.AdamW([{"params": [one]} for one in parameters], lr=lr, foreach=False, capturable=False)


def test_a_tensor_rate_makes_no_graph_after_the_first_updates():
    optimizer = adamw(torch.tensor(0.1))
    ps.Scheduler(optimizer, ps.Plan(lr=PLAN.bindings[0].schedule, horizon=100))
    step, graphs = compiled(optimizer)

    found = steps(optimizer, step, 3)
    warm = len(graphs)
    found += steps(optimizer, step, 40)[: 40]

    assert len(graphs) == warm
    base = torch.tensor(0.1).item()
    whole = torch.tensor(planned(PLAN, {"lr": base, "weight_decay": 0.01}), dtype=torch.float64)
    assert found[:3] == whole.float().tolist()[:3]


@pytest.mark.parametrize("tensor", [False, True])
def test_hooks_are_in_no_graph_and_the_values_are_the_planned_ones(tensor):
    base = torch.tensor(0.1) if tensor else 0.1
    start = torch.tensor(0.1).item() if tensor else 0.1
    optimizer = adamw(base)
    scheduler = ps.Scheduler(optimizer, PLAN)
    step, graphs = compiled(optimizer)

    found = steps(optimizer, step, 12)

    whole = planned(PLAN, {"lr": start, "weight_decay": 0.01})
    assert found == (torch.tensor(whole, dtype=torch.float64).float().tolist() if tensor else whole)[:12]
    assert scheduler.last_epoch == 12
    assert len(graphs) <= 4


def test_the_schedulers_add_no_graph_to_those_of_a_bare_optimizer():
    counts = []
    for attached in (False, True):
        optimizer = adamw(torch.tensor(0.1))
        if attached:
            ps.Scheduler(optimizer, ps.Plan(lr=PLAN.bindings[0].schedule, horizon=100))
        step, graphs = compiled(optimizer)
        for _ in range(12):
            for one in optimizer.param_groups:
                one["params"][0].grad = torch.ones(3)
            if not attached:
                optimizer.param_groups[0]["lr"].mul_(0.9)
            step()
        counts.append(len(graphs))

    assert counts[1] <= counts[0] + 1
