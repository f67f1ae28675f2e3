"""Build schedulers from a config, restore them from a checkpoint, and report their values."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from inspect import signature
from math import ceil
from typing import Any, Literal, TypeAlias, overload

import torch

from paramsched.core.base.problem import Problem, warn_user
from paramsched.errors import InvalidArgument, PlanChanged, StateError
from paramsched.mmengine.reader.config_run import RunLength
from paramsched.mmengine.reader.to_schedule import list_warnings
from paramsched.mmengine.schedulers import optimizers
from paramsched.mmengine.schedulers.base import CLASS_KEY, GROUPS_KEY, RuleScheduler, _ParamScheduler, compare_arguments
from paramsched.mmengine.schedulers.one_cycle import ReduceOnPlateauParamScheduler
from paramsched.mmengine.schedulers.optimizers import OptimizerLike
from paramsched.mmengine.schedulers.registry import PARAM_SCHEDULERS


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

    A scheduler whose dict has no `end` ends with the run. A dict with `convert_to_iter_based=True` is passed to the
    `build_iter_from_epoch` of its class.

    Args:
        config: None, a dict with `type`, a built scheduler, or a list of either. For several optimizers it may also be
            a dict of these, keyed by the names of the optimizers.
        optimizer: one optimizer, or a dict of optimizers by name.
        epoch_length: batches per epoch; None if unknown.
        max_epochs: length of the run in epochs; None if the run is measured in iterations.
        max_iters: length of the run in iterations; schedulers with `by_epoch=True` then count passes of
            `epoch_length` batches.

    Returns:
        A list of schedulers; for several optimizers a dict of lists by name.

    Raises:
        TypeError: if an element is neither a dict nor a scheduler, or the list contains both.
        AssertionError: if a dict has no `type`.
        KeyError: if a `type` is unknown, or the dict omits an optimizer.
        ValueError: if one built scheduler is passed for several optimizers, a name belongs to no optimizer, or an
            argument is out of range. The message names the scheduler's index in the list.

    Source: MMEngine `Runner.build_param_scheduler`. The differences are rows 25-28 and 38 of
    docs/reference/divergences.md.
    """
    run = RunLength(epoch_length, max_epochs, max_iters)
    if not isinstance(optimizer, Mapping):
        return _build_list(config, optimizer, run, "")
    if isinstance(config, Mapping) and "type" not in config:
        unknown = sorted(set(config) - set(optimizer))
        if unknown:
            raise ValueError(
                f"param_scheduler names {', '.join(map(repr, unknown))}, but the optimizers are "
                f"{', '.join(map(repr, optimizer))}. Name each scheduler after its optimizer"
            )
        missing = sorted(set(optimizer) - set(config))
        if missing:
            raise KeyError(
                f"param_scheduler has no entry for {', '.join(map(repr, missing))}. "
                f"Use {missing[0]}=None for no scheduler"
            )
        return {name: _build_list(config[name], one, run, f"{name}: ") for name, one in optimizer.items()}
    if len(optimizer) > 1 and any(isinstance(one, _ParamScheduler) for one in _config_elements(config)):
        raise ValueError(
            "a built scheduler belongs to one optimizer, but it would be stepped once for each of "
            f"{', '.join(map(repr, optimizer))}. Use {{{next(iter(optimizer))!r}: [scheduler], …}}, or dict(type=…)"
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
            f"{where}param_scheduler mixes built schedulers and dicts. Use dicts only, or build all of them"
        )
    built = [_build_element(element, index, optimizer, run, where) for index, element in enumerate(elements)]
    of_table = [(one.table_row, vars(one)) for one in built if isinstance(one, RuleScheduler)]
    for caution in list_warnings(of_table, run):
        warn_user(Problem(site=f"{where}param_scheduler[{caution.index}]", found=caution.text))
    return built


def _build_element(element: Any, index: int, optimizer: OptimizerLike, run: RunLength, where: str) -> _ParamScheduler:
    """Build one scheduler; errors name its index in the list."""
    if isinstance(element, _ParamScheduler):
        return element
    place = f"{where}param_scheduler[{index}]"
    if not isinstance(element, Mapping):
        raise TypeError(
            f"{place}: expected a scheduler or a dict, got {element!r}. For example: dict(type='StepLR', step_size=3)"
        )
    if "type" not in element:
        raise AssertionError(f"{place}: it has no `type`. For example: dict(type='StepLR', step_size=3)")
    arguments = dict(element)
    cls = PARAM_SCHEDULERS.find(arguments.pop("type"))
    convert = arguments.pop("convert_to_iter_based", False)
    for name in ("epoch_length", "_scope_"):  # not arguments of the class
        arguments.pop(name, None)
    by_epoch = arguments.get("by_epoch", True)
    default_end = run.end(by_epoch)
    if default_end is not None:
        arguments.setdefault("end", default_end)
    try:
        if not convert:
            return cls(optimizer=optimizer, **arguments)  # type: ignore[no-any-return]  # a class named in a config
        if not by_epoch:
            raise AssertionError("convert_to_iter_based=True requires arguments in epochs. Omit by_epoch=False")
        if run.epoch_length is None:
            raise ValueError(
                "convert_to_iter_based=True needs the number of batches per epoch. "
                "Write epoch_length=len(train_dataloader)"
            )
        return cls.build_iter_from_epoch(optimizer=optimizer, epoch_length=run.epoch_length, **arguments)  # type: ignore[no-any-return]  # as above
    except (ValueError, AssertionError, TypeError, KeyError) as error:
        # Keep the type of the error and add the location (docs/reference/divergences.md, MMEngine 38).
        text = error.args[0] if isinstance(error, KeyError) and error.args else error
        raise type(error)(f"{place} ({cls.__name__}): {text}") from error


