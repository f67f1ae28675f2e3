"""What is known of a run before it begins: how much of each amount its updates take."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from math import prod
from typing import Any, final

from paramsched.errors import PlanError
from paramsched.plan.planned_amounts import PlannedAmounts
from paramsched.plan.run_amounts import ConstantAmounts, RunAmounts, UntoldAmounts
from paramsched.plan.update_sizes import SizeTarget, UpdateSizes, factors_of_update
from paramsched.time import Calendar
from paramsched.time.calendar import SIZES


@final
@dataclass(frozen=True, slots=True, eq=False)
class RunSizes:
    """The sizes of a run: facts that stay, and targets.

    Args:
        calendar: the facts.
        clock: what the amounts count that targets are scheduled by; None where all are by updates.
        targets: the planned sizes by their names; None for one whose lengths are not known yet.
    """

    calendar: Calendar
    clock: str | None
    targets: Mapping[str, SizeTarget | None]
    _found: dict[str, RunAmounts] = field(default_factory=dict)

    @property
    def batches_of_epoch(self) -> int | None:
        """How many batches an epoch has, where these say how long it is: the batches in an update are planned."""
        return self.calendar.batches_per_epoch if "accumulation" in self.targets else None

    def amounts_of(self, clock: str) -> RunAmounts:
        """How much of one amount has been consumed before each update.

        Raises:
            PlanError: that hangs on a planned size whose lengths are not known yet.
        """
        if clock not in self._found:
            self._found[clock] = self._amounts_of(clock)
        return self._found[clock]

    def _amounts_of(self, clock: str) -> RunAmounts:
        factors = factors_of_update(clock, self.calendar, self.targets.keys())
        if factors is None:
            return UntoldAmounts(clock)
        names, rate = factors
        if not names:
            return ConstantAmounts(clock, rate)
        targets: list[SizeTarget] = []
        for name in names:
            target = self.targets[name]
            if target is None:
                raise PlanError(
                    f"target {name}",
                    f"its own lengths hang on how many {clock} an update takes, which it says",
                    f"Write its lengths in {self.clock or 'updates'}, or put it on another clock",
                )
            targets.append(target)
        if any(target.schedule.metric_rules for target in targets):
            return UntoldAmounts(clock)  # what a metric makes of it nobody knows before the run
        sizes, times = UpdateSizes(tuple(targets), int(rate)), None
        if sizes.by_amount and clock != self.clock:
            assert self.clock is not None
            times = self.amounts_of(self.clock)
            if isinstance(times, UntoldAmounts):
                return UntoldAmounts(clock)
        return PlannedAmounts(clock, sizes, times)

    def ratio(self, many: str, few: str) -> Fraction | None:
        """How much of one amount there is in one of another, where that does not hang on the batch; None otherwise.

        >>> RunSizes(Calendar(sequence_length=2048), None, {}).ratio("tokens", "samples")
        Fraction(2048, 1)
        """
        for mine, theirs in product(SIZES[many], SIZES[few]):
            fewer, more = sorted((set(mine), set(theirs)), key=len)
            facts: list[Any] = [
                None if name in self.targets else getattr(self.calendar, name) for name in sorted(more - fewer)
            ]
            if fewer < more and None not in facts:
                ratio = Fraction(prod(facts))
                return ratio if more == set(mine) else 1 / ratio
        return None
