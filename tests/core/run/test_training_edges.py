"""Rare situations of a training: edited values, copies, and leaving."""

import copy
import gc
import io
import pickle
import weakref

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

import paramsched as ps
from support.updates import group, probe, run, used
from support.updates import planned as planned_of_copies

PLAN = ps.Plan(lr=ps.warmup("20%") >> ps.cosine(to=0.1), weight_decay=ps.linear(1.0, 0.5), total=12)


def record(optimizer):
    used = []

    def before_step(inner, args, keywords):
        used.append([(group["lr"], group["weight_decay"]) for group in inner.param_groups])

    optimizer.register_step_pre_hook(before_step)
    return used


def planned(plan, groups, until=None):
    """Return the values of each group at every update."""
    traces = [ps.trace(plan, {"lr": lr, "weight_decay": decay}) for lr, decay in groups]
    rows = zip(
        *(zip(trace["lr"].tolist(), trace["weight_decay"].tolist(), strict=True) for trace in traces), strict=True
    )
    return [list(row) for row in rows][:until]


def step(model, optimizer, x=None):
    optimizer.zero_grad()
    model(torch.ones(1, 2) if x is None else x).sum().backward()
    optimizer.step()


def test_optimizers_that_step_inside_backward_have_equal_counts():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1))
    optimizers = {p: torch.optim.AdamW([p], lr=0.1, weight_decay=0.04) for p in model.parameters()}
    used = [record(optimizer) for optimizer in optimizers.values()]
    for parameter, optimizer in optimizers.items():
        ps.Scheduler(optimizer, PLAN)

        def update(p, optimizer=optimizer):
            optimizer.step()
            optimizer.zero_grad()

        parameter.register_post_accumulate_grad_hook(update)

    for _ in range(12):
        model(torch.ones(1, 2)).sum().backward()

    assert used == [planned(PLAN, [(0.1, 0.04)])] * 4


class Holding(Dataset):
    """A dataset that copies the optimizer and the scheduler into every worker."""

    def __init__(self, *held):
        self.held = held

    def __len__(self):
        return 12

    def __getitem__(self, index):
        return torch.full((2,), float(index)), self.held[0].param_groups[0]["lr"]


def test_forked_workers_do_not_change_the_optimizer():
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.04)
    scheduler = ps.Scheduler(optimizer, PLAN)
    used = record(optimizer)

    loader = DataLoader(Holding(optimizer, scheduler), 1, num_workers=1, multiprocessing_context="fork")
    for x, _ in loader:
        step(model, optimizer, x)

    assert used == planned(PLAN, [(0.1, 0.04)])
    assert scheduler.last_epoch == 12


def sgd(**entries):
    return torch.optim.SGD([{"params": [torch.nn.Parameter(torch.ones(1))], **entries}], lr=0.1)


def test_the_state_of_an_optimizer_whose_groups_were_removed_is_empty():
    optimizer = sgd()
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr="cosine()", total=10))
    optimizer.param_groups.clear()

    assert optimizer.state_dict()["param_groups"] == []
    assert scheduler.t == 0


@pytest.mark.filterwarnings("ignore:numbers are multiples of the group's own lr")
def test_the_repr_of_a_scheduler_has_lines_of_at_most_100_columns():
    stages = " >> ".join(f"constant({n}, over={n})" for n in range(1, 20))
    text = repr(ps.Scheduler(sgd(), ps.Plan(lr=stages, total=500)))

    assert text.startswith("<Scheduler at update 0 of <Plan total: 500; lr: constant(1.0, 1) >> constant(2.0, 2) >>")
    assert 80 < max(map(len, text.split("\n"))) <= 100


def test_a_hook_of_another_library_on_the_loading_is_kept_and_is_no_scheduler():
    class Other:
        def __init__(self):
            self.calls = 0

        def note(self, optimizer):
            self.calls += 1

    optimizer = sgd()
    library = Other()
    optimizer.register_load_state_dict_post_hook(library.note)
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr="cosine()", total=10))
    optimizer.step()

    optimizer.load_state_dict(optimizer.state_dict())

    assert (scheduler.t, library.calls) == (1, 1)