OnChange: TypeAlias = Literal["new", "checkpoint", "error"]
"""The arguments to use if those of the checkpoint differ: the new ones, the checkpoint's, or neither (an error)."""

Schedulers: TypeAlias = Sequence[_ParamScheduler] | Mapping[str, Sequence[_ParamScheduler]]
"""The result of `build_param_scheduler`."""

_MEMORY = (
    "last_step", "_global_step", "_skipped", "_entry", "_last_value", "base_values",
    "best", "num_bad_epochs", "cooldown_counter", "last_metric", "last_metric_step",
)  # fmt: skip
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

    The differences from MMEngine are rows 20 and 21 of docs/reference/divergences.md.
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
    # All states are checked before any scheduler changes.
    compared = [compare_states("restore", *pair, error=on_change == "error") for pair in pairs]
    lines = tuple(line for changes in compared for _, found in changes for line in found)
    for line in lines:
        _log.warning("%s (using %s)", line, "the new value" if on_change == "new" else "the checkpoint's value")
    for (mine, theirs, _), changes in zip(pairs, compared, strict=True):
        changed = [scheduler for scheduler, found in changes if found]
        fields = {scheduler.param_name for scheduler in changed if on_change == "new"}
        for scheduler, state in zip(mine, theirs, strict=True):
            if _load_progress(scheduler, state, with_arguments=on_change == "checkpoint"):
                fields.add(scheduler.param_name)
        for scheduler in changed:
            scheduler._write_arguments()
        _write_present_values(mine, fields, epoch_length)
    return lines


def compare_states(
    call: str, mine: Sequence[_ParamScheduler], theirs: Any, where: str, *, error: bool
) -> list[tuple[_ParamScheduler, list[str]]]:
    """Return pairs of a scheduler and the lines of text about its arguments that differ from the saved ones.

    Args:
        call: the function or the setting that errors name.
        mine: the schedulers of one optimizer.
        theirs: the saved states.
        where: a prefix of messages.
        error: True to raise an error for a difference.

    Raises:
        StateError: if the number of the states, their classes or their fields differ from those of the schedulers.
        PlanChanged: if `error` is true and arguments differ.
    """
    if not isinstance(theirs, Sequence) or len(mine) != len(theirs):
        count = len(theirs) if isinstance(theirs, Sequence) else "no list of"
        names = ", ".join(type(one).__name__ for one in mine)
        raise StateError(
            f"{call}: {where}{len(mine)} schedulers ({names}), but the checkpoint has {count} states. "
            "Build the schedulers that were saved"
        )
    compared = []
    for index, (scheduler, state) in enumerate(zip(mine, theirs, strict=True)):
        # The arguments of MMEngine's own classes are unknown.
        known = _ParamScheduler in type(scheduler).__mro__
        found = compare_arguments(scheduler, state).items() if known else ()
        place = f"{where}[{index}] {type(scheduler).__name__}"
        lines = [f"{place} {name}: {saved!r} in the checkpoint, {ours!r} now" for name, (ours, saved) in found]
        compared.append((scheduler, lines))
    if error and any(lines for _, lines in compared):
        changed = "\n".join(line for _, lines in compared for line in lines)
        raise PlanChanged(f"{call}: the checkpoint was saved with other arguments, on_change is 'error':\n{changed}")
    return compared


def _load_progress(scheduler: _ParamScheduler, state: Mapping[str, Any], *, with_arguments: bool) -> bool:
    """Load the counters and values of a state, and the saved arguments too if `with_arguments` is true.

    Return whether its last tick has another place in the window, because the window has changed.
    """
    if _ParamScheduler not in type(scheduler).__mro__:
        scheduler.load_state_dict({key: value for key, value in state.items() if key not in (CLASS_KEY, GROUPS_KEY)})
        return False
    if with_arguments:
        taken = tuple(key for key, value in state.items() if not callable(value))
    elif isinstance(scheduler, RuleScheduler):
        taken = _MEMORY
    else:
        # Only the arguments of a user's class are known, so every other key counts as progress.
        taken = tuple(key for key in state if key not in (*scheduler._configured, CLASS_KEY))
    scheduler._remember({key: state[key] for key in taken if key in state})
    scheduler._write_saved_values(state)
    if not isinstance(scheduler, RuleScheduler) or scheduler.table_row.reacts_to_metric:
        return False
    # If the window has changed, the number of past ticks inside it differs from the saved number. In a run that
    # MMEngine began with `last_step`, the saved number is larger.
    within = max(min(scheduler._window_tick, ceil(scheduler.end) - 1) - ceil(scheduler.begin), -1)
    saved, is_other_window = scheduler.last_step, any(vars(scheduler)[name] != state[name] for name in ("begin", "end"))
    if is_other_window or within > saved:
        scheduler.last_step = within
    return scheduler.last_step != saved


