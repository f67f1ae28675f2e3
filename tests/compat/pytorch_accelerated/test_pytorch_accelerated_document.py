"""The two schedulers of pytorch-accelerated's documentation, with only the import changed."""

# ruff: noqa: C401, RET503, RET504, UP034 - as printed

import io

import pytest
import torch

from paramsched.compat.pytorch_accelerated import SchedulerBase, StatefulSchedulerBase


# fmt: off
class MilestoneLrScheduler(StatefulSchedulerBase):
    def __init__(
        self, optimizer, gamma=0.5, epoch_milestones=(2, 4, 5), num_steps_per_epoch=100
    ):
        super().__init__(optimizer, param_group_field="lr")
        self.milestones = set(
            (num_steps_per_epoch * milestone for milestone in epoch_milestones)
        )
        self.gamma = gamma

    def get_updated_values(self, num_updates: int):
        if num_updates in self.milestones:
            lr_values = [
                group[self.param_group_field] for group in self.optimizer.param_groups
            ]
            updated_lrs = [lr * self.gamma for lr in lr_values]
            return updated_lrs


class StepWdScheduler(StatefulSchedulerBase):
    def __init__(self, optimizer, n=1000, gamma=1.1):
        super().__init__(optimizer, param_group_field="weight_decay")
        self.n = n
        self.gamma = gamma

    def get_updated_values(self, num_updates: int):
        if num_updates % self.n == 0 and num_updates > 0:
            wd_values = [
                group[self.param_group_field] for group in self.optimizer.param_groups
            ]
            updated_wd_values = [wd * self.gamma for wd in wd_values]
            return updated_wd_values
# fmt: on


def optimizer_of(lr: float = 0.1) -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.zeros(1)], lr=lr, weight_decay=0.01)


def used(scheduler: StatefulSchedulerBase, updates: int) -> list[float]:
    """Return the value each update uses, read before each step as in a loop."""
    values = []
    for _ in range(updates):
        values.append(scheduler.optimizer.param_groups[0][scheduler.param_group_field])
        scheduler.step()
    return values


@pytest.mark.parametrize("first", [0, 1])
def test_the_milestone_scheduler_changes_at_its_milestones(first: int) -> None:
    scheduler = MilestoneLrScheduler(optimizer_of())
    scheduler.first_update = first
    late = 1 - first
    lengths = [200 + late, 200, 100, 100]

    expected = [value for value, n in zip((0.1, 0.05, 0.025, 0.0125), lengths, strict=True) for _ in range(n)]

    assert used(scheduler, sum(lengths)) == expected


@pytest.mark.parametrize("first", [0, 1])
def test_the_weight_decay_scheduler_grows_every_1000_updates(first: int) -> None:
    scheduler = StepWdScheduler(optimizer_of())
    scheduler.first_update = first
    late = 1 - first

    values = used(scheduler, 3000)

    assert values[: 1000 + late] == [0.01] * (1000 + late)
    assert values[1000 + late : 2000 + late] == pytest.approx([0.011] * 1000)
    assert values[2000 + late :] == pytest.approx([0.0121] * (1000 - late))


class Inverse:
    """f(n) = 1 / (n + 1)."""

    def get_updated_values(self, num_updates: int) -> float:
        return 1 / (num_updates + 1)


@pytest.mark.parametrize("kind", [StatefulSchedulerBase, SchedulerBase])
def test_the_printed_loops_train(kind: type) -> None:
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss_func = torch.nn.functional.mse_loss
    train_dataloader = [(torch.ones(2, 1), torch.zeros(2, 1))] * 3
    num_epochs, num_update_steps_per_epoch = 2, len(train_dataloader)
    scheduler = type("Decaying", (Inverse, kind), {"first_update": 1})(optimizer)
    lrs = []

    # fmt: off
    if kind is StatefulSchedulerBase:
        for current_epoch, epoch in enumerate(range(num_epochs)):  # noqa: B007  # printed without range
            for batch in train_dataloader:
                xb, yb = batch
                predictions = model(xb)
                loss = loss_func(predictions, yb)

                loss.backward()
                optimizer.step()

                scheduler.step()
                lrs.append(optimizer.param_groups[0]["lr"])
    else:
        for current_epoch, epoch in enumerate(range(num_epochs)):  # noqa: B007  # printed without range
            num_updates = current_epoch * num_update_steps_per_epoch
            for batch in train_dataloader:
                xb, yb = batch
                predictions = model(xb)
                loss = loss_func(predictions, yb)

                loss.backward()
                optimizer.step()

                num_updates +=1
                scheduler.step_update(num_updates)
                lrs.append(optimizer.param_groups[0]["lr"])
    # fmt: on

    assert lrs == [1 / (n + 1) for n in range(1, 7)]


@pytest.mark.parametrize("optimizer_first", [True, False])
@pytest.mark.parametrize("saved_after", [0, 150, 201, 450])
def test_a_milestone_run_resumes_in_any_order(saved_after: int, optimizer_first: bool) -> None:
    whole, part = MilestoneLrScheduler(optimizer_of()), MilestoneLrScheduler(optimizer_of())
    expected = used(whole, 600)[saved_after:]
    used(part, saved_after)
    buffer = io.BytesIO()
    torch.save([part.optimizer.state_dict(), part.state_dict()], buffer)
    buffer.seek(0)
    optimizer_state, state = torch.load(buffer, weights_only=True)

    optimizer = optimizer_of(lr=0.7)
    if optimizer_first:
        optimizer.load_state_dict(optimizer_state)
    resumed = MilestoneLrScheduler(optimizer)
    resumed.load_state_dict(state)
    if not optimizer_first:
        optimizer.load_state_dict(optimizer_state)

    assert used(resumed, 600 - saved_after) == expected
