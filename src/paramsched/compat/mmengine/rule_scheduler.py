"""RuleScheduler: a row of MMEngine's table; and `restore`, for saved states."""

import inspect
import logging
from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any, ClassVar, Literal, TypeAlias

from paramsched.base.user_warnings import warn_user
from paramsched.compat.group_fields import by_value
from paramsched.compat.mmengine import optimizers
from paramsched.compat.mmengine.base import CLASS_KEY, _ParamScheduler, compare_arguments
from paramsched.compat.mmengine.optimizers import OptimizerLike
from paramsched.compat.step_engine import StepEngine
from paramsched.errors import InvalidArgument, PlanChanged, StateError
from paramsched.peers.mmengine.config_run import RunLength
from paramsched.peers.mmengine.table import INF, SchedulerRow, argument_cautions
from paramsched.peers.mmengine.to_schedule import combine_schedulers
from paramsched.plan import resolve
from paramsched.schedules.rules import Rule
from paramsched.time import Calendar


class RuleScheduler(_ParamScheduler):
    """A class of MMEngine's table, whose arguments are those of a kernel rule.

    Each step starts from the value that is in the group, so that several schedulers of one entry combine.
    """

    table_row: ClassVar[SchedulerRow]
    _argument_signature: ClassVar[inspect.Signature]

    def __init__(self, optimizer: OptimizerLike, param_name: str, *args: Any, **kwargs: Any) -> None:
        optimizers.require_optimizer(optimizer)
        arguments = self._checked_arguments(args, kwargs)
        tail = {name: arguments.pop(name) for name in ("begin", "end", "last_step", "by_epoch", "verbose")}
        vars(self).update(arguments)
        self._write_into_groups(optimizer, param_name, tail["last_step"])
        self._start_scheduler(optimizer, param_name, tail)

    def _start_scheduler(self, optimizer: OptimizerLike, param_name: str, tail: Mapping[str, Any]) -> None:
        super().__init__(optimizer, param_name, **tail)

    def _write_into_groups(self, optimizer: OptimizerLike, param_name: str, last_step: int) -> None:
        """What a class writes into the groups before the first tick."""

    def _checked_arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The row's arguments by name, checked, with what follows from them."""
        bound = self._argument_signature.bind(*args, **kwargs)
        given = self.table_row.defaulted(bound.arguments)
        for fault in self.table_row.check(given):
            raise fault.kind(f"{type(self).__name__}: {fault.message}")
        arguments = self.table_row.complete(given)
        for caution in argument_cautions(self.table_row, arguments):
            warn_user(f"{type(self).__name__}: {caution}")
        return arguments

    def _get_value(self) -> list[float]:
        """What the rule makes of the present values at local tick `last_step`."""
        present = self._present_values()
        engine = self._engine_now()
        bases = list(self.base_values)
        if engine.bases != bases:
            engine.bind(bases)
        # A foreign state does not tell what the groups held at the first tick. Their bases stand in for it.
        entries: list[float] | None = vars(self).get("_entry")
        return engine.stepped(self.last_step, present, entries)

    def _engine_now(self) -> StepEngine:
        """The engine for the arguments, which may be changed between two steps."""
        held = vars(self)
        given = tuple([held.get(name) for name in self._configured])
        kept: tuple[Any, StepEngine] | None = getattr(self, "_engine", None)
        if kept is None or kept[0] != given:
            # A copy, so that milestones changed in place are noticed.
            self._engine = kept = by_value(given), StepEngine(self._rule_now())
        return kept[1]

    def _rule_now(self) -> Rule:
        assert self.table_row.rule is not None
        return self.table_row.rule(vars(self))

    def _replay_for_group(self, index: int) -> None:
        """Make all ticks up to the present one for this group alone."""
        if self.last_step < 0:
            return
        group = self.optimizer.param_groups[index]
        engine = StepEngine(self._rule_now(), bases=[self.base_values[index]])
        entry = reached = [optimizers.present_value(group, self.param_name)]
        for tick in range(self.last_step + 1):
            reached = engine.stepped(tick, reached, entry)
        optimizers.write_value(group, self.param_name, reached[0])

    @classmethod
    def _check_conversion(cls, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Refuse counts by position; warn of a factor that would act in each iteration."""
        required = [one.name for one in cls.table_row.arguments if one.counted and one.required]
        absent = [name for name in required if name not in kwargs]
        before = 1 if issubclass(cls, (LRSchedulerMixin, MomentumSchedulerMixin)) else 2
        positional = [one.name for one in cls.table_row.arguments[: max(len(args) - before, 0)] if one.counted]
        if absent or positional:
            name = (absent or positional)[0]
            raise TypeError(
                f"{cls.__name__}.build_iter_from_epoch: {name} has to be given by keyword, so that it is converted. "
                f"Write {name}=…"
            )
        if cls.table_row.name == "Exponential":
            arguments = cls.table_row.defaulted({"gamma": None, **kwargs})
            for caution in argument_cautions(cls.table_row, {**arguments, "end": INF}, converted_from_epochs=True):
                warn_user(f"{cls.__name__}: {caution}")


class LRSchedulerMixin:
    """Before a `…ParamScheduler` class: the same for the learning rate."""

    def __init__(self, optimizer: OptimizerLike, *args: Any, **kwargs: Any) -> None:
        super().__init__(optimizer, "lr", *args, **kwargs)  # type: ignore[call-arg]  # the class that is mixed in


class MomentumSchedulerMixin:
    """Before a `…ParamScheduler` class: the same for SGD's `momentum` or Adam's `betas[0]`.

    A group of Adam gets an entry `momentum` that always equals `betas[0]`; the latter is what counts (row 31 of
    docs/compat/divergences.md).

    Raises:
        ValueError: the optimizer has neither.
    """

    use_betas: bool

    def __init__(self, optimizer: OptimizerLike, *args: Any, **kwargs: Any) -> None:
        optimizers.require_optimizer(optimizer)
        defaults = optimizer.defaults  # type: ignore[union-attr]  # a wrapper has it as an optimizer has
        self.use_betas = "momentum" not in defaults
        if self.use_betas:
            if "betas" not in defaults:
                raise ValueError(
                    "optimizer must support momentum when using momentum scheduler: "
                    f"{type(optimizer).__name__} has {', '.join(defaults)}. Use SGD with momentum, or Adam"
                )
            copy_beta_to_momentum(optimizer)
        super().__init__(optimizer, "momentum", *args, **kwargs)  # type: ignore[call-arg]  # as above

    def step(self, *args: Any, **kwargs: Any) -> None:
        """Make one tick."""
        if self.use_betas:
            copy_beta_to_momentum(self.optimizer)  # type: ignore[attr-defined]  # of the class that is mixed in
        super().step(*args, **kwargs)  # type: ignore[misc]  # as above


def copy_beta_to_momentum(optimizer: OptimizerLike) -> None:
    """Let every group's `momentum` say what `betas[0]` is."""
    for group in optimizer.param_groups:
        group["momentum"] = optimizers.present_value(group, "momentum")


OnChange: TypeAlias = Literal["new", "checkpoint", "error"]
"""Which arguments go on where the checkpoint's differ: those of the new config, the checkpoint's, or none."""

Schedulers: TypeAlias = Sequence[_ParamScheduler] | Mapping[str, Sequence[_ParamScheduler]]
"""What `build_param_scheduler` returns."""

_MEMORY = (
    "last_step", "_global_step", "_skipped", "_entry", "_last_value", "base_values",
    "best", "num_bad_epochs", "cooldown_counter", "last_metric", "last_metric_step",
)  # fmt: skip
_log = logging.getLogger("paramsched")


def restore(
    schedulers: Schedulers,
    states: Any,
    *,
    on_change: OnChange = "new",
    epoch_length: int | None = None,
) -> tuple[str, ...]:
    """Take over the clocks of a checkpoint; the optimizer's own state is loaded before.

    Args:
        schedulers: newly built, from the config that goes on.
        states: what a checkpoint has at `param_schedulers`: a list of states, or a dict of lists.
        on_change: `"new"`: the new arguments go on from the present time, as if they had always been there;
            `"checkpoint"`: the saved ones do; `"error"`: nothing is changed.
        epoch_length: iterations in an epoch, to find the present value where schedulers of both kinds meet.

    Returns:
        The differences, a line each; they are logged on logger `paramsched` at WARNING too.

    Raises:
        StateError: another number of schedulers, another class, or another entry of the groups. Nothing is changed.
        PlanChanged: arguments differ and `on_change="error"`. Nothing is changed.

    Rows 20 and 21 of docs/compat/divergences.md.
    """
    if on_change not in ("new", "checkpoint", "error"):
        raise InvalidArgument(f"restore(on_change={on_change!r})", "no policy", 'Write "new", "checkpoint" or "error"')
    if isinstance(schedulers, Mapping):
        if not isinstance(states, Mapping) or set(states) != set(schedulers):
            found = ", ".join(map(str, states)) if isinstance(states, Mapping) else f"a {type(states).__name__}"
            raise StateError(f"restore: schedulers for {', '.join(schedulers)}; the checkpoint has {found}")
        pairs = [(schedulers[name], states[name], f"{name}: ") for name in schedulers]
    else:
        pairs = [(schedulers, states, "")]
    # Everything is looked at before anything is changed.
    changes = [_compared_states(mine, theirs, where) for mine, theirs, where in pairs]
    lines = tuple(
        f"{place} {name}: {theirs!r} in the checkpoint, {ours!r} now"
        for compared in changes
        for _, place, found in compared
        for name, (ours, theirs) in found.items()
    )
    if lines and on_change == "error":
        raise PlanChanged("restore: the checkpoint was made with other arguments:\n" + "\n".join(lines))
    for line in lines:
        _log.warning("%s (%s goes on)", line, "the new one" if on_change == "new" else "the checkpoint's")
    for (mine, theirs, _), changed in zip(pairs, changes, strict=True):
        for scheduler, state in zip(mine, theirs, strict=True):
            _take_over_state(scheduler, state, whole=on_change == "checkpoint")
        if on_change == "new":
            fields = {scheduler.param_name for scheduler, _, differences in changed if differences}
            _write_present_values(mine, fields, epoch_length)
    return lines


def argument_changes(scheduler: _ParamScheduler, state: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """`compare_arguments`; one of MMEngine's own does not tell what its arguments are."""
    return compare_arguments(scheduler, state) if _ParamScheduler in type(scheduler).__mro__ else {}


def _compared_states(
    mine: Sequence[_ParamScheduler], theirs: Any, where: str
) -> list[tuple[_ParamScheduler, str, dict[str, tuple[Any, Any]]]]:
    """Each scheduler with its place and what its state has differently."""
    if not isinstance(theirs, Sequence) or len(mine) != len(theirs):
        count = len(theirs) if isinstance(theirs, Sequence) else "no list of"
        names = ", ".join(type(one).__name__ for one in mine)
        raise StateError(
            f"restore: {where}{len(mine)} schedulers ({names}), and the checkpoint has {count} states. "
            "Build the schedulers it was saved from"
        )
    return [
        (scheduler, f"{where}[{index}] {type(scheduler).__name__}", argument_changes(scheduler, state))
        for index, (scheduler, state) in enumerate(zip(mine, theirs, strict=True))
    ]


def _take_over_state(scheduler: _ParamScheduler, state: Mapping[str, Any], *, whole: bool) -> None:
    """Take over what a state remembers. `whole` takes over its arguments too."""
    if _ParamScheduler not in type(scheduler).__mro__:
        scheduler.load_state_dict({key: value for key, value in state.items() if key != CLASS_KEY})
        return
    if whole:
        scheduler._remember({key: value for key, value in state.items() if not callable(value)})
        return
    if isinstance(scheduler, RuleScheduler):
        taken: tuple[str, ...] = _MEMORY
    else:
        # Of a user's class only its arguments are known. Whatever else it keeps is its memory.
        taken = tuple(key for key in state if key not in (*scheduler._configured, CLASS_KEY))
    scheduler._remember({key: state[key] for key in taken if key in state})
    if isinstance(scheduler, RuleScheduler) and scheduler.table_row.rule is not None:
        # The new window may be another one, so other ticks were in it.
        within = min(scheduler._window_tick, ceil(scheduler.end) - 1) - ceil(scheduler.begin)
        scheduler.last_step = max(within, -1)


def _write_present_values(schedulers: Sequence[_ParamScheduler], fields: set[str], epoch_length: int | None) -> None:
    """Write what the new arguments give now, where a formula says it."""
    for field in sorted(fields):
        mine = [scheduler for scheduler in schedulers if scheduler.param_name == field]
        by_rule = [one for one in mine if isinstance(one, RuleScheduler) and one.table_row.rule is not None]
        # One that was built with `last_step` does not know the values before it.
        if len(by_rule) < len(mine) or any(one._window_tick != one._global_step for one in by_rule):
            _log.warning("%s: the present value stays; a formula for it is not known", field)
            continue
        length = epoch_length or _find_epoch_length(by_rule)
        if length is None:
            _log.warning("%s: the present value stays; give epoch_length to compute it", field)
            continue
        now = max(one._global_step * (length if one.by_epoch else 1) for one in by_rule)
        for index, group in enumerate(by_rule[0].optimizer.param_groups):
            together = [(one.table_row, _arguments_of_group(one, index)) for one in by_rule]
            schedule = combine_schedulers(together, RunLength(length), any_epoch=True).schedule
            if not schedule.is_resolved:
                schedule = resolve(schedule, Calendar(steps_per_epoch=length, total=now + 1))
            value = schedule(now, base=float(by_rule[0].base_values[index]))
            optimizers.write_value(group, field, value)
        for one in by_rule:
            one._last_value = one._present_values()


def _arguments_of_group(scheduler: RuleScheduler, index: int) -> dict[str, Any]:
    """The arguments with the peak of this group, where there is one for each."""
    held, row = vars(scheduler), scheduler.table_row
    arguments = row.complete({one.name: held[one.name] for one in row.arguments if one.name in held})
    peaks = arguments.get("eta_max")
    if isinstance(peaks, (list, tuple)):
        arguments["eta_max"] = peaks[min(index, len(peaks) - 1)]
    return arguments


def _find_epoch_length(schedulers: Sequence[_ParamScheduler]) -> int | None:
    """Iterations in an epoch, from how often each kind has ticked."""
    epochs = {one._global_step for one in schedulers if one.by_epoch}
    iterations = {one._global_step for one in schedulers if not one.by_epoch}
    if not epochs or not iterations:
        return 1
    ticks, passes = max(iterations), max(epochs)
    return ticks // passes if passes and ticks % passes == 0 else None
