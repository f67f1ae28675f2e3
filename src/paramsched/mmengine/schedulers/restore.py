"""Resume schedulers from a checkpoint, with the arguments of the checkpoint or new ones."""

import copy
import logging
from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any, Final, Literal, TypeAlias

from paramsched.compat.group_values import by_value
from paramsched.errors import InvalidArgument, PlanChanged, StateError
from paramsched.mmengine.schedulers import param_scheduler
from paramsched.mmengine.schedulers.base import (
    ADDED_KEYS,
    _ParamScheduler,
    argument_names,
    changed_arguments,
)
from paramsched.mmengine.schedulers.optimizers import ValuesOnly

OnChange: TypeAlias = Literal["new", "checkpoint", "error"]
"""The arguments to use if those of the checkpoint differ: the new ones, the checkpoint's, or neither (an error)."""

Schedulers: TypeAlias = Sequence[_ParamScheduler] | Mapping[str, Sequence[_ParamScheduler]]
"""The result of `build_param_scheduler`."""

_log = logging.getLogger("paramsched.mmengine")


def restore(
    schedulers: Schedulers,
    states: Any,
    *,
    on_change: OnChange = "new",
    epoch_length: int | None = None,
) -> tuple[str, ...]:
    """Resume schedulers from a checkpoint, after the optimizer's own state has been loaded.

    Args:
        schedulers: newly built schedulers, as returned by `build_param_scheduler`.
        states: the entry `param_schedulers` of a checkpoint: a list of states, or a dict of lists.
        on_change: the arguments to use if the new and the saved ones differ. `"new"` continues with the new ones as if
            they had been used from the start, `"checkpoint"` continues with the saved ones, and `"error"` raises an
            error.
        epoch_length: iterations per epoch, needed if schedulers by epoch and by iteration act on the same entry.

    Returns:
        The differences, one line each. They are also logged on logger `paramsched` at level WARNING.

    Raises:
        StateError: if the schedulers of the checkpoint differ from `schedulers` in number, class or field. All
            schedulers stay unchanged.
        PlanChanged: if arguments differ and `on_change="error"`. All schedulers stay unchanged.
    """
    if on_change not in ("new", "checkpoint", "error"):
        raise InvalidArgument(
            f"restore(on_change={on_change!r})", "unknown policy", 'Use "new", "checkpoint" or "error"'
        )
    if isinstance(schedulers, Mapping):
        if not isinstance(states, Mapping) or set(states) != set(schedulers):
            found = ", ".join(map(str, states)) if isinstance(states, Mapping) else f"a {type(states).__name__}"
            raise StateError(f"restore: expected the states of schedulers for {', '.join(schedulers)}, got {found}")
        pairs = [(schedulers[name], states[name], f"{name}: ") for name in schedulers]
    else:
        pairs = [(schedulers, states, "")]
    for several, saved, where in pairs:
        if not isinstance(several, Sequence) or isinstance(saved, Mapping):
            found = "expected a list of schedulers and a list of their states"
            begin, end = (f"{{{where.removesuffix(': ')!r}: ", "}") if where else ("", "")
            line = f"restore({begin}[scheduler]{end}, {begin}[state]{end})"
            raise InvalidArgument("restore(…)", f"{where}{found}", example=line)
    # All states are checked before any scheduler changes.
    compared = [compare_states("restore", *pair, error=on_change == "error") for pair in pairs]
    lines = tuple(line for differences in compared for found in differences for line in found)
    for line in lines:
        _log.warning("%s (using %s)", line, "the new value" if on_change == "new" else "the checkpoint's value")
    for (several, saved, _), differences in zip(pairs, compared, strict=True):
        entries = set()  # the entries of the groups whose values are computed again
        for scheduler, state, listed in zip(several, saved, differences, strict=True):
            moved = _load_progress(scheduler, state, with_arguments=on_change == "checkpoint")
            if moved or (listed and on_change == "new"):
                entries.add(scheduler.param_name)
        for scheduler, listed in zip(several, differences, strict=True):
            if listed:
                scheduler._write_arguments()
        for entry in sorted(entries):
            _write_planned_values([one for one in several if one.param_name == entry], epoch_length)
    return lines


