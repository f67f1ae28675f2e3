"""Between an engine and a plan: values, metrics, amounts of batches."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any, final

import torch

from paramsched.base.user_warnings import warn_user
from paramsched.engines.engine_facts import PlanOptions
from paramsched.errors import InvalidArgument, MissingDependency
from paramsched.plan import Plan
from paramsched.plan.binding import amount_clock
from paramsched.plan.resolve import amounts_of_run
from paramsched.plan.run_amounts import Amount, RunAmounts, UnknownAmounts
from paramsched.scheduler.consumption import checked_amount
from paramsched.scheduler.scheduler import Scheduler
from paramsched.time.calendar import SIZES


@final
class MetricRelay:
    """Hands the metrics an engine reports to the rules of a plan, and says at the end which never came.

    Args:
        call: what the user wrote, for the warning: `PlanCallback`.
    """

    def __init__(self, call: str) -> None:
        self._call = call
        self._counted: set[str] = set()
        self._reported: set[str] = set()

    def report(self, scheduler: Scheduler, metrics: Mapping[str, Any]) -> None:
        """Observe those of the metrics that a rule watches."""
        self._reported |= metrics.keys()
        found = {rule.metric: metrics[rule.metric] for rule in scheduler.plan.metric_rules if rule.metric in metrics}
        if found:
            self._counted |= found.keys()
            scheduler.observe(**found)

    def finish(self, scheduler: Scheduler) -> None:
        """Warn of metrics that were watched and never reported."""
        missed = sorted({rule.metric for rule in scheduler.plan.metric_rules} - self._counted)
        if missed:
            warn_user(
                f"{self._call}: the plan watches {', '.join(missed)}, which was never reported; reported were: "
                f"{', '.join(sorted(self._reported)) or 'none'}. Name one of these in plateau(…)."
            )


def make_class(name: str, module: str, *bases: type[Any], doc: str | None = None) -> type[Any]:
    """A class in a module, by default with the docstring of its first base."""
    text = bases[0].__doc__ if doc is None else doc
    return type(name, bases, {"__doc__": text, "__module__": module, "__qualname__": name})


def callback_on_demand(name: str, module: str, cls: type[Any], *bases: str, extra: str) -> Callable[[str], type[Any]]:
    """The `__getattr__` of a module with one class, whose base is the first of these that is installed."""

    def make_callback() -> type[Any]:
        for base in bases:
            home, _, kind = base.rpartition(".")
            with suppress(ModuleNotFoundError):
                return make_class(name, module, cls, getattr(import_module(home), kind))
        raise MissingDependency(f"engines.{module.rpartition('.')[2]}.{name}", extra, extra)

    return classes_on_demand(module, {name: make_callback})


def classes_on_demand(module: str, makers: Mapping[str, Callable[[], type[Any]]]) -> Callable[[str], type[Any]]:
    """The `__getattr__` of a module that makes each of these classes once."""

    @cache
    def find_class(name: str) -> type[Any]:
        if name not in makers:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return makers[name]()

    return find_class


@final
@dataclass(slots=True)
class BatchAmounts:
    """Counts the batches that an engine hands to its loop, in samples or tokens, and tells a Scheduler.

    Nothing is counted for a plan by updates, nor in a unit that a batch does not show. What the loop says itself, with
    `scheduler.consumed`, beats it. Where the plan says the sizes of its batches, the plan's count.

    Args:
        scheduler: of the optimizer that uses the batches.
        options: how a batch is counted: `amount_of`, `tokens_per_sample`.
        processes: how many work on their own share of the data.
        summed: adds up a tensor over them, once for an update.
        samples: how many samples are in a batch; `samples_in` if not given.
    """

    scheduler: Scheduler
    options: PlanOptions
    processes: int = 1
    summed: Callable[[torch.Tensor], torch.Tensor] | None = None
    samples: Callable[[Any], int] | None = None
    _plan: Plan | None = field(default=None, init=False)
    _unit: str | None = field(default=None, init=False)
    _measure: Callable[[Any], Any] | None = field(default=None, init=False)
    _planned: RunAmounts | None = field(default=None, init=False)
    _counted: Amount = field(default=0, init=False)  # by this process, and not told yet
    _pending: Amount = field(default=0, init=False)  # by all processes, and not told yet
    _loaded: Mapping[str, Amount] = field(default_factory=dict, init=False)
    _has_warned: bool = field(default=False, init=False)

    def count_batch(self, batch: Any, *, ends_update: bool | None) -> None:
        """A batch of this process comes, ahead of the `step` that uses it.

        Args:
            ends_update: whether it is the last of its update; None where the engine does not know.
        """
        self._refresh_plan()
        if self._measure is None:
            return
        self._counted += checked_amount("scheduler.measured(", self._unit, {str(self._unit): self._measure(batch)})
        if self._planned is not None and ends_update is None:  # of which update it is nobody knows: nothing to compare
            self._counted = 0
        elif ends_update is not False or (self._shares == 1 and self._planned is None):
            self.report_counted()

    def report_counted(self) -> None:
        """The coming update uses what was seen, and no more; `count_batch` does it, where it knows that the update ends."""
        self._refresh_plan()
        if self._measure is not None:
            self._sum_over_processes()
            amount, self._pending = self._pending, 0
            self.report(amount, self._unit)

    def report(self, amount: Amount, unit: str | None) -> None:
        """Let the coming update use so much more of a unit, of all processes together.

        Where the plan says the sizes of its batches, warn, once, of batches of another size.
        """
        self._refresh_plan()
        if unit is None or unit != self._unit:
            return
        if self._planned is None:
            self.scheduler.measured(**{unit: amount})
        elif not self._has_warned:
            t = self.scheduler.t
            now, after = self._planned.amounts_from(t, self.scheduler.amount, 2).tolist()
            if after - now != amount:
                self._has_warned = True
                warn_user(
                    f"update {t}: the plan says that it takes {after - now} {unit}, and the engine's batches "
                    f"hold {amount}; the plan's number counts. Let the loader follow the plan: "
                    'scheduler.value("batch_size") is that of the coming update.'
                )

    def saved_state(self) -> dict[str, Amount]:
        """What was seen and not told yet, of all processes together, each of which calls this."""
        self._refresh_plan()
        if self._unit is None:
            return {}
        self._sum_over_processes()
        return {self._unit: self._pending} if self._pending else {}

    def load_state(self, state: Mapping[str, Amount]) -> None:
        """Go on with an update whose first batches were seen before `saved_state`."""
        self._plan, self._loaded = None, dict(state)

    def _refresh_plan(self) -> None:
        """Begin to count, also where a checkpoint brought another plan."""
        plan = self.scheduler.plan
        if self._plan is plan:
            return
        self._plan, self._unit, self._planned, self._measure = plan, amount_clock(plan.clock), None, None
        if self._unit is not None:
            sizes = {name for product in SIZES[self._unit] for name in product}
            if any(target.name in sizes for target in plan.targets):
                planned = amounts_of_run(plan.resolve(self.scheduler.calendar), self.scheduler.calendar)
                # Where a factor is missing, sequence_length, say, nothing is known.
                self._planned = None if isinstance(planned, UnknownAmounts) else planned
            self._measure = measure_for(self._unit, self.options, self.samples or samples_in)
        self._counted, self._pending, self._loaded = 0, self._loaded.get(str(self._unit), 0), {}

    def _sum_over_processes(self) -> None:
        """Let what this process saw wait with what the others saw."""
        seen, self._counted = self._counted, 0
        if self._shares > 1 and self.summed is not None:
            kind = torch.int64 if isinstance(seen, int) else torch.float64
            seen = self.summed(torch.tensor(seen, dtype=kind)).item()
        self._pending += seen

    @property
    def _shares(self) -> int:
        """How many processes have batches of their own; a batch is counted once."""
        return 1 if self._unit == "batches" else self.processes


def measure_for(unit: str, options: PlanOptions, samples: Callable[[Any], int]) -> Callable[[Any], Any] | None:
    """What counts a batch in a unit; None where a batch does not show it."""
    if options.amount_of is not None:
        return options.amount_of
    if unit == "batches":
        return lambda _: 1
    if unit == "samples":
        return samples
    calendar, length = options.calendar, options.tokens_per_sample
    if length is None and calendar is not None and calendar.tokens_per_step is None:
        length = calendar.sequence_length
    if unit != "tokens" or length is None or length != int(length):  # 371.5 is an average
        return None
    tokens = int(length)
    return lambda batch: tokens * samples(batch)


def samples_in(batch: Any) -> int:
    """The samples in a batch: the first dimension of its tensors, or the length of the lists in it.

    A batch that shows none, or several numbers, is refused: a list of three images may be three samples, or one.

    >>> samples_in({"input_ids": torch.zeros(8, 128), "labels": torch.zeros(8)})
    8
    """
    sizes = set(_sizes_in(batch))
    if len(sizes) != 1:
        found = f"its tensors and lists are of the lengths {sorted(sizes)}" if sizes else "no tensor is in it"
        site = f"the samples in a batch, {type(batch).__name__}"
        raise InvalidArgument(site, found, "Write amount_of=lambda batch: … where the plan is given")
    return sizes.pop()


def samples_in_lists(batch: Any) -> int:
    """The samples in a batch: MMEngine's `pseudo_collate` makes lists of them, one entry for each; else `samples_in`.

    >>> samples_in_lists({"inputs": [torch.zeros(3, 32, 32), torch.zeros(3, 48, 32)]})
    2
    """
    parts = batch.values() if isinstance(batch, Mapping) else batch
    lengths = {len(part) for part in parts if isinstance(part, list | tuple)}
    return lengths.pop() if len(lengths) == 1 else samples_in(batch)


def _sizes_in(batch: Any, *, outermost: bool = True) -> Iterator[int]:
    """What may be the number of samples in a batch."""
    parts: Any = ()
    if isinstance(batch, torch.Tensor):
        yield from batch.shape[:1]
    elif isinstance(batch, Mapping):
        parts = batch.values()
    elif isinstance(batch, Sequence) and not isinstance(batch, str | bytes):
        parts = batch
        if not outermost:
            yield len(batch)
    for part in parts:
        yield from _sizes_in(part, outermost=False)