def _write_present_values(schedulers: Sequence[_ParamScheduler], fields: set[str], epoch_length: int | None) -> None:
    """Write into the groups the values of `fields` that the new arguments give at the present step.

    A field without a formula for its values stays unchanged.
    """
    for field in sorted(fields):
        mine = [scheduler for scheduler in schedulers if scheduler.param_name == field]
        by_rule = [one for one in mine if isinstance(one, RuleScheduler) and not one.table_row.reacts_to_metric]
        # A scheduler that was built with `last_step` does not know the earlier values.
        if len(by_rule) < len(mine) or any(one._window_tick != one._global_step for one in by_rule):
            _log.warning("%s: the value is left unchanged, because no formula for it is known", field)
            continue
        length = epoch_length or _find_epoch_length(by_rule)
        if length is None:
            _log.warning("%s: the value is left unchanged; pass epoch_length to compute it", field)
            continue
        now = max(one._global_step * (length if one.by_epoch else 1) for one in by_rule)
        for group, value in zip(by_rule[0].optimizer.param_groups, _values_at(by_rule, length, now), strict=True):
            optimizers.write_value(group, field, value)
        for one in by_rule:
            one._last_value = one._present_values()


def _values_at(schedulers: Sequence[RuleScheduler], length: int, now: int) -> list[float]:
    """Return the values after `now` steps, by running schedulers with the same arguments from the bases on."""
    field, bases = schedulers[0].param_name, schedulers[0].base_values
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))]} for _ in bases]
    optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
    for group, base in zip(optimizer.param_groups, bases, strict=True):
        group[field] = group[f"initial_{field}"] = float(base)
    fresh = []
    for one in schedulers:
        held = {name: vars(one)[name] for name in one.table_row.arguments if name in vars(one) and name != "last_step"}
        named = {} if "param_name" not in signature(type(one)).parameters else {"param_name": field}
        fresh.append(type(one)(optimizer, **named, **held))
    fresh.sort(key=lambda one: one.by_epoch)  # MMEngine steps those by iteration first
    for t in range(1, now + 1):
        for one in fresh:
            if not one.by_epoch or t % length == 0:
                one.step()
    return [float(group[field]) for group in optimizer.param_groups]


def _find_epoch_length(schedulers: Sequence[_ParamScheduler]) -> int | None:
    """Return the iterations per epoch: the steps of schedulers by iteration divided by the steps of those by epoch.

    Returns 1 if all schedulers have the same unit, and None if the result is not an integer.
    """
    epochs = {one._global_step for one in schedulers if one.by_epoch}
    iterations = {one._global_step for one in schedulers if not one.by_epoch}
    if not epochs or not iterations:
        return 1
    ticks, passes = max(iterations), max(epochs)
    return ticks // passes if passes and ticks % passes == 0 else None


def scheduled_values(schedulers: Iterable[_ParamScheduler]) -> dict[str, list[float]]:
    """Return a dict from each scheduled field to its present values, one per group, for logging.

    MMEngine logs the first group's learning rate only (rows 29 and 30 of docs/reference/divergences.md).
    """
    values: dict[str, list[float]] = {}
    for scheduler in schedulers:
        optimizer = optimizers.inner_optimizer(scheduler.optimizer) or scheduler.optimizer
        name = getattr(scheduler, "param_name", None)  # a user's class may skip the constructor of its base
        if name is not None:
            values[name] = [float(optimizers.present_value(group, name)) for group in optimizer.param_groups]
    return values


def unmeasured(schedulers: Iterable[_ParamScheduler]) -> list[str]:
    """Return a message for each plateau scheduler that never received a metric.

    MMEngine reports nothing in this case (docs/reference/divergences.md, MMEngine 13).
    """
    never = []
    for index, one in enumerate(schedulers):
        if isinstance(one, ReduceOnPlateauParamScheduler):
            held = vars(one)  # MMEngine's own class does not store the last metric
            unseen = held["last_metric"] is None if "last_metric" in held else held.get("last_step", 0) < 0
            if unseen and "monitor" in held:
                never.append(
                    f"[{index}] {type(one).__name__} never received {one.monitor!r} and never acted. It acts after "
                    f"validations in its window [{one.begin}, {one.end}). Add a validation to the run, or call "
                    f"step({{{one.monitor!r}: …}})"
                )
    return never
