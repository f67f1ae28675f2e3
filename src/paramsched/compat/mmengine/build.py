"""Build schedulers from a config, restore them from a checkpoint, and report what they did."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from typing import Any, Literal, TypeAlias, overload

from paramsched.base.user_warnings import warn_user
from paramsched.compat.mmengine import optimizers
from paramsched.compat.mmengine.base import CLASS_KEY, RuleScheduler, _ParamScheduler, compare_arguments
from paramsched.compat.mmengine.one_cycle import ReduceOnPlateauParamScheduler
from paramsched.compat.mmengine.optimizers import OptimizerLike
from paramsched.compat.mmengine.registry import PARAM_SCHEDULERS
from paramsched.errors import InvalidArgument, PlanChanged, StateError
from paramsched.peers.mmengine.config_run import RunLength
from paramsched.peers.mmengine.to_schedule import combine_schedulers, list_warnings
from paramsched.plan import resolve
from paramsched.time import Calendar


@overload
def build_param_scheduler(
    config: Any,
    optimizer: OptimizerLike,
    *,
    epoch_length: int | None = None,
    max_epochs: int | None = None,
    max_iters: int | None = None,
) -> list[_ParamScheduler]: ...
@overload
def build_param_scheduler(
    config: Any,
    optimizer: Mapping[str, OptimizerLike],
    *,
    epoch_length: int | None = None,
    max_epochs: int | None = None,
    max_iters: int | None = None,
) -> dict[str, list[_ParamScheduler]]: ...
def build_param_scheduler(
    config: Any,
    optimizer: OptimizerLike | Mapping[str, OptimizerLike],
    *,
    epoch_length: int | None = None,
    max_epochs: int | None = None,
    max_iters: int | None = None,
) -> list[_ParamScheduler] | dict[str, list[_ParamScheduler]]:
    """Build the schedulers of a config.

    A dict without `end` gets the length of the run, in its own unit; `convert_to_iter_based=True` builds it by
    `build_iter_from_epoch`.

    Args:
        config: None, a dict with `type`, a built scheduler, a list of either; for several optimizers also a dict of
            these by the optimizers' names.
        optimizer: one, or several by name.
        epoch_length: batches in an epoch.
        max_epochs: length of a run by epochs.
        max_iters: length of a run by iterations; schedulers by epoch then count passes of `epoch_length` batches.

    Returns:
        A list, or a dict of lists for several optimizers.

    Raises:
        TypeError: an element that is no dict and no scheduler, or a list of both kinds.
        AssertionError: a dict without `type`.
        KeyError: an unknown `type`, or an optimizer the dict does not name.
        ValueError: one built scheduler for several optimizers, names of no optimizer, or an argument out of range. The
            message names the scheduler's place in the list.

    Source: MMEngine `Runner.build_param_scheduler`. Rows 25-28 and 38 of docs/compat/divergences.md.
    """
    run = RunLength(epoch_length, max_epochs, max_iters)
    if not isinstance(optimizer, Mapping):
        return _build_list(config, optimizer, run, "")
    if isinstance(config, Mapping) and "type" not in config:
        unknown = sorted(set(config) - set(optimizer))
        if unknown:
            raise ValueError(
                f"param_scheduler names {', '.join(map(repr, unknown))}, and the optimizers are "
                f"{', '.join(map(repr, optimizer))}. Name each scheduler after its optimizer"
            )
        missing = sorted(set(optimizer) - set(config))
        if missing:
            raise KeyError(
                f"param_scheduler has nothing for {', '.join(map(repr, missing))}. Write {missing[0]}=None for none"
            )
        return {name: _build_list(config[name], one, run, f"{name}: ") for name, one in optimizer.items()}
    if len(optimizer) > 1 and any(isinstance(one, _ParamScheduler) for one in _config_elements(config)):
        raise ValueError(
            "a built scheduler belongs to one optimizer, and it would be stepped once for each of "
            f"{', '.join(map(repr, optimizer))}. Write {{{next(iter(optimizer))!r}: [scheduler], …}}, or a dict"
        )
    return {name: _build_list(config, one, run, f"{name}: ") for name, one in optimizer.items()}


def _config_elements(config: Any) -> list[Any]:
    if config is None:
        return []
    return list(config) if isinstance(config, (list, tuple)) else [config]


def _build_list(config: Any, optimizer: OptimizerLike, run: RunLength, where: str) -> list[_ParamScheduler]:
    """Build the schedulers of one optimizer."""
    elements = _config_elements(config)
    kinds = {isinstance(one, _ParamScheduler) for one in elements}
    if len(kinds) == 2:
        raise TypeError(
            f"{where}param_scheduler mixes built schedulers and dicts. Write dicts only, or build all of them"
        )
    built = [_build_element(element, index, optimizer, run, where) for index, element in enumerate(elements)]
    of_table = [(one.table_row, vars(one)) for one in built if isinstance(one, RuleScheduler)]
    for caution in list_warnings(of_table, run):
        warn_user(f"{where}param_scheduler[{caution.index}]: {caution.text}")
    return built


def _build_element(element: Any, index: int, optimizer: OptimizerLike, run: RunLength, where: str) -> _ParamScheduler:
    """Build one scheduler; errors name its place in the list."""
    if isinstance(element, _ParamScheduler):
        return element
    place = f"{where}param_scheduler[{index}]"
    if not isinstance(element, Mapping):
        raise TypeError(
            f"{place}: a scheduler or a dict is needed, not {element!r}. Write dict(type='StepLR', step_size=3)"
        )
    if "type" not in element:
        raise AssertionError(f"{place}: it has no `type`. Write dict(type='StepLR', step_size=3)")
    arguments = dict(element)
    cls = PARAM_SCHEDULERS.find(arguments.pop("type"))
    convert = arguments.pop("convert_to_iter_based", False)
    arguments.pop("epoch_length", None)
    by_epoch = arguments.get("by_epoch", True)
    default_end = run.end(by_epoch)
    if default_end is not None:
        arguments.setdefault("end", default_end)
    try:
        if not convert:
            return cls(optimizer=optimizer, **arguments)  # type: ignore[no-any-return]  # what a config names
        if not by_epoch:
            raise AssertionError("convert_to_iter_based=True is for arguments in epochs. Leave by_epoch=False out")
        if run.epoch_length is None:
            raise ValueError(
                "convert_to_iter_based=True needs the batches in an epoch. Give epoch_length=len(train_dataloader)"
            )
        return cls.build_iter_from_epoch(optimizer=optimizer, epoch_length=run.epoch_length, **arguments)  # type: ignore[no-any-return]  # as above
    except (ValueError, AssertionError, TypeError, KeyError) as error:
        # The same kind of error, and where it was found (row 38).
        text = error.args[0] if isinstance(error, KeyError) and error.args else error
        raise type(error)(f"{place} ({cls.__name__}): {text}") from error


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
    """Return `compare_arguments`; nothing for MMEngine's own schedulers, whose arguments are unknown."""
    return compare_arguments(scheduler, state) if _ParamScheduler in type(scheduler).__mro__ else {}


