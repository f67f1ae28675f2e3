"""What an engine knows about a run, and the order of the arguments that take it."""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import partial, wraps
from inspect import Parameter, signature
from itertools import permutations
from math import ceil, inf
from typing import Any, Final, TypeVar, cast, final, get_args, get_type_hints

import numpy as np

import paramsched.engines.torch_required  # noqa: F401  # reports that torch is missing
from paramsched.core.calls.checked_calls import refused_keyword, shortened
from paramsched.core.calls.number_checks import is_real_number
from paramsched.core.plan import (
    FORMS,
    SIZES_OF_BATCHES,
    Plan,
    PlanLike,
    ResolvedPlan,
    SizeTarget,
    Target,
    UnknownAmounts,
    amount_clock,
    resolve_in_run,
)
from paramsched.core.run import (
    Arguments,
    EngineHandle,
    OnBase,
    OnChange,
    Processes,
    Scheduler,
    check_option,
    unwrapped_optimizers,
)
from paramsched.core.time import DurationLike, Facts, RunFacts, facts_if_passed
from paramsched.engines.messages import facts as messages
from paramsched.errors import (
    InvalidArgument,
    MissingFact,
    ParamschedError,
    PlanError,
    Unresolved,
)

_Adapter = TypeVar("_Adapter", bound=Callable[..., Any])


def without_optimizer(line: str, *, most: int) -> Callable[[_Adapter], _Adapter]:
    """Return a decorator: the adapter refuses an optimizer, because its engine has one.

    Args:
        line: the call to write, such as `PlanCallback(plan)`.
        most: the number of positional arguments, with `self`.
    """

    def decorate(adapter: _Adapter) -> _Adapter:
        @wraps(adapter)
        def called(*args: Any, **options: Any) -> Any:
            if len(args) > most:
                raise messages.too_many_arguments(line)
            try:
                return adapter(*args, **options)
            except ParamschedError as error:
                raise shortened(error)  # noqa: B904  # the same error

        return cast(_Adapter, called)

    return decorate


def check_plan(call: str, plan: PlanLike, names: Collection[str] = ()) -> None:
    """Raise if a plan cannot be read. The engine attaches it only when training begins.

    Raises:
        InvalidArgument, ConfigError, FileNotFoundError: as `ps.Scheduler`.
    """
    Arguments.of(plan, call, names)


def check_kinds(call: str, **arguments: Any) -> None:
    """Raise if an argument has a wrong kind; if the arguments are in another order, with the corrected call.

    Args:
        call: the user's call, such as `accelerate.scheduler`.
        arguments: its positional arguments, by name and in order.
    """
    wrong = [name for name, value in arguments.items() if not _KINDS[name][0](value)]
    if not wrong:
        return
    for values in permutations(arguments.values()):
        if all(_KINDS[name][0](value) for name, value in zip(arguments, values, strict=True)):
            raise messages.wrong_order(call, arguments, map(_text, arguments, values))
    name = wrong[0]
    if name == "optimizer":
        unwrapped_optimizers(arguments[name])  # raises
    if name == "plan":
        check_plan(call, arguments[name])  # raises
    raise messages.wrong_kind(call, name, arguments[name], _KINDS[name][1])


def _text(name: str, value: Any) -> str:
    """Return the text of an argument in a call."""
    if isinstance(value, str):
        return repr(value)
    return value.__name__ if isinstance(value, type) else name


def _is_optimizer(argument: Any) -> bool:
    with suppress(InvalidArgument):
        unwrapped_optimizers(argument)
        return True
    return False


def _is_plan(argument: Any) -> bool:
    return isinstance(argument, FORMS) and not (isinstance(argument, Mapping) and argument and _is_optimizer(argument))


def _is_loader(argument: Any) -> bool:
    # Engines wrap loaders in classes without a common base, so a loader is what has a length, items or a dataset.
    is_sized = hasattr(argument, "__len__") or hasattr(argument, "__iter__") or hasattr(argument, "dataset")
    return is_sized and not isinstance(argument, FORMS)


_KINDS: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "accelerator": (lambda value: hasattr(value, "num_processes"), "an Accelerator"),
    "loader": (_is_loader, "a loader"),
    "optimizer": (_is_optimizer, "an optimizer"),
    "plan": (_is_plan, "a plan"),
    "scheduler": (lambda value: isinstance(value, Scheduler), "a Scheduler"),
    "trainer": (lambda value: isinstance(value, type), "a class, such as transformers.Trainer"),
}
"""The requirement for an argument with a name: a test, and the description for messages."""


_COMPARED: Final = 65_536
"""Updates whose sizes are compared one by one. A size that still changes after them differs from that of the engine."""


