"""OneCycleLR: a ramp to a peak and a decay, with momentum in the opposite direction."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from torch.optim import Optimizer
from torch.optim import lr_scheduler as peers

from paramsched.compat.torch._argument_checks import (
    as_float,
    as_floats,
    extend_per_group,
    one_per_group,
    optimizer_of,
    torch_error,
)
from paramsched.compat.torch._stepped_lr import CycleLR, GroupSnapshot
from paramsched.compat.torch.base import Verbose, hook
from paramsched.core.curves.arrays import Floats
from paramsched.core.dropins.group_fields import by_value, select, set_entries, unchanged_on_error
from paramsched.core.dropins.step_engine import ValueRows
from paramsched.core.schedules.rules.descents import along_knots
from paramsched.errors import CallSite, InvalidArgument

_RATE_ENDS = ("initial_lr", "max_lr", "min_lr")
_MOMENTUM_ENDS = ("max_momentum", "base_momentum")


class OneCycleLR(CycleLR, peers.OneCycleLR):
    """One cycle of `total_steps` updates: from the initial lr to max_lr, then to the final lr.

    The initial lr is max_lr / div_factor, and the final lr is the initial lr / final_div_factor. With `three_phase` the
    cycle returns to the initial lr before the final decay. Momentum falls from max_momentum to base_momentum while the
    lr rises, and returns in the next phase.

    As in torch the optimizer's own momentum (or first beta) is replaced unless `cycle_momentum=False`.

    Differs from torch: a phase of length 0 is skipped, and at step `total_steps` the lr keeps its last value
    (docs/reference/divergences.md, torch 15-17).

    Raises:
        ValueError: if an option is out of range, or for a step beyond `total_steps`.
    """

    __slots__ = ("_cycle_ends", "_table")
    _slot_values: ClassVar[dict[str, Any]] = {"_cycle_ends": {}}
    _option_names = ("total_steps", "cycle_momentum")

    @staticmethod
    def _read_options(scheduler: Any) -> Any:
        # Older states lack the name of the function; a subclass may replace the list of phases.
        return scheduler.__dict__.get("_anneal_func_type"), scheduler._schedule_phases

    _hooks = (*CycleLR._hooks, "_anneal_func", "_annealing_cos", "_annealing_linear")
    _table: ValueRows
    _cycle_ends: dict[str, list[Any]]  # read from the groups, which a second OneCycleLR may overwrite

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
        verbose: Verbose = "deprecated",
    ) -> None:
        self.optimizer = optimizer_of(optimizer)
        if total_steps is not None:
            self.total_steps = _positive_count("total_steps", total_steps)
        elif epochs is None or steps_per_epoch is None:
            raise torch_error(
                "You must define either total_steps OR (epochs AND steps_per_epoch)",
                "Use total_steps=epochs * len(loader)",
            )
        else:
            self.total_steps = _positive_count("epochs", epochs) * _positive_count("steps_per_epoch", steps_per_epoch)
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise torch_error(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise torch_error(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_func_type = anneal_strategy
        # The phases in torch's format; each starts at the final value of the previous phase.
        length = self.total_steps
        up, back = float(pct_start * length) - 1, float(2 * pct_start * length) - 2
        names = ("end_step", "start_lr", "end_lr", "start_momentum", "end_momentum")
        phases = [
            (up, "initial_lr", "max_lr", "max_momentum", "base_momentum"),
            (back, "max_lr", "initial_lr", "base_momentum", "max_momentum"),
            (length - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum"),
        ]
        if not three_phase:
            phases[1:] = [(length - 1, "max_lr", "min_lr", "base_momentum", "max_momentum")]
        self._schedule_phases: Any = [dict(zip(names, phase, strict=True)) for phase in phases]
        self.cycle_momentum = cycle_momentum
        peaks = one_per_group(self, "max_lr", max_lr)
        if cycle_momentum:
            lowest = one_per_group(self, "base_momentum", base_momentum)
            highest = one_per_group(self, "max_momentum", max_momentum)
            self._find_momentum()
        for name, factor in (("div_factor", div_factor), ("final_div_factor", final_div_factor)):
            if as_float(CallSite("OneCycleLR", name), factor) == 0:
                raise InvalidArgument(
                    CallSite("OneCycleLR", name, "0"), f"the lr is divided by {name}", f"For example: {name}=25.0"
                )
        with unchanged_on_error(optimizer):
            if last_epoch == -1:
                first = [peak / div_factor for peak in peaks]
                last = [rate / final_div_factor for rate in first]
                set_entries(optimizer.param_groups, initial_lr=first, max_lr=peaks, min_lr=last)
                if cycle_momentum:
                    self._begin_momentum(lowest, highest)
            super().__init__(optimizer, last_epoch, verbose)

    def _check_tick(self, tick: float) -> None:
        if tick > self.total_steps:
            raise torch_error(
                f"Tried to step {tick} times. The specified number of total steps is {self.total_steps}",
                "Pass the number of updates of the entire run",
            )

    def _prepare_values(self, previous: GroupSnapshot | None, written: list[Any]) -> None:
        """Read the bounds, such as `max_lr`, from the groups, and build tables of the values between them."""
        groups = self.optimizer.param_groups
        for key in _RATE_ENDS + (_MOMENTUM_ENDS if self.cycle_momentum else ()):
            entries = self._cycle_ends.setdefault(key, [by_value(group[key]) for group in groups if key in group])
            extend_per_group(self.optimizer, key, entries)
            set_entries(groups, replace=False, **{key: entries})
        self._table = self._table_between(_RATE_ENDS, "lr")
        self._momentum_table = self._table_between(_MOMENTUM_ENDS, "momentum") if self.cycle_momentum else None

    def _table_between(self, ends: Sequence[str], field: str) -> ValueRows:
        """Return a table of the values of `field`, which moves between the groups' bounds `ends`."""
        phases, strategy = self._schedule_phases, self._strategy
        knots = [(0.0, phases[0][f"start_{field}"])]
        knots += [(float(phase["end_step"]), phase[f"end_{field}"]) for phase in phases]

        def shares(ticks: Floats) -> list[Floats]:
            at = np.asarray(ticks, dtype=np.float64)
            return [along_knots(at, [(tick, float(end == one)) for tick, end in knots], strategy) for one in ends]

        return ValueRows(shares, [as_floats(self._cycle_ends[end]) for end in ends])

    def _keep_entries(self, kept: Sequence[int], count: int) -> None:
        super()._keep_entries(kept, count)
        self._cycle_ends = {key: select(entries, kept) for key, entries in self._cycle_ends.items()}

    @property
    def _strategy(self) -> str:
        name = self.__dict__.get("_anneal_func_type", "cos")
        if name not in ("cos", "linear"):
            raise torch_error(f"Unknown _anneal_func_type: {name}", 'Use "cos" or "linear"')
        return str(name)

    def _values_at(self, tick: float) -> Sequence[float]:
        if self._overrides_hooks or self._own_methods or tick < 0:
            return self._annealed(tick, "lr")
        return self._table.row(min(tick, self.total_steps))

    def _momenta_at(self, tick: float) -> Sequence[float] | None:
        if self._momentum_table is None or not self.cycle_momentum:
            return None
        if self._overrides_hooks or self._own_methods or tick < 0:
            return self._annealed(tick, "momentum")
        return self._momentum_table.row(min(tick, self.total_steps))

    def _annealed(self, tick: float, field: str) -> list[float]:
        """Return the values at `tick`, computed by `_anneal_func`, which a subclass may override."""
        start, tick = 0.0, min(tick, self.total_steps - 1)  # afterwards the last values remain
        for phase in self._schedule_phases:
            end = phase["end_step"]
            if end > start and (tick <= end or phase is self._schedule_phases[-1]):
                share = (min(tick, end) - start) / (end - start)
                first, last = (self._cycle_ends[phase[f"{which}_{field}"]] for which in ("start", "end"))
                pairs = zip(as_floats(first), as_floats(last), strict=True)
                return [float(self._anneal_func(low, high, share)) for low, high in pairs]
            start = end
        return list((self._table if field == "lr" or self._momentum_table is None else self._momentum_table).row(tick))

    @hook
    def _anneal_func(self, start: float, end: float, pct: float) -> float:
        anneal = self._annealing_linear if self._strategy == "linear" else self._annealing_cos
        return anneal(start, end, pct)

    def _momenta_now(self) -> dict[str, Sequence[float]]:
        known = self._cycle_ends
        self._cycle_ends = {key: list(entries) for key, entries in known.items()}
        momenta = super()._momenta_now()
        self._cycle_ends, self._snapshot = known, None  # an optimizer's state with torch's bounds may be loaded later
        return momenta

    def _history(self) -> dict[str, Any]:
        return {"_ends": {key: list(entries) for key, entries in self._cycle_ends.items()}}

    def _take_history(self, state: dict[str, Any]) -> None:
        self._cycle_ends = state.pop("_ends", {})  # torch stores them only in the optimizer's state

    def _load_checked(self, state: dict[str, Any]) -> None:
        legacy = state.pop("anneal_func", None)
        if legacy is not None and "_anneal_func_type" not in state:
            # The two functions differ at 0.25.
            state["_anneal_func_type"] = "linear" if abs(legacy(0.0, 1.0, 0.25) - 0.25) < 1e-9 else "cos"
        super()._load_checked(state)

    @hook
    @staticmethod
    def _annealing_cos(start: float, end: float, pct: float) -> float:
        return end + (start - end) / 2.0 * (math.cos(math.pi * pct) + 1)

    @hook
    @staticmethod
    def _annealing_linear(start: float, end: float, pct: float) -> float:
        return (end - start) * pct + start


def _positive_count(name: str, number: int) -> int:
    if not isinstance(number, int) or number <= 0:
        raise torch_error(f"Expected positive integer {name}, but got {number}")
    as_float(CallSite("OneCycleLR", name), number)
    return number
