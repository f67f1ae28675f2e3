"""AfterScheduler: another scheduler, on its own clock from the end of the ramp on, as if the peak were its base."""

from bisect import bisect_right
from typing import Any, final

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from paramsched.compat.group_fields import by_value, put_fields
from paramsched.compat.torch.chained import leaf_schedulers

_SETTING_SCHEDULERS = {"OneCycleLR", "CyclicLR"}
"""Schedulers, by the name of their class, that run between values of their own whatever the base; torch's and ours."""


@final
class AfterScheduler:
    """Drive a scheduler to a position `u` on its clock, counted in its steps since it was built.

    It is stepped, never read; to go back, it is put as it was at u = 0 and stepped again. A scheduler guided by a
    metric is not taken back.

    Args:
        scheduler: not stepped yet, so it has written what it holds at u = 0.
        peaks: the value of each group where the ramp ends.
        restarts: whether the peaks are not the bases it was built from, so that it has to begin again.
    """

    def __init__(self, scheduler: LRScheduler, optimizer: Optimizer, peaks: list[float], *, restarts: bool) -> None:
        self.scheduler, self.optimizer = scheduler, optimizer
        self.position: float = 0
        self.running = False  # whether the groups hold its values, not the ramp's
        # Torch's schedulers read `base_lrs` at each step, so another peak is a matter of these lists.
        if restarts:
            for leaf in leaf_schedulers(scheduler):
                if not sets_own_values(leaf):
                    leaf.base_lrs = list(peaks)
            put_fields(optimizer, [{"lr": peak} for peak in peaks])
            if not self.is_guided:
                _begin_anew(scheduler)
        self.start_state = by_value(scheduler.state_dict())
        self.start = held_fields(scheduler, optimizer)

    @property
    def is_guided(self) -> bool:
        return isinstance(self.scheduler, ReduceLROnPlateau)

    def rewind(self) -> None:
        """Go back to u = 0, in the scheduler and in the groups."""
        self.running = False
        if self.position and not self.is_guided:
            self.scheduler.load_state_dict(by_value(self.start_state))
            put_fields(self.optimizer, self.start)
            self.position = 0

    def resume(self, u: float) -> None:
        """Set the position of a guided scheduler to that of a state, which is below 0 on the ramp."""
        self.position, self.running = max(u, 0), u > 0

    def give_metric(self, metric: Any) -> None:
        self._start_running()
        guided: Any = self.scheduler
        guided.step(metric)
        self.position += 1

    def go_to(self, u: float) -> None:
        """Go to position `u`, step by step; between two steps by the scheduler's own `step(u)`."""
        # Its steps only lead on, and from a whole position.
        if u < self.position or self.position % 1:
            self.rewind()
        self._start_running()
        if u % 1:
            self.scheduler.step(u)  # type: ignore[arg-type]  # schedulers that take epochs take parts of them
        else:
            for _ in range(int(u - self.position)):
                self.scheduler.step()
        self.position = u

    def add_groups(self, peaks: list[float]) -> None:
        """Take in groups that were added, from their peaks on."""
        for leaf in leaf_schedulers(self.scheduler):
            bases = getattr(leaf, "base_lrs", None)
            if isinstance(bases, list) and len(bases) < len(peaks) and not sets_own_values(leaf):
                leaf._last_lr = [*leaf._last_lr, *peaks[len(bases) :]]
                bases += peaks[len(bases) :]
        self.start.extend({"lr": peak} for peak in peaks[len(self.start) :])

    def state(self) -> dict[str, Any]:
        """Return its position, as plain data; the caller saves the scheduler's own state."""
        return {name: getattr(self, name) for name in ("position", "running", "start", "start_state")}

    def load(self, state: dict[str, Any]) -> None:
        vars(self).update({name: by_value(state[name]) for name in self.state()})

    def _start_running(self) -> None:
        if not self.running:
            put_fields(self.optimizer, self.start)
            self.running = True


def held_fields(scheduler: object, optimizer: Optimizer) -> list[dict[str, Any]]:
    """Return what the groups hold in the fields that the scheduler writes."""
    cycles_momentum = any(getattr(leaf, "cycle_momentum", False) for leaf in leaf_schedulers(scheduler))
    fields = ("lr", "momentum", "betas") if cycles_momentum else ("lr",)
    return [{name: by_value(group[name]) for name in fields if name in group} for group in optimizer.param_groups]


def sets_own_values(scheduler: object) -> bool:
    """Return whether the scheduler runs between values of its own, which it has written into the groups."""
    return any(kind.__name__ in _SETTING_SCHEDULERS for kind in type(scheduler).__mro__)


def _begin_anew(scheduler: Any) -> None:
    """Make the first step of a scheduler and of its members, from the peaks in the groups."""
    members = getattr(scheduler, "_schedulers", None)
    if members is None:
        scheduler.last_epoch = -1
        scheduler._initial_step()
        return
    milestones = getattr(scheduler, "_milestones", None)
    first = members if milestones is None else [members[bisect_right(milestones, 0)]]
    for member in first:
        _begin_anew(member)
    scheduler._last_lr = first[-1].get_last_lr()