def refuse_untrained_sizes(call: str, plan: Plan, facts: RunFacts, fixed: Collection[str]) -> None:
    """Raise if a plan has a target `batch_size` or `accumulation` with another value than the engine trains.

    Args:
        call: the user's call, for the message.
        plan: the plan.
        facts: the run facts, with the sizes that the engine trains.
        fixed: the names of the sizes that are the same in the whole run.

    Raises:
        InvalidArgument: a planned size differs at an update of the run, or follows a metric.
    """
    targets = (
        binding.name
        for binding in plan.bindings
        if isinstance(binding.field, Target) and binding.name in SIZES_OF_BATCHES
    )
    names = [name for name in targets if name in fixed]
    if not names:
        return
    resolved = _resolved(plan, facts)
    if resolved is None:
        return
    for name in names:
        size = getattr(facts, name)
        planned = _planned_size(resolved, name)
        if planned.low == planned.high == size and not planned.follows_metric:
            continue
        if size is None:
            raise messages.size_unknown(call, planned)
        raise messages.size_not_trained(call, planned, size)


def _resolved(plan: Plan, facts: RunFacts) -> ResolvedPlan | None:
    """Resolve a plan, with the length of the engine only if it has none; None if the Scheduler will refuse the plan."""
    for facts_of_run in (facts, replace(facts, total=None)):
        with suppress(PlanError):
            return resolve_in_run(plan, facts_of_run)
    return None


def _planned_size(resolved: ResolvedPlan, name: str) -> messages.PlannedSize:
    """Return the values of a size that a plan schedules."""
    target = resolved.batch_sizes[name]
    assert target is not None  # because the plan is resolved
    sizes = _sizes(resolved, target)
    return messages.PlannedSize(name, float(sizes.min()), float(sizes.max()), bool(target.schedule.metric_rules))


def _sizes(resolved: ResolvedPlan, target: SizeTarget) -> Any:
    """Return the planned sizes of the first updates, and of the last one if they still change."""
    total = resolved.total
    count = _COMPARED if total is None else min(max(total, 1), _COMPARED)
    updates: Any = np.arange(count)
    amounts = updates
    if resolved.amounts is not None and target.by_amount:
        if isinstance(resolved.amounts, UnknownAmounts):
            end = resolved.length
            # Only the loop knows the amount of each update, so sizes are compared at amounts.
            last = float(end.terms[0][1]) if end is not None else float(_COMPARED)
            updates = np.linspace(0, max(last - 1, 0), count)
            amounts = updates
        else:
            amounts = resolved.amounts.amounts_from(0, 0, count)
    sizes = target.sizes(updates, amounts)
    if total is not None and total > count:
        amount = resolved.amount_at(total - 1) if target.by_amount else 0
        last_size = target.sizes(np.array([total - 1]), np.array([amount]))
        sizes = np.concatenate([sizes, last_size])
    return sizes


AmountOf = Callable[[Any], Any]
"""A function that returns the number of samples, tokens or frames in a batch of one process.

The number is an integer or a 0-dimensional tensor.
"""

_LONGER = 1.01
"""A plan may exceed the run by 1 %: a rest of batches has no effect."""


class EngineOptions(Facts, total=False):
    """The options that adapters share. Each adapter has them as keywords: `**options: Unpack[EngineOptions]`.

    The run facts, such as `batch_size=32`, take precedence over the engine's, or are those that it does not know.
    """

    facts: RunFacts | None
    """The run facts as one object, in place of keywords."""
    tokens_per_sample: float | None
    """The length of a sequence, for plans in tokens."""
    on_change: OnChange
    """As in `ps.Scheduler`."""
    on_base: OnBase
    """As in `ps.Scheduler`."""
    strict: bool
    """As in `ps.Scheduler`."""


