"""On a GPU the used values equal the planned ones: fused, capturable and compiled optimizers, AMP, CUDA graphs."""

import pytest
import torch

import paramsched as ps
from support.updates import planned

PLAN = ps.Plan(lr=ps.warmup(3, start=0.1) >> ps.cosine(to=0.01), total=100)
RATES = planned(PLAN, {"lr": 0.1})

ADAMW = torch.optim.AdamW
SGD = torch.optim.SGD


def weight_on(device):
    return torch.nn.Parameter(torch.ones(4, device=device))


def on_device(options, device):
    """Return the options of an optimizer; on a CPU it is not capturable."""
    return {key: value for key, value in options.items() if key != "capturable" or device == "cuda"}


def take_updates(optimizer, weight, count, step=None):
    """Run updates. Return the value that each read from its group, and the change of the weight."""
    used = []
    moved = []
    for _ in range(count):
        weight.grad = torch.ones_like(weight)
        used.append(float(optimizer.param_groups[0]["lr"]))
        before = weight.detach().clone()
        (step or optimizer.step)()
        moved.append((before - weight.detach()).mean().item())
    return used, moved


@pytest.mark.parametrize(
    ("make", "options"),
    [(SGD, {}), (SGD, {"fused": True}), (ADAMW, {}), (ADAMW, {"fused": True}), (ADAMW, {"foreach": True})],
)
def test_every_update_uses_the_planned_value(device, make, options):
    weight = weight_on(device)
    optimizer = make([weight], lr=0.1, weight_decay=0.0, **options)
    scheduler = ps.Scheduler(optimizer, PLAN)

    used, moved = take_updates(optimizer, weight, 40)

    assert used == RATES[:40]
    assert moved == pytest.approx(RATES[:40], rel=1e-4, abs=1e-6)  # float32 weights near 1; Adam's first moves are lr
    assert scheduler.t == 40