@pytest.mark.parametrize(
    ("line", "floors"),
    [
        ('constant() * plateau("loss", patience=0, min=0.5)', [0.05, 0.01, 2.0]),
        ('absolute(constant(0.2) * plateau("loss", patience=0, min=0.05))', [0.05, 0.05, 0.05]),
    ],
)
@pytest.mark.filterwarnings("ignore:lr is 0.02 in group 1, 0.1 in group 0")
def test_a_floor_of_a_metric_rule_is_a_multiple_of_base_or_a_value_inside_absolute(line, floors):
    optimizer = torch.optim.SGD([{"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr} for lr in (0.1, 0.02)])
    target = ps.Target("temperature", 4.0)
    scheduler = ps.Scheduler(optimizer, ps.Plan(ps.Binding("lr", line), ps.Binding(target, line), total=50))

    for _ in range(6):
        scheduler.observe(loss=1.0)
        optimizer.step()

    assert [each["lr"] for each in optimizer.param_groups] == pytest.approx(floors[:2], rel=1e-12)
    assert scheduler.value("temperature") == pytest.approx(floors[2], rel=1e-12)


SCHEDULERS = torch.optim.lr_scheduler


PLAN_OF_LEAVING = ps.Plan(
    ps.Binding("weight_decay", ps.linear(1.0, 0.0)), lr=ps.warmup(5) >> ps.cosine(to=0.1), total=40
)


MAKERS = {
    "LambdaLR": lambda optimizer, update: SCHEDULERS.LambdaLR(optimizer, lambda t: 0.9**t, last_epoch=update),
    "CosineAnnealingLR": lambda optimizer, update: SCHEDULERS.CosineAnnealingLR(optimizer, 100, last_epoch=update),
    "StepLR": lambda optimizer, update: SCHEDULERS.StepLR(optimizer, 3, last_epoch=update),
}


def initial(optimizer):
    return [group.get("initial_lr") for group in optimizer.param_groups]


def rates(optimizer, scheduler, updates=8):
    actual = []
    for _ in range(updates):
        optimizer.step()
        scheduler.step()
        actual.append([float(group["lr"]) for group in optimizer.param_groups])
    return actual


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("leaves", ["detached", "with its checkpoint"])
def test_torchs_scheduler_continues_from_the_true_base(maker, leaves):
    optimizer = probe({}, {"lr": 0.5})
    scheduler = ps.Scheduler(optimizer, PLAN_OF_LEAVING)
    run(optimizer, 17)
    if leaves == "detached":
        scheduler.detach()
    else:
        fresh = probe({}, {"lr": 0.5})
        fresh.load_state_dict(optimizer.state_dict())
        optimizer = fresh
    same = probe({}, {"lr": 0.5})
    for entries, trained, base in zip(same.param_groups, optimizer.param_groups, [0.1, 0.5], strict=True):
        entries.update(initial_lr=base, lr=trained["lr"])

    actual = MAKERS[maker](optimizer, 16)

    assert actual.base_lrs == [0.1, 0.5]
    assert rates(optimizer, actual) == rates(same, MAKERS[maker](same, 16))


def test_initial_lr_is_the_base_in_force_in_groups_whose_lr_is_planned():
    optimizer = probe({"name": "body"}, {"name": "head", "lr": torch.tensor(0.5, dtype=torch.float64)})
    ps.Scheduler(optimizer, ps.Plan(ps.Binding("lr", ps.cosine(), groups="head"), momentum=ps.linear(), total=9))
    run(optimizer, 3)

    assert initial(optimizer) == [None, 0.5]
    assert type(optimizer.param_groups[1]["initial_lr"]) is float
    assert not [
        key for group in optimizer.param_groups for key in group if key in ("initial_momentum", "initial_betas")
    ]


def test_a_second_plan_takes_initial_lr_and_the_warning_has_the_line_to_avoid_it(caplog):
    optimizer = probe()
    ps.Scheduler(optimizer, PLAN_OF_LEAVING).detach()
    optimizer.param_groups[0]["lr"] = 0.7
    twin = copy.deepcopy(optimizer)

    assert ps.Scheduler(optimizer, PLAN_OF_LEAVING).base_lrs == [0.1]
    assert 'del group["initial_lr"]' in caplog.text
    for entries in twin.param_groups:
        del entries["initial_lr"]
    assert ps.Scheduler(twin, PLAN_OF_LEAVING).base_lrs == [0.7]


def test_failed_constructions_leave_no_key():
    optimizer = probe()
    with pytest.raises(ps.errors.ParamschedError):
        ps.Scheduler(optimizer, ps.Plan(lr=ps.cosine(), total="3 epochs"))
    with pytest.raises(ps.errors.UnknownField):
        ps.Scheduler(optimizer, ps.Plan(lr=ps.cosine(), nu=ps.linear(), total=9))

    assert initial(optimizer) == [None]


PLAN_OF_COPIES = ps.Plan(
    lr=ps.linear(1.0, 0.0) * ps.plateau("loss", patience=0, factor=0.5), momentum=ps.linear(1.0, 0.5), total=20
)


def through_pickle(objects):
    return pickle.loads(pickle.dumps(objects))


def through_torch(objects):
    file = io.BytesIO()
    torch.save(objects, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


WAYS = pytest.mark.parametrize("copied", [copy.deepcopy, through_pickle, through_torch])


def triple():
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.AdamW([{"params": [model.weight]}, {"params": [model.bias], "lr": 0.5}], lr=0.1)
    return model, optimizer, ps.Scheduler(optimizer, PLAN_OF_COPIES)


def train(model, optimizer, updates):
    actual = []
    for _ in range(updates):
        model(torch.ones(1, 2)).sum().backward()
        actual.append([(group["lr"], group["betas"]) for group in optimizer.param_groups])
        optimizer.step()
        optimizer.zero_grad()
    return actual


@WAYS
def test_a_copy_of_model_optimizer_and_scheduler_continues_independently(copied):
    model, optimizer, scheduler = triple()
    train(model, optimizer, 2)
    for _ in range(2):
        scheduler.observe(loss=1.0)
    scheduler.step()  # from now on, `get_last_lr` returns the lr of the last update until the next call
    train(model, optimizer, 1)
    for _ in range(2):
        scheduler.observe(loss=1.0)

    model2, optimizer2, scheduler2 = copied((model, optimizer, scheduler))

    assert scheduler2.optimizer is optimizer2
    assert (scheduler2.states, scheduler2.last_epoch) == (scheduler.states, 3)
    assert scheduler2.get_last_lr() == scheduler.get_last_lr()
    originals = train(model, optimizer, 4)
    copies = train(model2, optimizer2, 6)
    assert copies[:4] == originals
    assert (scheduler.last_epoch, scheduler2.last_epoch) == (7, 9)
    torch.testing.assert_close(
        copies[0][1][0], 0.5 * 0.125 * planned_of_copies(ps.Plan(lr=ps.linear(1, 0), total=20), {"lr": 1.0})[3]
    )


@WAYS
@pytest.mark.parametrize("tensor", [False, True])
def test_a_copy_of_the_optimizer_alone_contains_count_and_bases(copied, tensor):
    plan = ps.Plan(lr=ps.linear(1.0, 0.0), total=20)
    bases = [torch.tensor(0.25), torch.tensor(0.5)] if tensor else [0.25, 0.5]
    optimizer = torch.optim.SGD([group(lr=base) for base in bases], lr=1.0)
    ps.Scheduler(optimizer, plan)
    run(optimizer, 7)

    twin = copied(optimizer)
    frozen = float(twin.param_groups[0]["lr"])
    run(twin, 2)
    assert float(twin.param_groups[0]["lr"]) == frozen
    scheduler = ps.Scheduler(twin, plan)
    run(twin, 1)
    run(optimizer, 1)

    assert scheduler.last_epoch == 8
    assert [float(group["lr"]) for group in twin.param_groups] == [
        float(group["lr"]) for group in optimizer.param_groups
    ]
    assert scheduler.base_lrs == [0.25, 0.5]


@WAYS
def test_a_copy_of_a_detached_scheduler_does_not_write(copied):
    _, optimizer, scheduler = triple()
    scheduler.detach()
    optimizer.param_groups[0]["lr"] = 0.77

    twin = copied(scheduler)

    assert twin.optimizer.param_groups[0]["lr"] == 0.77
    assert not any(key.startswith("paramsched") for key in twin.optimizer.param_groups[0])
    assert not twin.optimizer._optimizer_step_post_hooks


def test_deleting_an_optimizer_frees_it_without_the_cycle_collector():
    model, optimizer, scheduler = triple()
    train(model, optimizer, 2)
    gone = weakref.ref(optimizer), weakref.ref(model)
    gc.collect()
    gc.disable()

    try:
        del model, optimizer, scheduler
        assert [reference() for reference in gone] == [None, None]
    finally:
        gc.enable()


def test_the_plan_continues_after_the_scheduler_object_is_dropped():
    plan = ps.Plan(lr=ps.linear(1.0, 0.0), total=20)
    optimizer = probe()
    gone = weakref.ref(ps.Scheduler(optimizer, plan))

    run(optimizer, 20)

    assert gone() is None
    assert used(optimizer) == planned_of_copies(plan, {"lr": 0.1})
