"""A compiled step runs the hooks and is compiled once; captured steps are refused if a replay would keep a value.

`tests/gpu` captures real steps.
"""

import gc
import itertools
from weakref import WeakSet

import pytest
import torch

import paramsched as ps
from paramsched.core.run import hooks
from paramsched.core.run import steps as updates
from paramsched.core.schedules.windows import without_unit
from paramsched.errors import InvalidArgument
from support.spread import spread
from support.updates import planned, probe, run, used

LR = ps.warmup(3, start=0.1) >> ps.cosine(to=0.01)
PLANS = {
    "lr": ps.Plan(lr=LR, total=100),
    "two fields": ps.Plan(lr=LR, weight_decay=ps.linear(1.0, 2.0), total=100),
    "rows": ps.Plan(ps.Binding("lr", ps.linear(2.0, 1.0), groups=1), lr=LR, total=100),
}
WARM = 3  # no compilation is allowed after this number of updates


@pytest.mark.parametrize(
    ("name", "tensor"),
    spread(itertools.product(PLANS, [False, True]), ("lr", False), ("two fields", True)),
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_step_uses_the_planned_values_without_extra_compilations(name, tensor):
    plan = PLANS[name]
    graphs = []
    actual = []
    parameters = [torch.nn.Parameter(torch.ones(3)) for _ in range(2)]
    optimizer = torch.optim.AdamW(
        [{"params": [parameter]} for parameter in parameters], lr=torch.tensor(0.1) if tensor else 0.1
    )
    torch._dynamo.reset()
    scheduler = ps.Scheduler(optimizer, plan)

    def counting(graph, inputs):
        graphs.append(graph)
        return graph.forward

    step = torch.compile(optimizer.step, backend=counting)
    for t in range(45):  # the blocks of the table end at 1 and 33
        for parameter in parameters:
            parameter.grad = torch.ones(3)
        actual.append(float(optimizer.param_groups[1]["lr"]))
        with torch._dynamo.config.patch(error_on_recompile=t >= WARM):
            step()

    base = torch.tensor(0.1).item() if tensor else 0.1
    whole = torch.tensor(planned(plan, [{"lr": base, "weight_decay": 0.01}] * 2, "lr", 1), dtype=torch.float64)
    assert actual == (whole.float() if tensor else whole).tolist()[:45]
    assert scheduler.last_epoch == 45
    # A float that changes is seen at the second update; a tensor lr is compiled once, as without a plan.
    assert len(graphs) == (1 if tensor and name != "two fields" else 2)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_twelve_checkpoints_cause_no_extra_compilations():
    torch._dynamo.reset()
    parameter = torch.nn.Parameter(torch.ones(3))
    graphs = []
    optimizer = torch.optim.AdamW([parameter], lr=torch.tensor(0.1))
    plan = ps.Plan(lr=ps.cosine() * ps.plateau("loss", patience=0), total=100)
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
    steps = [torch.compile(optimizer.step, backend="eager") for optimizer in optimizers.values()]
    actual = []
    for t in range(40):
        with torch._dynamo.config.patch(error_on_recompile=t >= WARM):
            for optimizer, step in zip(optimizers.values(), steps, strict=True):
                actual.append(optimizer.param_groups[0]["lr"])
                step()

    expected = planned(PLANS["lr"], {"lr": 0.1})[:40]
    assert (actual[::2], actual[1::2], scheduler.t) == (expected, expected, 40)


@pytest.mark.parametrize("reported", [False, True], ids=["constant", "reported"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_token_clock_causes_no_extra_compilations(reported):
    plan = ps.Plan(lr='warmup("30 tokens") >> linear(1, 0)', clock="tokens", total="9000 tokens")
    graphs = []
    actual = []
    amounts = []
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([weight], lr=0.1)
    torch._dynamo.reset()
    scheduler = ps.Scheduler(optimizer, plan, tokens_per_step=None if reported else 10)

    def counting(graph, inputs):
        graphs.append(graph)
        return graph.forward

    step = torch.compile(optimizer.step, backend=counting)
    for t in range(45):
        weight.grad = torch.ones(3)
        actual.append(optimizer.param_groups[0]["lr"])
        amounts.append(scheduler.amount)
        if reported:
            scheduler.consumed(tokens=10 + t % 3)
        with torch._dynamo.config.patch(error_on_recompile=t >= WARM):
            step()

    lr = plan.resolve().bindings[0].schedule
    assert actual == [without_unit(lr, "tokens")(amount, 0.1) for amount in amounts]
    assert (scheduler.t, len(graphs)) == (45, 2)


def attached(case):
    """Return a Scheduler of one optimizer or of two, or one that takes over from another one."""
    if case == "two":
        return ps.Scheduler({"a": probe(), "b": probe()}, PLANS["lr"])
    optimizer = probe()
    if case == "second":
        ps.Scheduler(optimizer, PLANS["lr"])
    return ps.Scheduler(optimizer, PLANS["lr"])


@pytest.mark.parametrize("users", ["", "L['x']", "L['x'],L['y']"])
@pytest.mark.parametrize("cases", [("one",), ("one", "two", "second")])
def test_the_setting_for_changing_numbers_is_the_users_own_after_the_last_detach_in_any_order(
    users, cases, monkeypatch
):
    monkeypatch.setattr(updates, "_dynamic_counts", WeakSet())  # without the Schedulers of other tests
    # Torch's own `patch`, because the config module rejects the restore of pytest's monkeypatch.
    with torch.compiler.config.patch(dynamic_sources=users):
        for order in itertools.permutations(range(len(cases))):
            schedulers = [attached(case) for case in cases]
            for place in order:
                *entries, last = torch.compiler.config.dynamic_sources.split(",")
                assert ",".join(entries) == users
                assert "paramsched_t" in last
                schedulers[place].detach()
                schedulers[place].detach()
            assert torch.compiler.config.dynamic_sources == users


def test_an_optimizer_that_was_deleted_does_not_keep_the_setting(monkeypatch):
    monkeypatch.setattr(updates, "_dynamic_counts", WeakSet())
    with torch.compiler.config.patch(dynamic_sources=""):
        attached("one")
        gc.collect()
        attached("one").detach()

        assert torch.compiler.config.dynamic_sources == ""


LINE = ps.Plan(lr="linear()", total=20)


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
    optimizer = probe()
    second = probe()
    scheduler = ps.Scheduler(optimizer if names == "one" else {"a": optimizer, "b": second}, LINE)
    if not first:
        run(optimizer, 1)
        run(second, 1)

    capturing.append("on")
    with pytest.raises(InvalidArgument, match=r'replays call no hooks.*drive="manual"') as refused:
        optimizer.step()
    capturing.clear()

    assert str(refused.value).startswith("Scheduler(Probe, …)")
    assert scheduler.t == (0 if first else 1)
    run(optimizer, 3)
    assert used(optimizer) == planned(LINE, {"lr": 0.1})[: 3 if first else 4]


@pytest.mark.parametrize("lr", [0.1, torch.tensor(0.1)], ids=["float", "tensor of the CPU"])
def test_a_field_that_changes_and_is_no_tensor_on_the_device_is_refused(capturing, lr):
    optimizer = probe(lr=lr)
    plan = ps.Plan(lr="linear()", weight_decay="constant(2)", momentum="linear(1, 0.5)", total=20)
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
        ps.Scheduler(optimizer, LINE, drive=drive)
        run(optimizer, 3)
        assert len(optimizer.used) == 3


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_step_is_not_compiled_again_for_the_look_at_captures(capturing):
    parameter = torch.nn.Parameter(torch.ones(3))
    parameter.grad = torch.ones(3)
    optimizer = torch.optim.SGD([parameter], lr=torch.tensor(0.1))
    torch._dynamo.reset()
    ps.Scheduler(optimizer, LINE, drive="manual")
    step = torch.compile(optimizer.step, backend="eager")

    for t in range(5):
        with torch._dynamo.config.patch(error_on_recompile=t > 1):
            step()
