"""Reporting from an engine to a plan: metrics, and the amounts of batches."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, partial
from importlib import import_module
from numbers import Real
from types import MappingProxyType
from typing import Any, final

from paramsched.engines.torch_required import torch
from paramsched.core.metrics.metric_rules import PlateauRule
from paramsched.core.plan import Plan, RunAmounts, UnknownAmounts, amount_clock, amounts_of_run
from paramsched.core.run import EngineHandle, Processes, Scheduler, checked_amount
from paramsched.core.time import PROGRESS, SIZES
from paramsched.engines.engine_facts import PlanOptions
from paramsched.engines.messages import events as messages
from paramsched.errors import MissingDependency

_OTHER_NUMBERS = ("_runtime", "_per_second", "_time", "epoch", "step")
"""The ends of names of numbers that are not metrics."""


@final
class MetricRelay:
    """Passes the metrics of an engine to the metric rules of a plan, and at the end warns about metrics never reported.

    A metric counts once for each time that the engine computes it. An adapter reports only what the engine logged since
    the last report. The value does not matter, because a plateau counts a metric that does not change.

    Args:
        call: the user's call, for the warning, such as `PlanCallback`.
    """

    def __init__(self, call: str) -> None:
        self._call = call
        self._observed: set[str] = set()
        self._reported: set[str] = set()
        self._warned: set[str] = set()
        self._has_looked = False
        self._evaluations = 0
        self._event: dict[str, Any] | None = None  # the metrics of the present event
        self._evaluates = False  # True if the present event has an evaluation

    @contextmanager
    def event(self, scheduler: Scheduler, *, is_evaluation: bool) -> Iterator[dict[str, Any]]:
        """Collect the metrics of one event of the engine, and report them at its end.

        An event inside another one is a part of it: an evaluation of several data sets evaluates each of them. Each
        metric then counts once, with its last value. Nothing is reported if an exception ends the event.

        Args:
            scheduler: the scheduler.
            is_evaluation: True for an evaluation, False for a row of the training's log.
        """
        self._evaluates |= is_evaluation
        if self._event is not None:
            yield self._event
            return
        self._event = {}
        try:
            yield self._event
            metrics = self._event
            evaluates = self._evaluates
        finally:
            self._event = None
            self._evaluates = False
        self.report(scheduler, metrics, is_evaluation=evaluates)

    def warn_of_patience(self, scheduler: Scheduler, evaluations: int | None, *, prefix: str = "") -> None:
        """Warn of each plateau that cannot act, because its patience is not less than the number of evaluations.

        Source: torch's ReduceLROnPlateau counts calls of `step`, usually one for each evaluation.

        Args:
            scheduler: the scheduler.
            evaluations: the number of evaluations in the run; None if it is unknown.
            prefix: the beginning of the names of metrics that evaluations report; others come at other times.
        """
        if evaluations is None:
            return
        for rule in scheduler.plan.metric_rules:
            if not isinstance(rule, PlateauRule) or not rule.metric.startswith(prefix) or rule.patience < evaluations:
                continue
            if evaluations:
                problem = messages.patience_beyond_run(self._call, rule, evaluations)
            else:
                problem = messages.no_evaluation(self._call, rule)
                self._warned.add(rule.metric)
            EngineHandle(scheduler).processes.warn(problem)

    def report(self, scheduler: Scheduler, metrics: Mapping[str, Any], *, is_evaluation: bool = False) -> None:
        """Pass metrics to the rules that watch them; after the first evaluation, warn of missing ones.

        Args:
            scheduler: the scheduler.
            metrics: what was logged since the last report, by name.
            is_evaluation: True after an evaluation.
        """
        self._reported |= metrics.keys()
        watched = {rule.metric for rule in scheduler.plan.metric_rules}
        observed = {name: metrics[name] for name in watched if metrics.get(name) is not None}  # TRL logs None for NaN
        if observed:
            self._observed |= observed.keys()
            scheduler.observe(**observed)
        if is_evaluation and not self._has_looked:
            self._evaluations += 1
            missed = sorted(watched - self._observed - self._reported)
            # The metrics of training come at the end of an epoch, which may be after the first evaluation.
            self._has_looked = self._evaluations > 1 or not any("train" in name for name in missed)
            if missed and self._has_looked:
                self._warn_of_missed(scheduler, missed)

    def _warn_of_missed(self, scheduler: Scheduler, missed: Sequence[str]) -> None:
        """Warn of metrics that the first evaluation has not reported, with the names that it has."""
        self._warned |= set(missed)
        EngineHandle(scheduler).take_over_metrics()  # it would report them again at the end
        names = sorted(name for name in self._reported if not name.endswith(_OTHER_NUMBERS))
        EngineHandle(scheduler).processes.warn(messages.not_in_evaluation(self._call, missed, names))

    def finish(self, scheduler: Scheduler) -> None:
        """Warn about metrics that a rule watches but that were never reported, also not by other code."""
        handle = EngineHandle(scheduler)
        handle.take_over_metrics()
        missed = sorted({rule.metric for rule in handle.idle_rules()} - self._warned)
        if missed:
            handle.processes.warn(messages.never_reported(self._call, missed, self._reported))


@final
class PlannedColumns:
    """Names of planned values in an engine's log, so that a metric of the engine with the same name replaces none.

    Args:
        call: the user's call, for the warning, such as `transformers.planned`.
    """

    def __init__(self, call: str) -> None:
        self._call = call
        self._taken: set[str] = set()

    def beside(self, logged: Mapping[str, Any], values: Mapping[str, float], processes: Processes) -> dict[str, float]:
        """Return planned values by name: `planned/NAME` if the engine logs another value as NAME.

        Args:
            logged: what the engine logs, as numbers or tensors; a planned value in float32 is not another value.
            values: the planned values.
            processes: the processes of which one warns.
        """
        taken = {name for name, value in values.items() if name in logged and not is_value(logged[name], value)}
        taken -= self._taken
        if taken:
            self._taken |= taken
            processes.warn(messages.renamed_columns(self._call, sorted(taken)))
        return {f"planned/{name}" if name in self._taken else name: value for name, value in values.items()}


def is_value(logged: Any, planned: float) -> bool:
    """Return whether a logged number or tensor is the planned value, or this value as float32."""
    number = logged.item() if isinstance(logged, torch.Tensor) and logged.numel() == 1 else logged
    return isinstance(number, Real) and number in (planned, torch.tensor(planned, dtype=torch.float32).item())


def make_class(name: str, module: str, *bases: type[Any], doc: str | None = None) -> type[Any]:
    """Create a class in a module, by default with the docstring of its first base."""
    text = bases[0].__doc__ if doc is None else doc
    return type(name, bases, {"__doc__": text, "__module__": module, "__qualname__": name})


def callbacks_on_demand(
    module: str,
    classes: Mapping[str, type[Any]],
    *bases: str,
    library: str,
    factories: Mapping[str, Callable[[], type[Any]]] = MappingProxyType({}),
) -> Callable[[str], type[Any]]:
    """Return a `__getattr__` for a module, which creates each of the classes from its own class and a base.

    The base is the first of `bases` that is installed. `factories` are made without it.
    """

    def make_callback(name: str) -> type[Any]:
        for base in bases:
            home, _, class_name = base.rpartition(".")
            with suppress(ModuleNotFoundError):
                return make_class(name, module, classes[name], getattr(import_module(home), class_name))
        raise MissingDependency(f"engines.{module.rpartition('.')[2]}.{name}", library)

    return classes_on_demand(module, {**{name: partial(make_callback, name) for name in classes}, **factories})


def classes_on_demand(module: str, makers: Mapping[str, Callable[[], type[Any]]]) -> Callable[[str], type[Any]]:
    """Return a `__getattr__` for a module. It creates each of the classes by name, once, on first access."""

    @cache
    def find_class(name: str) -> type[Any]:
        if name not in makers:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return makers[name]()

    return find_class


@final
@dataclass(slots=True)
class BatchAmounts:
    """Counts the batches of an engine in samples or tokens, and reports the consumption to a Scheduler.

    Batches are not counted for a plan by updates, or if the amount of a batch is unknown on the plan's clock. If the
    training loop itself reports consumption (`scheduler.consumed`), or the plan schedules batch sizes, those numbers
    take precedence.

    Args:
        scheduler: the scheduler of the optimizer that uses the batches.
        options: how a batch is counted: `amount_of`, `tokens_per_sample`.
        processes: the number of data shards; processes that get the same batches are one shard.
        summed: returns the sum of a tensor over all data shards; called once per update.
        samples: returns the number of samples in a batch. Default: `samples_in`.
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
    _counted: float = field(default=0, init=False)  # by this process, not reported yet
    _pending: float = field(default=0, init=False)  # by all processes, not reported yet
    _loaded: Mapping[str, float] = field(default_factory=dict, init=False)
    _has_warned: bool = field(default=False, init=False)

    def count_batch(self, batch: Any, *, ends_update: bool | None) -> None:
        """Count a batch of this process, before the `step` that uses it.

        Args:
            batch: the batch.
            ends_update: True if it is the last batch of its update; None if the engine does not know.
        """
        self._refresh_plan()
        if self._measure is None:
            return
        self._counted += checked_amount("scheduler.consumed(", self._unit, {str(self._unit): self._measure(batch)})
        if self._planned is not None and ends_update is None:  # the end of the update is unknown: compare nothing
            self._counted = 0
        elif ends_update is not False or (self._shares == 1 and self._planned is None):
            self.report_counted()

    def report_counted(self) -> None:
        """Report the counted batches for the next update; `count_batch` calls this if it knows that the update ends."""
        self._refresh_plan()
        if self._measure is not None:
            self._sum_over_processes()
            amount = self._pending
            self._pending = 0
            self.report(amount, self._unit)

    def report(self, amount: float, unit: str | None) -> None:
        """Report consumption of the next update, summed over all processes.

        If the plan schedules batch sizes, nothing is reported, and the first `amount` that differs from the plan
        causes a warning.
        """
        self._refresh_plan()
        if unit is None or unit != self._unit:
            return
        if self._planned is None:
            EngineHandle(self.scheduler).measured(**{unit: amount})
        elif not self._has_warned:
            t = self.scheduler.t
            now, after = self._planned.amounts_from(t, self.scheduler.amount, 2).tolist()
            if after - now != amount:
                self._has_warned = True
                EngineHandle(self.scheduler).processes.warn(messages.other_amount(t, after - now, unit, amount))

    def saved_state(self) -> dict[str, float]:
        """Return the consumption that is counted but not reported yet, summed over all processes, as a dict by unit.

        Every process must call this method.
        """
        self._refresh_plan()
        if self._unit is None:
            return {}
        self._sum_over_processes()
        return {self._unit: self._pending} if self._pending else {}

    def load_state(self, state: Mapping[str, float]) -> None:
        """Resume an update whose first batches were counted before `saved_state`."""
        self._plan = None
        self._loaded = dict(state)

    def _refresh_plan(self) -> None:
        """Start to count, or restart the count if a loaded checkpoint has replaced the plan."""
        plan = self.scheduler.plan
        if self._plan is plan:
            return
        self._plan = plan
        self._unit = amount_clock(plan.clock)
        self._planned = None
        self._measure = None
        if self._unit is not None:
            sizes = {name for product in SIZES[self._unit] for name in product}
            if any(target.name in sizes for target in plan.targets):
                planned = amounts_of_run(plan.resolve(facts=self.scheduler.facts), self.scheduler.facts)
                # Unknown if a factor such as sequence_length is missing.
                self._planned = None if isinstance(planned, UnknownAmounts) else planned
            self._measure = measure_for(self._unit, self.options, self.samples or samples_in)
        self._counted = 0
        self._pending = self._loaded.get(str(self._unit), 0)
        self._loaded = {}

    def _sum_over_processes(self) -> None:
        """Add the counts of all processes to the pending sum."""
        counted = self._counted
        self._counted = 0
        if self._shares > 1 and self.summed is not None:
            dtype = torch.int64 if isinstance(counted, int) else torch.float64
            counted = self.summed(torch.tensor(counted, dtype=dtype)).item()
        self._pending += counted

    @property
    def _shares(self) -> int:
        """The number of data shards to sum over; 1 if the clock counts batches, which all shards count alike."""
        return 1 if self._unit == "batches" else self.processes


