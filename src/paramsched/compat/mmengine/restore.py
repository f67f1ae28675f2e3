"""restore: put saved states into newly built schedulers, and say out loud what the configs have differently."""

import logging
from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any, Literal, TypeAlias

from paramsched.compat.mmengine import optimizers
from paramsched.compat.mmengine.base import CLASS_KEY, _ParamScheduler, compare_arguments
from paramsched.compat.mmengine.rule_scheduler import RuleScheduler
from paramsched.config.dialects.mmengine.config_run import RunLength
from paramsched.config.dialects.mmengine.to_schedule import schedule_for
from paramsched.errors import InvalidArgument, PlanChanged, StateError
from paramsched.plan import resolve
from paramsched.time import Calendar

OnChange: TypeAlias = Literal["new", "checkpoint", "error"]
"""Which arguments go on where the checkpoint's differ: those of the new config, the checkpoint's, or none."""

Schedulers: TypeAlias = Sequence[_ParamScheduler] | Mapping[str, Sequence[_ParamScheduler]]
"""What `build_param_scheduler` returns."""

_CLOCK_KEYS = ("last_step", "_global_step", "_skipped", "_entry", "_last_value", "base_values")
_PLATEAU_KEYS = ("best", "num_bad_epochs", "cooldown_counter", "last_metric", "last_metric_step")
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
            found = _state_names(states)
            raise StateError(f"restore: schedulers for {', '.join(schedulers)}; the checkpoint has {found}")
        pairs = [(schedulers[name], states[name], f"{name}: ") for name in schedulers]
    else:
        pairs = [(schedulers, states, "")]
    # Everything is looked at before anything is changed.
    changes = [_compared_states(mine, theirs, where) for mine, theirs, where in pairs]
    lines = tuple(line for one in changes for line in _difference_lines(one))
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
    """The arguments that a saved state has differently, ours and theirs by name.

    Raises:
        StateError: the state of another class, or of another entry of the groups.
    """
    if _ParamScheduler in type(scheduler).__mro__:
        return compare_arguments(scheduler, state)
    # One of MMEngine's own: what are arguments among its attributes it does not tell.
    return {}


_ComparedStates: TypeAlias = list[tuple[_ParamScheduler, str, dict[str, tuple[Any, Any]]]]


def _compared_states(mine: Sequence[_ParamScheduler], theirs: Any, where: str) -> _ComparedStates:
    """Each scheduler with its place in the list and the arguments that its state has differently."""
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


def _difference_lines(compared: _ComparedStates) -> list[str]:
    return [
        f"{place} {name}: {theirs!r} in the checkpoint, {ours!r} now"
        for _, place, found in compared
        for name, (ours, theirs) in found.items()
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
        taken: tuple[str, ...] = (*_CLOCK_KEYS, *_PLATEAU_KEYS)
    else:
        # Of a user's class only its arguments are known. Whatever else it keeps is its memory.
        taken = tuple(key for key in state if key not in (*scheduler._configured, CLASS_KEY))
    scheduler._remember({key: state[key] for key in taken if key in state})
    if isinstance(scheduler, RuleScheduler) and scheduler.table_row.rule is not None:
        # The new window may be another one, so other ticks were in it.
        within = min(scheduler._window_tick, ceil(scheduler.end) - 1) - ceil(scheduler.begin)
        scheduler.last_step = max(within, -1)


def _kept_arguments(scheduler: RuleScheduler) -> dict[str, Any]:
    held = vars(scheduler)
    return {one.name: held[one.name] for one in scheduler.table_row.arguments if one.name in held}


def _write_present_values(schedulers: Sequence[_ParamScheduler], fields: set[str], epoch_length: int | None) -> None:
    """Write what the new arguments give at the present time, where a formula says it."""
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
            schedule = schedule_for(together, RunLength(length))
            if not schedule.is_resolved:
                schedule = resolve(schedule, Calendar(steps_per_epoch=length, total=now + 1))
            value = schedule(now, base=float(by_rule[0].base_values[index]))
            optimizers.write_value(group, field, value)
        for one in by_rule:
            one._last_value = one._present_values()


def _arguments_of_group(scheduler: RuleScheduler, index: int) -> dict[str, Any]:
    """The arguments with the peak of this group, where there is one for each."""
    arguments = scheduler.table_row.complete(_kept_arguments(scheduler))
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


def _state_names(states: Any) -> str:
    return ", ".join(map(str, states)) if isinstance(states, Mapping) else f"a {type(states).__name__}"