class LoopOptions(EngineOptions, total=False):
    """The options of an adapter that counts the batches of an engine: those of `EngineOptions`, and `amount_of`."""

    amount_of: AmountOf | None
    """A function that returns the number of samples, tokens or frames in a batch of one process, for plans whose clock
    counts these. Default: the number of samples, times `tokens_per_sample` if the clock counts tokens."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions:
    """The options of an adapter, checked: those of `LoopOptions`, and their defaults.

    Raises:
        InvalidArgument: an option has a wrong type.
    """

    facts: RunFacts | None = None
    tokens_per_sample: float | None = None
    amount_of: AmountOf | None = None
    on_change: OnChange = "new"
    on_base: OnBase = "checkpoint"
    strict: bool = False

    def __post_init__(self) -> None:
        tokens: Any = self.tokens_per_sample
        if tokens is not None and not (is_real_number(tokens) and 0 < tokens < inf):
            raise messages.tokens_not_positive(tokens)
        check_option("strict", self.strict)

    @property
    def processes(self) -> Processes:
        """The processes that train together, of which the first one warns."""
        return Processes(self.strict)


def with_named_options(adapter: _Adapter) -> _Adapter:
    """Show the options of an adapter as parameters in its signature, which notebooks and the pages read."""
    written = signature(adapter)
    *parameters, options = written.parameters.values()
    (options_class,) = get_args(options.annotation)
    defaults = {field.name: field.default for field in fields(PlanOptions)}
    named = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=defaults.get(name), annotation=type_)
        for name, type_ in get_type_hints(options_class).items()
    ]
    adapter.__signature__ = written.replace(parameters=[*parameters, *named])  # type: ignore[attr-defined]  # read by inspect
    return adapter


def options_of(call: str, adapter: Callable[..., Any], keywords: EngineOptions) -> PlanOptions:
    """Return the options of a call of an adapter.

    Raises:
        InvalidCall: a keyword is not a parameter of the adapter.
        InvalidArgument: an option has a wrong type, or run facts are invalid or passed twice.
    """
    # The annotation of `**options` is checked by type checkers only.
    error = refused_keyword(call, adapter, keywords)
    if error is not None:
        raise error
    options: dict[str, Any] = {name: value for name, value in keywords.items() if name not in Facts.__annotations__}
    facts = cast(Facts, {name: value for name, value in keywords.items() if name in Facts.__annotations__})
    return PlanOptions(**options | {"facts": facts_if_passed(f"{call}(…)", keywords.get("facts"), facts)})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """The run facts of an engine.

    Args:
        call: the user's call, for messages, such as `accelerate.scheduler`.
        batches: the number of batches of one process in an epoch; None if unknown.
        accumulation: the number of batches per update.
        batch_size: the number of samples in a batch of one process; None if unknown.
        processes: the number of data shards; processes that get the same batches are one shard.
        total: the length of the run, in updates if it is a number; None if unknown.
        whole: True if each epoch ends with an update, False if accumulation continues into the next epoch.
        why: a dict from a run fact to the reason why it is unknown, for messages.
        counter: the call that counts batches, with `{}` for its arguments. Default: `call`.
        warns_of_metrics: True if the engine warns about metrics that were never reported.
        has_tokens_per_sample: True if `call` has the argument `tokens_per_sample`.
        fixed_sizes: the sizes that the engine does not change in a run, of `batch_size` and `accumulation`; the user's
            own loader or loop determines the others. Default: the accumulation, and the batch size if it is known.
    """

    call: str
    batches: int | None = None
    accumulation: int = 1
    batch_size: int | None = None
    processes: int = 1
    total: DurationLike | None = None
    whole: bool = True
    why: Mapping[str, str]
    counter: str = ""
    warns_of_metrics: bool = False
    has_tokens_per_sample: bool = True
    fixed_sizes: Collection[str] | None = None

    def attach(
        self,
        optimizer: Any,
        plan: PlanLike,
        options: PlanOptions,
        *,
        drive: str = "optimizer",
    ) -> Scheduler:
        """Attach a plan to an optimizer, or to several in a mapping from their names.

        The plan's total takes precedence over the length of the run in the engine; if they differ, a warning is
        logged.

        Raises:
            MissingFact: a unit of the plan needs a run fact that neither the engine nor the user specifies.
        """
        names = tuple(optimizer) if isinstance(optimizer, Mapping) else ()
        processes = options.processes
        source = replace(
            Arguments.of(plan, self.call, names),
            counted_by=self.counter or f"{self.call}(…, {{}})",
            warns_of_metrics=self.warns_of_metrics,
        )
        total = source.plan.total
        user_facts = options.facts or RunFacts()
        facts = self.facts_for(source.plan, options)
        self._check_epoch(user_facts, processes)
        if user_facts.total is None:
            source = replace(source, engine_total=facts.total)
        refuse_untrained_sizes(self.call, source.plan, facts, self._fixed_sizes)
        attach_with = partial(
            Scheduler, optimizer, drive=drive, on_change=options.on_change, on_base=options.on_base,
            strict=options.strict,
        )  # fmt: skip
        is_longer = False  # the plan than the run; reported at the start, and not at the end again
        try:
            if total is not None and user_facts.total is None:
                engine_total = facts.total
                facts = replace(facts, total=None)
                is_longer = self._reports_longer_plan(source.plan, facts, engine_total, processes)
            scheduler = _attached(attach_with, source, facts)
        except MissingFact as error:
            raise self._missing_fact(error) from None
        except Unresolved as error:
            if facts.total_updates is not None or total is not None:
                raise
            raise messages.length_unknown(self.call, error.problem.site, self._reason_for("total")) from None
        EngineHandle(scheduler).set_end_known(is_longer)
        return scheduler

    @property
    def _fixed_sizes(self) -> Collection[str]:
        """The sizes that the engine does not change in a run."""
        if self.fixed_sizes is not None:
            return self.fixed_sizes
        return SIZES_OF_BATCHES if self.batch_size is not None else ("accumulation",)

    def _reports_longer_plan(
        self, plan: Plan, facts: RunFacts, engine_total: DurationLike | None, processes: Processes
    ) -> bool:
        """Compare the total of a plan with that of the engine. Return whether a warning was given of a longer plan."""
        assert plan.total is not None
        # A plan by samples or tokens may itself determine the number of updates, so totals are not compared.
        if amount_clock(plan.clock) is not None:
            return False
        updates = ceil(facts.exact(plan.total, site=f'total "{plan.total}"'))
        if not isinstance(engine_total, int) or updates == engine_total:
            return False
        if updates > _LONGER * engine_total:
            processes.warn(messages.longer_than_run(plan.total, updates, self.call, engine_total))
            return True
        processes.log(messages.TOTALS_DIFFER, plan.total, updates, self.call, engine_total)
        return False

    def facts_for(self, plan: Plan, options: PlanOptions) -> RunFacts:
        """Return the run facts of the engine and the user for a plan; the user's take precedence."""
        user_facts = options.facts or RunFacts()
        length = options.tokens_per_sample
        by_amount = amount_clock(plan.clock) is not None
        if by_amount and length is not None and length == int(length) and not user_facts.tokens_per_step:
            return self.merged(replace(user_facts, sequence_length=int(length)))  # a run fact of its own
        return self.merged(user_facts, tokens_per_sample=length)

    def merged(self, user_facts: RunFacts | None = None, *, tokens_per_sample: float | None = None) -> RunFacts:
        """Return the run facts of the engine and the user; the user's take precedence."""
        user_facts = user_facts or RunFacts()
        of_user = {field.name: getattr(user_facts, field.name) for field in fields(user_facts)}
        of_user = {name: fact for name, fact in of_user.items() if fact is not None}
        # The batch size of RunFacts is the sum over all processes.
        samples = None if self.batch_size is None else self.batch_size * self.processes
        of_engine: dict[str, Any] = {"accumulation": self.accumulation, "batch_size": samples, "total": self.total}
        # If accumulation continues into the next epoch, an epoch rarely has an integer number of updates.
        whole = self.batches is not None and (self.whole or self.batches % self.accumulation == 0)
        if whole and not of_user.keys() & {"steps_per_epoch", "batches_per_epoch"}:
            of_engine["batches_per_epoch"] = self.batches
        merged = of_engine | of_user
        if tokens_per_sample is not None and "tokens_per_step" not in of_user:
            if merged["batch_size"] is None:
                raise messages.batch_size_unknown(self.call, tokens_per_sample, self._reason_for("batch_size"))
            merged["tokens_per_step"] = tokens_per_sample * merged["batch_size"] * merged["accumulation"]
        return RunFacts(**merged)

    def _check_epoch(self, facts: RunFacts, processes: Processes) -> None:
        """Warn if the updates of an epoch are its batches, although several batches are one update."""
        batches = facts.steps_per_epoch
        if batches is None or batches != self.batches or self.accumulation == 1 or facts.accumulation is not None:
            return
        processes.warn(messages.batches_as_updates(self.call, batches, self.accumulation))

    def _reason_for(self, fact: str) -> str:
        same = "steps_per_epoch" if fact == "batches_per_epoch" else fact  # both are the length of an epoch
        return self.why.get(same, messages.not_provided(self.call, fact))

    def _missing_fact(self, error: MissingFact) -> MissingFact:
        reason = self._reason_for(error.fact)
        return messages.missing_fact(self.call, error, reason, has_tokens_per_sample=self.has_tokens_per_sample)


def _attached(attach_with: Callable[..., Scheduler], source: Arguments, facts: RunFacts) -> Scheduler:
    """Attach a plan, if need be without the length of the run in the engine."""
    try:
        return attach_with(source, facts=facts)
    except MissingFact:
        # The engine's length of the run is in updates. A plan by tokens cannot use it if the tokens per update are
        # unknown, and does not need it if the plan specifies all of its lengths.
        if amount_clock(source.plan.clock) is not None and facts.total is not None:
            with suppress(Unresolved):  # a stage depends on the length of the run: report the missing fact
                return attach_with(replace(source, engine_total=None), facts=replace(facts, total=None))
        raise


def length_of(loader: Any) -> int | None:
    """Return the number of batches in a loader; None if it has no length."""
    try:
        length = len(loader)
    except TypeError:  # a stream, or another iterable without a length
        return None
    return length or None


def batch_size_of(loader: Any) -> int | None:
    """Return the number of samples in a batch of a loader; None if it has no batch size."""
    size = getattr(loader, "batch_size", None)
    if size is None:  # None if the loader has a custom batch sampler
        size = getattr(getattr(loader, "batch_sampler", None), "batch_size", None)
    return size if isinstance(size, int) and size > 0 else None