def compare_states(
    call: str, schedulers: Sequence[_ParamScheduler], states: Any, where: str, *, error: bool
) -> list[list[str]]:
    """Return for each scheduler a list with a line of text for each argument that differs from the saved one.

    Args:
        call: the function or the setting that errors name.
        schedulers: the schedulers of one optimizer.
        states: the saved states.
        where: a prefix of messages.
        error: True to raise an error for a difference.

    Raises:
        StateError: if the number of the states, their classes or their entries differ from those of the schedulers.
        PlanChanged: if `error` is true and arguments differ.
    """
    if not isinstance(states, Sequence) or len(schedulers) != len(states):
        count = len(states) if isinstance(states, Sequence) else "no list of"
        names = ", ".join(type(one).__name__ for one in schedulers)
        raise StateError(
            f"{call}: {where}{len(schedulers)} schedulers ({names}), but the checkpoint has {count} states. "
            "Build the schedulers that were saved"
        )
    compared = []
    for index, (scheduler, state) in enumerate(zip(schedulers, states, strict=True)):
        # The arguments of MMEngine's own classes are unknown.
        found = changed_arguments(scheduler, state) if isinstance(scheduler, _ParamScheduler) else {}
        place = f"{where}[{index}] {type(scheduler).__name__}"
        compared.append(
            [f"{place} {name}: {saved!r} in the checkpoint, {own!r} now" for name, (own, saved) in found.items()]
        )
    if error and any(compared):
        listed = "\n".join(line for lines in compared for line in lines)
        raise PlanChanged(f"{call}: the checkpoint was saved with other arguments, on_change is 'error':\n{listed}")
    return compared


def _load_progress(scheduler: _ParamScheduler, state: Mapping[str, Any], *, with_arguments: bool) -> bool:
    """Load the counters and values of a state, and the saved arguments too if `with_arguments` is true.

    Return True if its last step has another index in the window, because the window has changed.
    """
    if not isinstance(scheduler, _ParamScheduler):  # MMEngine's own class
        scheduler.load_state_dict({key: value for key, value in state.items() if key not in ADDED_KEYS})
        return False
    present = (*argument_names(type(scheduler)), "verbose", *_FROM_ARGUMENTS)
    scheduler._set_state(state, [name for name in state if with_arguments or name not in present])
    if not _has_formula(scheduler):
        return False
    # The saved index is larger in a run that MMEngine began with `last_step`.
    step = scheduler._global_step + scheduler._skipped
    index = max(min(step, ceil(scheduler.end) - 1) - ceil(scheduler.begin), -1)
    saved, has_new_window = scheduler.last_step, any(vars(scheduler)[name] != state[name] for name in ("begin", "end"))
    if has_new_window or index > saved:
        scheduler.last_step = index
    return scheduler.last_step != saved


_FROM_ARGUMENTS: Final = ("total_iters", "cumulative_periods", "min_values", "rule_worse", "_schedule_phases")
"""Attributes that constructors compute from their arguments."""


def _has_formula(scheduler: _ParamScheduler) -> bool:
    """Return whether the values of a scheduler depend on its step only, not on metrics or a user's code."""
    is_ours = getattr(type(scheduler)._get_value, "__module__", "") == param_scheduler.__name__
    return is_ours and not getattr(scheduler, "need_val_args", False)


def _write_planned_values(schedulers: Sequence[_ParamScheduler], epoch_length: int | None) -> None:
    """Write into the groups the values that schedulers of one entry have at the present step.

    Copies of the schedulers are stepped from the bases, on copies of the groups. A step takes about 10 µs for each.
    """
    first = schedulers[0]
    # A scheduler that was built with `last_step` does not know the earlier values.
    if any(not _has_formula(one) or one._skipped for one in schedulers):
        _log.warning("%s: the value is left unchanged, because no formula for it is known", first.param_name)
        return
    length = epoch_length or _find_epoch_length(schedulers)
    if length is None:
        _log.warning("%s: the value is left unchanged; pass epoch_length to compute it", first.param_name)
        return
    optimizer = ValuesOnly(by_value([{**group, "params": []} for group in first.optimizer.param_groups]))
    copies = [copy.copy(one) for one in schedulers]
    for one in copies:
        one.optimizer, one.base_values, one.last_step, one.verbose = optimizer, list(one.base_values), -1, False
    copies[0]._write_values(first.base_values)
    for one in copies:
        one._begin_run()
    optimizer.step()  # a scheduler warns if it is stepped before its optimizer
    now = max(one._global_step * (length if one.by_epoch else 1) for one in schedulers)
    in_order = sorted(copies, key=lambda one: one.by_epoch)  # MMEngine's hook steps those by iteration first
    for t in range(1, now + 1):
        for one in in_order:
            if not one.by_epoch or t % length == 0:
                one.step()
    values = by_value(copies[0]._present_values())
    first._write_values(values)
    for scheduler, stepped in zip(schedulers, copies, strict=True):
        scheduler._set_state(vars(stepped), ("last_step", "_entry"))
        scheduler._last_value = list(values)


def _find_epoch_length(schedulers: Sequence[_ParamScheduler]) -> int | None:
    """Return the iterations per epoch: the steps of schedulers by iteration divided by the steps of those by epoch.

    Returns 1 if all schedulers have the same unit, and None if the result is not an integer.
    """
    epochs = {one._global_step for one in schedulers if one.by_epoch}
    iterations = {one._global_step for one in schedulers if not one.by_epoch}
    if not epochs or not iterations:
        return 1
    steps, passes = max(iterations), max(epochs)
    return steps // passes if passes and steps % passes == 0 else None