def measure_for(unit: str, options: PlanOptions, samples: Callable[[Any], int]) -> Callable[[Any], Any] | None:
    """Return a function that returns the amount of a batch in a unit; None if that amount is unknown."""
    if unit == PROGRESS:  # the loop reports it
        return None
    if options.amount_of is not None:
        return options.amount_of
    if unit == "batches":
        return lambda _: 1
    if unit == "samples":
        return samples
    facts = options.facts
    length = options.tokens_per_sample
    if length is None and facts is not None and facts.tokens_per_step is None:
        length = facts.sequence_length
    if unit != "tokens" or length is None or length != int(length):  # a fraction such as 371.5 is an average
        return None
    tokens = int(length)
    return lambda batch: tokens * samples(batch)


def samples_in(batch: Any) -> int:
    """Return the number of samples in a batch: the first dimension of its tensors, or the length of its lists.

    Raises InvalidArgument if there is no such number, or if numbers differ: a list of three images may be three
    samples, or one.

    >>> samples_in({"input_ids": torch.zeros(8, 128), "labels": torch.zeros(8)})
    8
    """
    sizes = set(_sizes_in(batch))
    if len(sizes) != 1:
        raise messages.samples_unknown(batch, sizes)
    return sizes.pop()


def samples_in_lists(batch: Any) -> int:
    """Return the number of samples in a batch of MMEngine's `pseudo_collate`, whose lists have one entry per sample.

    >>> samples_in_lists({"inputs": [torch.zeros(3, 32, 32), torch.zeros(3, 48, 32)]})
    2
    """
    parts = batch.values() if isinstance(batch, Mapping) else batch
    lengths = {len(part) for part in parts if isinstance(part, list | tuple)}
    return lengths.pop() if len(lengths) == 1 else samples_in(batch)


def _sizes_in(batch: Any, *, outermost: bool = True) -> Iterator[int]:
    """Yield the sizes that may be the number of samples in a batch."""
    items: Any = ()
    if isinstance(batch, torch.Tensor):
        yield from batch.shape[:1]
    elif isinstance(batch, Mapping):
        items = batch.values()
    elif isinstance(batch, Sequence) and not isinstance(batch, str | bytes):
        items = batch
        if not outermost:
            yield len(batch)
    for item in items:
        yield from _sizes_in(item, outermost=False)
