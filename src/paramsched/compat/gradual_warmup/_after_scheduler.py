"""AfterScheduler: run the scheduler that follows the ramp.

That scheduler counts its own steps, and its base is the value at the end of the ramp.
"""

from bisect import bisect_right
from typing import Any, final

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from paramsched.compat.torch.base import is_drop_in
from paramsched.compat.torch.chained import leaf_schedulers, on_scale_of
from paramsched.core.dropins.group_fields import by_value, set_fields

_OWN_LEVEL_SCHEDULERS = {"OneCycleLR", "CyclicLR"}
"""Class names of the schedulers (torch's and ours) whose values do not depend on the base."""


@final
class AfterScheduler:
    """Run the scheduler that follows the ramp. Its position `u` is the number of its own steps since it was built.

    The scheduler is moved only by stepping. To move backward, its state at u = 0 is restored and it is stepped again.
    A metric-driven scheduler is never moved backward.

    Args:
        scheduler: a scheduler that has not been stepped yet; the groups contain the values of this scheduler at u = 0.
        peaks: the value of each group at the end of the ramp.
        restarts: True if the peaks differ from the bases that `scheduler` was built with, so that it must start again.
    """

    def __init__(self, scheduler: LRScheduler, optimizer: Optimizer, peaks: list[float], *, restarts: bool) -> None:
        self.scheduler, self.optimizer, self.peaks = scheduler, optimizer, peaks
        self.position: float = 0
        self.running = False  # True once the groups contain the scheduler's values instead of the ramp's
        # torch's schedulers read `base_lrs` at each step, so replacing these lists changes the peak.
        if restarts:
            for leaf in leaf_schedulers(scheduler):
                if not has_own_levels(leaf):
                    leaf.base_lrs = list(peaks)
            set_fields(optimizer, [{"lr": peak} for peak in peaks])
            if not self.is_guided:
                _restart(scheduler)
        self.start_state = by_value(scheduler.state_dict())
        self.start = written_fields(scheduler, optimizer)

    @property
    def is_guided(self) -> bool:
        return isinstance(self.scheduler, ReduceLROnPlateau)

    def rewind(self) -> None:
        """Restore the scheduler and the groups to u = 0; a metric-driven scheduler keeps its state."""
        self.running = False
        if self.position and not self.is_guided:
            self.scheduler.load_state_dict(by_value(self.start_state))
            set_fields(self.optimizer, self.start)
            self.position = 0

    def step_with_metric(self, metric: Any) -> None:
        self._start_running()
        guided: Any = self.scheduler
        guided.step(metric)
        self.position += 1

    def move_to(self, u: float) -> None:
        """Move the scheduler to position `u`: step by step, or by its method `step(u)` if u is fractional."""
        # Steps only move forward, and only from an integer position.
        if u < self.position or self.position % 1:
            self.rewind()
        self._start_running()
        if u % 1:
            self.scheduler.step(u)  # type: ignore[arg-type]  # schedulers that accept epochs accept fractions
        else:
            for _ in range(int(u - self.position)):
                self.scheduler.step()
        self.position = u

    def add_groups(self, peaks: list[float]) -> None:
        """Include groups that were added to the optimizer; `peaks` contains the peak of each group."""
        last, peak = self.start[-1], self.peaks[-1]
        joins = any(map(has_own_levels, leaf_schedulers(self.scheduler)))
        for late in peaks[len(self.peaks) :]:
            self.start.append(by_value(last) if joins else {"lr": late * (float(last["lr"]) / peak if peak else 1.0)})
        self.peaks = peaks
        if self.running:
            self._complete_bases()

    def _complete_bases(self) -> None:
        """Add the bases of late groups to the schedulers, unless they find these themselves in their next step."""
        for leaf in leaf_schedulers(self.scheduler):
            bases = getattr(leaf, "base_lrs", None)
            if isinstance(bases, list) and not has_own_levels(leaf):
                count = len(bases)
                late = [on_scale_of(bases, self.peaks[:count], peak) for peak in self.peaks[count:]]
                if not is_drop_in(leaf):
                    bases += late
                elif not self.running:
                    leaf._take_in_bases(late)

    def state(self) -> dict[str, Any]:
        """Return the position and the values at u = 0 as plain data; the caller saves the scheduler's own state."""
        return {name: getattr(self, name) for name in ("position", "running", "start", "start_state")}

    def load(self, state: dict[str, Any], peaks: list[float]) -> None:
        self.peaks = peaks
        vars(self).update({name: by_value(state[name]) for name in self.state()})

    def _start_running(self) -> None:
        if not self.running:
            set_fields(self.optimizer, self.start)
            self._complete_bases()
            self.running = True


def written_fields(scheduler: object, optimizer: Optimizer) -> list[dict[str, Any]]:
    """Return one dict per group, from each field that the scheduler writes to a copy of the field's value."""
    cycles_momentum = any(getattr(leaf, "cycle_momentum", False) for leaf in leaf_schedulers(scheduler))
    fields = ("lr", "momentum", "betas") if cycles_momentum else ("lr",)
    return [{name: by_value(group[name]) for name in fields if name in group} for group in optimizer.param_groups]


def has_own_levels(scheduler: object) -> bool:
    """Return whether the values of `scheduler` are independent of the groups' bases, as those of OneCycleLR are."""
    return any(kind.__name__ in _OWN_LEVEL_SCHEDULERS for kind in type(scheduler).__mro__)


def _restart(scheduler: Any) -> None:
    """Make the first step of a scheduler again, starting from the peaks that the groups now contain."""
    members = getattr(scheduler, "_schedulers", None)
    if members is None:
        scheduler.last_epoch = -1
        scheduler._initial_step()
        return
    milestones = getattr(scheduler, "_milestones", None)
    first = members if milestones is None else [members[bisect_right(milestones, 0)]]
    for member in first:
        _restart(member)
    scheduler._last_lr = first[-1].get_last_lr()
