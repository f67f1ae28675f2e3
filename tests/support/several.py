"""Several optimizers for tests, and the shared clock as a model of four lines."""

import copy
from collections.abc import Iterable, Mapping
from random import Random
from typing import Any

import paramsched as ps
from support.updates import Probe, probe

PLAN = ps.Plan(lr="linear(1, 0)", weight_decay="linear(0.5, 1.5)", total=64)


def probes(names: Iterable[str], *groups: Mapping[str, Any]) -> dict[str, Probe]:
    """Optimizers with different bases, so that a value shows to which of them it belongs."""
    return {name: probe(*groups, lr=0.1 * (index + 1)) for index, name in enumerate(names)}


def lines(plan: ps.Plan, optimizers: Mapping[str, Any], **facts: Any) -> dict[str, list[float]]:
    """The planned lr of the first group of each optimizer."""
    shown = ps.trace(plan, optimizers, facts=ps.RunFacts(**facts))
    return {name: shown["lr", name].tolist() for name in optimizers}


def killed(
    optimizers: Mapping[str, Any], scheduler: ps.Scheduler, new: Mapping[str, Any], random: Random
) -> ps.Scheduler:
    """Resume new optimizers from the states of others, some before and some after they have a Scheduler; return it."""
    saved = copy.deepcopy({name: optimizer.state_dict() for name, optimizer in optimizers.items()})
    state = scheduler.state_dict()
    is_early = random.choice([True, False])
    again = None if is_early else ps.Scheduler(new, scheduler.plan)
    for name in random.sample(sorted(new), len(new)):
        new[name].load_state_dict(saved[name])
    again = again or ps.Scheduler(new, scheduler.plan)
    if random.choice([True, False]):
        again.load_state_dict(state)
    return again


class SharedClock:
    """The run is at the largest count; each optimizer takes part in an update at most once; a load sets one count."""

    def __init__(self, names: Iterable[str]) -> None:
        self.counts = dict.fromkeys(names, 0)

    @property
    def t(self) -> int:
        return max(self.counts.values())

    @property
    def number(self) -> dict[str, int]:
        """The update of the next step of each optimizer; one whose count is further behind continues with the run."""
        return {name: count if count >= self.t - 1 else self.t for name, count in self.counts.items()}

    def step(self, stepped: str) -> int:
        """Count a step, and return the update that it belonged to."""
        used = self.number[stepped]
        t = self.t
        if used == t:  # it begins the next update
            self.counts = dict.fromkeys(self.counts, t) | {stepped: t + 1}
        else:
            self.counts[stepped] = t
        return used