@pytest.mark.parametrize(
    ("make", "options"),
    [(SGD, {}), (SGD, {"fused": True}), (ADAMW, {}), (ADAMW, {"fused": True}), (ADAMW, {"capturable": True})],
)
def test_a_tensor_lr_is_filled_in_place(device, make, options):
    weight = weight_on(device)
    lr = torch.tensor(0.1, device=device)
    optimizer = make([weight], lr=lr, weight_decay=0.0, **on_device(options, device))
    ps.Scheduler(optimizer, PLAN)

    used, moved = take_updates(optimizer, weight, 40)

    assert optimizer.param_groups[0]["lr"] is lr
    assert used == pytest.approx(RATES[:40], rel=1e-6)  # float32
    assert moved == pytest.approx(RATES[:40], rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("fused", [False, True])
def test_updates_that_a_scaler_skips_do_not_count(device, fused):
    model = torch.nn.Linear(4, 1).to(device)
    optimizer = ADAMW(model.parameters(), lr=0.1, fused=fused)
    scheduler = ps.Scheduler(optimizer, PLAN)
    scaler = torch.amp.GradScaler(device, init_scale=1024.0)
    half = torch.float16 if device == "cuda" else torch.bfloat16
    data = torch.ones(8, 4, device=device)
    used = []

    for batch in range(12):
        used.append(optimizer.param_groups[0]["lr"])
        with torch.autocast(device, dtype=half):
            loss = model(data).square().mean()
        scaler.scale(loss).backward()
        if batch in (2, 3, 7):
            model.weight.grad.fill_(float("inf"))
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()

    counted = [0, 1, 2, 2, 2, 3, 4, 5, 5, 6, 7, 8]
    assert used == [RATES[t] for t in counted]
    assert scheduler.t == 9


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_step_reads_a_tensor_lr_that_is_filled_in_place(device):
    weight = weight_on(device)
    lr = torch.tensor(0.1, device=device)
    optimizer = ADAMW([weight], lr=lr, weight_decay=0.0, capturable=device == "cuda")
    ps.Scheduler(optimizer, PLAN)
    torch._dynamo.reset()
    # On a CPU the compiler's own code is tested elsewhere; here it is the body of this test.
    step = torch.compile(optimizer.step, backend="inductor" if device == "cuda" else "eager")

    used, moved = take_updates(optimizer, weight, 40, step)

    assert optimizer.param_groups[0]["lr"] is lr
    assert used == pytest.approx(RATES[:40], rel=1e-6)
    assert moved == pytest.approx(RATES[:40], rel=1e-3, abs=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_step_that_is_compiled_with_graphs_reads_a_tensor_lr_that_is_filled_in_place(device):
    weight = weight_on(device)
    lr = torch.tensor(0.1, device=device)
    optimizer = ADAMW([weight], lr=lr, weight_decay=0.0, capturable=device == "cuda")
    ps.Scheduler(optimizer, PLAN)
    torch._dynamo.reset()
    graphs = {"mode": "reduce-overhead"} if device == "cuda" else {"backend": "eager"}

    used, moved = take_updates(optimizer, weight, 40, torch.compile(optimizer.step, **graphs))

    assert used == pytest.approx(RATES[:40], rel=1e-6)
    assert moved == pytest.approx(RATES[:40], rel=1e-3, abs=1e-5)


class Recorded:
    """A substitute for a CUDA graph on a CPU: a replay repeats the captured calls."""

    def __init__(self, step):
        self.replay = step


def captured(device, optimizer):
    """Capture a graph of one step, after a few steps on a side stream, as in torch's notes on CUDA graphs."""
    if device == "cpu":
        return Recorded(optimizer.step)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            optimizer.step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        optimizer.step()
    return graph


def test_a_graph_replay_reads_each_value_that_the_plan_has_written(device):
    weight = weight_on(device)
    lr = torch.tensor(0.1, device=device)
    # With these betas and eps a step moves the weight by exactly lr, whatever steps were before it.
    options = {"betas": (0.0, 0.0), "eps": 0.0, "weight_decay": 0.0, "capturable": True}
    optimizer = ADAMW([weight], lr=lr, **on_device(options, device))
    # A replay runs no Python, so no hook of the optimizer: the loop drives the plan.
    scheduler = ps.Scheduler(optimizer, PLAN, drive="manual")
    weight.grad = torch.ones_like(weight)
    graph = captured(device, optimizer)

    moved = []
    for _ in range(40):
        before = weight.detach().clone()
        graph.replay()
        moved.append((before - weight.detach()).mean().item())
        scheduler.step()

    assert optimizer.param_groups[0]["lr"] is lr
    assert moved == pytest.approx(RATES[:40], rel=1e-4, abs=1e-6)
    assert scheduler.t == 40


def test_a_graph_replay_reads_the_values_of_every_group(device):
    weights = [weight_on(device) for _ in range(3)]
    plan = ps.Plan(ps.Binding("lr", "linear()", groups=1), lr="warmup(3, start=0.1) >> cosine(to=0.01)", total=100)
    bases = [0.1, 0.2, 0.3]
    groups = [
        {"params": [weight], "lr": torch.tensor(base, device=device)}
        for weight, base in zip(weights, bases, strict=True)
    ]
    # A step moves the weight by exactly lr, as above.
    options = {"betas": (0.0, 0.0), "eps": 0.0, "weight_decay": 0.0, "capturable": True}
    optimizer = ADAMW(groups, **on_device(options, device))
    scheduler = ps.Scheduler(optimizer, plan, drive="manual")
    for weight in weights:
        weight.grad = torch.ones_like(weight)
    graph = captured(device, optimizer)

    moved = []
    for _ in range(40):
        before = [weight.detach().clone() for weight in weights]
        graph.replay()
        moved.append([(old - weight.detach()).mean().item() for old, weight in zip(before, weights, strict=True)])
        scheduler.step()

    rates = [planned(plan, [{"lr": base} for base in bases], "lr", index)[:40] for index in range(3)]
    for index in range(3):
        assert [row[index] for row in moved] == pytest.approx(rates[index], rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("drive", ["optimizer", "manual"])
def test_a_capture_whose_replays_would_not_follow_the_plan_is_refused(device, drive):
    if device == "cpu":
        pytest.skip("tests/core/run/test_captures.py has the errors")
    weight = weight_on(device)
    lr = torch.tensor(0.1, device=device)
    optimizer = ADAMW([weight], lr=lr, capturable=True)
    fields = {"lr": "linear()"} | ({"weight_decay": "linear(1, 0.5)"} if drive == "manual" else {})
    scheduler = ps.Scheduler(optimizer, ps.Plan(**fields, total=100), drive=drive)
    weight.grad = torch.ones_like(weight)
    before = scheduler.t

    with pytest.raises(ps.errors.InvalidArgument, match="captured into a CUDA graph"):
        captured(device, optimizer)

    torch.cuda.synchronize()
    assert scheduler.t == before + (3 if drive == "optimizer" else 0)
    scheduler.detach()
    captured(device, optimizer).replay()


@pytest.mark.parametrize(
    ("make", "options", "tensor"),
    [(SGD, {"fused": True}, False), (ADAMW, {"fused": True}, False), (ADAMW, {"capturable": True}, True)],
)
def test_no_update_synchronizes_with_the_device(device, make, options, tensor):
    weight = weight_on(device)
    second_weight = weight_on(device)
    groups = [
        {"params": [weight]},
        {"params": [second_weight], "lr": torch.tensor(0.01, device=device) if tensor else 0.01},
    ]
    optimizer = make(groups, lr=torch.tensor(0.1, device=device) if tensor else 0.1, **on_device(options, device))
    scheduler = ps.Scheduler(optimizer, PLAN)
    weight.grad = second_weight.grad = torch.ones_like(weight)
    optimizer.step()  # makes the optimizer's state

    before = torch.cuda.get_sync_debug_mode() if device == "cuda" else 0
    try:
        if device == "cuda":
            torch.cuda.set_sync_debug_mode("error")
        for _ in range(50):  # over the ends of blocks, where the next values are computed and sent
            optimizer.step()
    finally:
        if device == "cuda":
            torch.cuda.set_sync_debug_mode(before)

    assert scheduler.t == 51
