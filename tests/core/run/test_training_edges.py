"""Real training loops: two optimizers, unfrozen layers, updates inside backward, forked workers."""

import io

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

import paramsched as ps

PLAN = ps.Plan(lr=ps.warmup("20%") >> ps.cosine(to=0.1), weight_decay=ps.linear(1.0, 0.5), horizon=12)


def record(optimizer):
    used = []

    def before_step(inner, args, keywords):
        used.append([(group["lr"], group["weight_decay"]) for group in inner.param_groups])

    optimizer.register_step_pre_hook(before_step)
    return used


def planned(plan, groups, until=None):
    """Return the values of each group at every update."""
    traces = [ps.trace(plan, {"lr": lr, "weight_decay": decay}) for lr, decay in groups]
    rows = zip(*(zip(one["lr"].tolist(), one["weight_decay"].tolist(), strict=True) for one in traces), strict=True)
    return [list(row) for row in rows][:until]


def step(model, optimizer, x=None):
    optimizer.zero_grad()
    model(torch.ones(1, 2) if x is None else x).sum().backward()
    optimizer.step()


def test_the_two_optimizers_of_a_gan_have_separate_counts():
    generator, critic = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
    for_generator = torch.optim.AdamW(generator.parameters(), lr=1e-4, weight_decay=0.01)
    for_critic = torch.optim.AdamW(critic.parameters(), lr=4e-4, weight_decay=0.02)
    slow, fast = ps.Plan(*PLAN.bindings, horizon=4), PLAN
    ps.Scheduler(for_generator, slow)
    ps.Scheduler(for_critic, fast)
    used, used_by_critic = record(for_generator), record(for_critic)

    for batch in range(12):
        step(critic, for_critic, generator(torch.randn(3, 2)).detach())
        if batch % 3 == 2:  # the generator moves at every third batch, through the critic
            for_generator.zero_grad()
            critic(generator(torch.randn(3, 2))).mean().backward()
            for_generator.step()

    assert used == planned(slow, [(1e-4, 0.01)])
    assert used_by_critic == planned(fast, [(4e-4, 0.02)])


@pytest.mark.parametrize("how", ["requires_grad", "no gradient", "a group added"])
def test_unfrozen_layers_join_the_plan_at_its_current_update(how):
    body, head = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
    model = torch.nn.Sequential(body, head)
    groups = [{"params": list(head.parameters()), "lr": 0.1}]
    thawed = {"params": list(body.parameters()), "lr": 0.01}
    if how != "a group added":
        groups.append(thawed)
    optimizer = torch.optim.AdamW(groups, weight_decay=0.04)
    if how == "requires_grad":
        body.requires_grad_(False)
    before = [parameter.clone() for parameter in body.parameters()]
    ps.Scheduler(optimizer, PLAN)
    used = record(optimizer)

    for update in range(12):
        if update == 5:
            body.requires_grad_(True)
            if how == "a group added":
                optimizer.add_param_group(thawed)
        optimizer.zero_grad()
        model(torch.ones(1, 2)).sum().backward()
        if how == "no gradient" and update < 5:
            for parameter in body.parameters():
                parameter.grad = None
        optimizer.step()
        if update == 4:
            assert all(torch.equal(*pair) for pair in zip(before, body.parameters(), strict=True))

    both = planned(PLAN, [(0.1, 0.04), (0.01, 0.04)])
    assert used == ([row[:1] for row in both[:5]] + both[5:] if how == "a group added" else both)


def test_a_group_removed_and_added_again_is_at_the_current_update():
    body, head = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
    optimizer = torch.optim.AdamW(
        [{"params": head.parameters(), "lr": 0.1}, {"params": body.parameters(), "lr": 0.01}], weight_decay=0.04
    )
    ps.Scheduler(optimizer, PLAN)
    used = record(optimizer)

    for update in range(12):
        if update == 4:
            away = optimizer.param_groups.pop()
        if update == 9:
            optimizer.param_groups.append(away)
        step(torch.nn.Sequential(body, head), optimizer)

    both = planned(PLAN, [(0.1, 0.04), (0.01, 0.04)])
    assert used == both[:4] + [row[:1] for row in both[4:9]] + both[9:]


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


def test_an_optimizer_saved_as_an_object_continues():
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.04)
    ps.Scheduler(optimizer, PLAN)
    used = record(optimizer)
    for _ in range(5):
        step(model, optimizer)
    file = io.BytesIO()
    torch.save((model, optimizer), file)
    file.seek(0)

    model, optimizer = torch.load(file, weights_only=False)
    ps.Scheduler(optimizer, PLAN)
    used_too = record(optimizer)
    for _ in range(7):
        step(model, optimizer)

    assert used + used_too == planned(PLAN, [(0.1, 0.04)])


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

    loader = DataLoader(Holding(optimizer, scheduler), 1, num_workers=2, multiprocessing_context="fork")
    for x, _ in loader:
        step(model, optimizer, x)

    assert used == planned(PLAN, [(0.1, 0.04)])
    assert scheduler.last_epoch == 12


def test_a_plan_for_lbfgs_advances_once_per_step():
    weight = torch.nn.Parameter(torch.tensor([3.0, -2.0]))
    optimizer = torch.optim.LBFGS([weight], lr=1.0, max_iter=5)
    plan = ps.Plan(lr=ps.linear(1.0, 0.5), tolerance_grad=ps.constant(0.1), horizon=6)
    ps.Scheduler(optimizer, plan)
    used, calls = [], []
    optimizer.register_step_pre_hook(lambda inner, args, keywords: used.append(inner.param_groups[0]["lr"]))

    def closure():
        calls.append(None)
        optimizer.zero_grad()
        loss = ((weight - 1) ** 4).sum()
        loss.backward()
        return loss

    for _ in range(6):
        optimizer.step(closure)

    assert len(calls) > 6
    assert used == ps.trace(plan, {"lr": 1.0, "tolerance_grad": 1e-7})["lr"].tolist()