def _compared_states(
    mine: Sequence[_ParamScheduler], theirs: Any, where: str
) -> list[tuple[_ParamScheduler, str, dict[str, tuple[Any, Any]]]]:
    """Return each scheduler with its place and the arguments that differ in its state."""
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
    if isinstance(scheduler, RuleScheduler) and not scheduler.table_row.reacts_to_metric:
        # The new window may be another one, so other ticks were in it.
        within = min(scheduler._window_tick, ceil(scheduler.end) - 1) - ceil(scheduler.begin)
        scheduler.last_step = max(within, -1)


def _write_present_values(schedulers: Sequence[_ParamScheduler], fields: set[str], epoch_length: int | None) -> None:
    """Write the present values of the new arguments, if a formula has them."""
    for field in sorted(fields):
        mine = [scheduler for scheduler in schedulers if scheduler.param_name == field]
        by_rule = [one for one in mine if isinstance(one, RuleScheduler) and not one.table_row.reacts_to_metric]
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
            together = []
            for row, held in ((one.table_row, vars(one)) for one in by_rule):
                arguments = row.complete({name: held[name] for name in row.arguments if name in held})
                peaks = arguments.get("eta_max")
                if isinstance(peaks, (list, tuple)):  # one for each group
                    arguments["eta_max"] = peaks[min(index, len(peaks) - 1)]
                together.append((row, arguments))
            schedule = combine_schedulers(together, RunLength(length), any_epoch=True).schedule
            if not schedule.is_resolved:
                schedule = resolve(schedule, Calendar(steps_per_epoch=length, total=now + 1))
            value = schedule(now, base=float(by_rule[0].base_values[index]))
            optimizers.write_value(group, field, value)
        for one in by_rule:
            one._last_value = one._present_values()


def _find_epoch_length(schedulers: Sequence[_ParamScheduler]) -> int | None:
    """Return the iterations in an epoch, from how often each kind has ticked."""
    epochs = {one._global_step for one in schedulers if one.by_epoch}
    iterations = {one._global_step for one in schedulers if not one.by_epoch}
    if not epochs or not iterations:
        return 1
    ticks, passes = max(iterations), max(epochs)
    return ticks // passes if passes and ticks % passes == 0 else None


def scheduled_values(schedulers: Iterable[_ParamScheduler]) -> dict[str, list[float]]:
    """Return the present value of every scheduled field in every group of the optimizer, for a log.

    MMEngine logs the first group's learning rate only (rows 29 and 30 of docs/compat/divergences.md).
    """
    values: dict[str, list[float]] = {}
    for scheduler in schedulers:
        optimizer = optimizers.inner_optimizer(scheduler.optimizer) or scheduler.optimizer
        name = getattr(scheduler, "param_name", None)  # a user's class need not construct its base
        if name is not None:
            values[name] = [float(optimizers.present_value(group, name)) for group in optimizer.param_groups]
    return values


def unmeasured(schedulers: Iterable[_ParamScheduler]) -> list[str]:
    """Return a line for each plateau that never saw a metric, with the reason (row 13 of divergences.md)."""
    never = []
    for index, one in enumerate(schedulers):
        if isinstance(one, ReduceOnPlateauParamScheduler):
            held = vars(one)  # MMEngine's own class does not keep the last metric
            unseen = held["last_metric"] is None if "last_metric" in held else held.get("last_step", 0) < 0
            if unseen and "monitor" in held:
                never.append(
                    f"[{index}] {type(one).__name__} never received {one.monitor!r} and so never acted: it acts after "
                    f"validations in its window [{one.begin}, {one.end}). Give the run a validation, or call "
                    f"step({{{one.monitor!r}: …}})"
                )
    return never
