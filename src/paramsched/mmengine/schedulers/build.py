"""Schedulers of MMEngine from dicts of a config, and from a checkpoint."""

import copy
import inspect
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from importlib.util import find_spec
from math import ceil
from typing import Any, Final, Literal, TypeAlias, final, overload

from paramsched.base import codes
from paramsched.base.problem_collector import ProblemCollector, short_json, type_name_of
from paramsched.base.words import child_path, entry_path
from paramsched.compat.group_values import by_value
from paramsched.errors import AssertedArgument, CallSite, InvalidArgument, PlanChanged, StateError
from paramsched.mmengine.registry import SCOPES, Registry, check_names, registered_in_mmengine, report_error
from paramsched.mmengine.schedulers import param_scheduler
from paramsched.mmengine.schedulers.base import (
    ADDED_KEYS,
    OptimizerLike,
    ValuesOnly,
    _ParamScheduler,
    argument_names,
    changed_arguments,
    inner_optimizer,
    is_scheduler,
    present_value,
)
from paramsched.mmengine.schedulers.families import SCHEDULER_CLASSES
from paramsched.mmengine.schedulers.optim_wrapper import OptimWrapper

PARAM_SCHEDULERS: Final = Registry("parameter scheduler", fallback=partial(registered_in_mmengine, "PARAM_SCHEDULERS"))
"""The registry of scheduler classes: MMEngine's 29 and those of users."""

for _cls in SCHEDULER_CLASSES.values():
    PARAM_SCHEDULERS.register_module(module=_cls)


CONVERTED: Final = "convert_to_iter_based"
"""The entry of a scheduler's dict whose counts of epochs are converted to iterations."""
BUILDER_KEYS: Final = ("type", "epoch_length", "_scope_", CONVERTED)
"""The entries of a scheduler's dict that are not arguments of its class."""


@final
@dataclass(frozen=True, slots=True)
class RunLength:
    """The length of a run.

    Args:
        epoch_length: iterations per epoch; None if unknown.
        max_epochs: its length in epochs, if the loop runs by epochs.
        max_iters: its length in iterations, if the loop runs by iterations.
    """

    epoch_length: int | None = None
    max_epochs: int | None = None
    max_iters: int | None = None

    def end(self, by_epoch: bool) -> int | None:
        """Return the end of the run, the default of a scheduler's `end`, in epochs or iterations; None if unknown."""
        epochs = self.max_epochs
        length = self.epoch_length
        if by_epoch:
            if epochs is None and self.max_iters is not None and length:
                return ceil(self.max_iters / length)  # MMEngine takes 1 instead
            return epochs
        return epochs * length if self.max_iters is None and epochs is not None and length else self.max_iters


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
        config: None, a dict with `type`, a built scheduler, or a list of dicts or of built schedulers. For several
            optimizers it may also be a dict of these, keyed by the names of the optimizers.
        optimizer: one optimizer, or a dict of optimizers by name.
        epoch_length: batches per epoch; None if unknown.
        max_epochs: length of the run in epochs; None if the run is measured in iterations.
        max_iters: length of the run in iterations; schedulers with `by_epoch=True` then count passes of
            `epoch_length` batches.

    Returns:
        A list of schedulers; for several optimizers a dict of lists by name.

    Raises:
        ConfigError: if a scheduler cannot be built. The error lists every problem with its path.

    Source: MMEngine `Runner.build_param_scheduler`. docs/reference/divergences.md lists the differences.
    """
    problems = ProblemCollector()
    optimizers = optimizer if isinstance(optimizer, Mapping) else {"": optimizer}
    length = RunLength(epoch_length, max_epochs, max_iters)
    lists = build_lists(config, optimizers, length, entry_path("param_scheduler"), problems)
    problems.raise_any("build_param_scheduler")
    return lists if isinstance(optimizer, Mapping) else lists[""]


def _is_of_mmengine(cls: Any) -> bool:
    return any(base.__module__.startswith("mmengine.") for base in getattr(cls, "__mro__", ()))


def build_scheduler(cls: Any, element: Mapping[str, Any], optimizer: OptimizerLike, run: RunLength) -> _ParamScheduler:
    """Build a scheduler of a class from its dict; a missing `end` is the end of the run."""
    arguments = {name: value for name, value in element.items() if name not in BUILDER_KEYS}
    by_epoch = arguments.get("by_epoch", True)
    end = run.end(by_epoch)
    if end is not None:
        arguments.setdefault("end", end)
    if isinstance(optimizer, OptimWrapper) and _is_of_mmengine(cls):
        optimizer = optimizer.optimizer  # MMEngine's base class refuses wrappers other than its own
    if not element.get(CONVERTED, False):
        return cls(optimizer=optimizer, **arguments)  # type: ignore[no-any-return]  # a class named in a config
    site = CallSite(cls.__name__, CONVERTED, "True")
    if not by_epoch:
        raise AssertedArgument(site, "it requires arguments in epochs", "Omit by_epoch=False")
    if run.epoch_length is None:
        message = "it needs the number of batches per epoch"
        raise InvalidArgument(site, message, example="epoch_length=len(train_dataloader)")
    return cls.build_iter_from_epoch(optimizer=optimizer, epoch_length=run.epoch_length, **arguments)  # type: ignore[no-any-return]  # as above


EXAMPLE: Final = "For example: dict(type='MultiStepLR', milestones=[8, 11])"
"""The advice for a scheduler without a valid type."""


def build_entry(
    config: Any,
    path: str,
    optimizer: OptimizerLike,
    length: RunLength,
    problems: ProblemCollector,
    omitted: Collection[str] = (),
) -> Any:
    """Build a scheduler from the dict of a config; return None if it has a problem, which is reported.

    Args:
        config: the value in the config.
        path: its config path.
        optimizer: the optimizer, or a `ValuesOnly` to check the dict without changing an optimizer.
        length: the length of the run, for a missing `end` and for `convert_to_iter_based`.
        problems: receives the problems.
        omitted: entries of the dict that are ignored.
    """
    if not isinstance(config, Mapping):
        message = f"expected a scheduler, got {type_name_of(config)}: {short_json(config)}"
        problems.add(path, message, EXAMPLE, code=codes.WRONG_TYPE)
        return None
    before = problems.count
    config = {key: value for key, value in config.items() if key not in omitted}
    for name in (CONVERTED, "by_epoch"):
        if not isinstance(config.get(name, True), bool):
            message = f"{short_json(config[name])} is {type_name_of(config[name])}, not True or False"
            problems.add(child_path(path, name), message, code=codes.WRONG_TYPE)
    arguments = [name for name in config if name not in BUILDER_KEYS]
    cls = _class_of(config.get("type", ...), arguments, child_path(path, "type"), problems)
    if cls is None:
        return None
    if _is_own_class(cls):  # a user's class may convert its arguments in `build_iter_from_epoch`
        check_names(partial(cls, optimizer), arguments, path, problems)
    if problems.count > before:
        return None
    try:
        built = build_scheduler(cls, config, optimizer, length)
    except Exception as error:  # noqa: BLE001  # a user's class may raise anything
        report_error(error, path, problems, cls.__name__)
        return None
    missing = [name for name in ("step", "state_dict", "load_state_dict") if not callable(getattr(built, name, None))]
    if missing:
        message = f"{cls.__name__} has no {', '.join(missing)}()"
        advice = f"Derive it from {_BASE}"
        problems.add(path, message, advice, code=codes.WRONG_ARGUMENT)
        return None
    return built


_BASE: Final = "paramsched.mmengine.schedulers._ParamScheduler"


def _is_own_class(cls: Any) -> bool:
    return str(cls.__module__).startswith("paramsched.")


def build_lists(
    config: Any,
    optimizers: Mapping[str, OptimizerLike],
    length: RunLength,
    path: str,
    problems: ProblemCollector,
    omitted: Collection[str] = (),
) -> dict[str, list[Any]]:
    """Build the schedulers of each optimizer, and report every problem; a built scheduler is returned unchanged.

    Args:
        config: the value of `param_scheduler`.
        optimizers: the optimizers by name; the name of a single optimizer is empty.
        length: the length of the run.
        path: the path of the config.
        problems: receives the problems.
        omitted: entries of the dicts that are ignored.
    """
    by_name = list(optimizers) != [""] and isinstance(config, Mapping) and "type" not in config
    lists: dict[str, list[Any]] = {name: [] for name in optimizers}
    for name, many in _located_entries(config, list(optimizers), path, problems).items():
        built = [is_scheduler(entry) for entry, _ in many]
        if any(built) and len(optimizers) > 1 and not by_name:
            advice = f"Use {{{name!r}: [scheduler], …}}, or dict(type=…)"
            problems.add(path, "a built scheduler belongs to one optimizer", advice, code=codes.REFUSED_VALUE)
        elif any(built) and not all(built):
            element_path = child_path(path, name) if by_name else path
            advice = "Use dicts only, or build all of them"
            problems.add(element_path, "built schedulers and dicts are mixed", advice, code=codes.REFUSED_VALUE)
        elif name in optimizers:
            lists[name] = [
                element
                if is_scheduler(element)
                else build_entry(element, element_path, optimizers[name], length, problems, omitted)
                for element, element_path in many
            ]
        if problems.count and not by_name:  # the other optimizers would have the same problems
            break
    return lists


def _located_entries(
    config: Any, names: Collection[str], path: str, problems: ProblemCollector
) -> dict[str, list[tuple[Any, str]]]:
    """Return a dict from the name of each optimizer to the schedulers of a config for it, with their paths.

    Args:
        config: the value of `param_scheduler`.
        names: the names of the optimizers; that of a single optimizer is empty.
        path: the path of the config.
        problems: receives the problems.
    """
    if not isinstance(config, Mapping) or "type" in config:
        return {name: _listed(config, path) for name in names}
    if list(names) == [""]:
        if config and all(isinstance(element, (Mapping, list, tuple)) for element in config.values()):
            message = "these are the schedulers of several optimizers, but optim_wrapper has one"
            problems.add(path, message, EXAMPLE, code=codes.REFUSED_VALUE)
        else:
            problems.add(child_path(path, "type"), "type is missing", EXAMPLE, code=codes.WRONG_ARGUMENT)
        return {"": []}
    problems.refuse_unknown(config, names, path, "no optimizer has this name", code=codes.UNKNOWN_NAME)
    for name in names:
        if name not in config:
            advice = f"Use {name}=[] for no scheduler"
            problems.add(child_path(path, name), "it is missing", advice, code=codes.WRONG_ARGUMENT)
    return {name: _listed(config.get(name), child_path(path, name)) for name in names}


def _listed(config: Any, path: str) -> list[tuple[Any, str]]:
    """Return the schedulers in a config for one optimizer, with their paths."""
    if isinstance(config, (list, tuple)):
        return [(element, child_path(path, index)) for index, element in enumerate(config)]
    return [] if config is None else [(config, path)]


def _class_of(value: Any, arguments: Iterable[str], path: str, problems: ProblemCollector) -> Any:
    """Return the class of a scheduler; report a missing or unknown class and return None."""
    if value is ... or not isinstance(value, (str, type)):
        message = "type is missing" if value is ... else f"type is {short_json(value)}"
        problems.add(path, message, EXAMPLE, code=codes.WRONG_ARGUMENT)
        return None
    try:
        return PARAM_SCHEDULERS.find(value)
    except KeyError:
        message, advice = _unknown_class(str(value), arguments)
        problems.add(path, message, advice, code=codes.UNKNOWN_NAME)
        return None


def _unknown_class(cls_name: str, arguments: Iterable[str]) -> tuple[str, str]:
    """Return the problem of an unknown class, and the advice.

    A similar name is suggested only if its class accepts the arguments, because the config may have a class of its own.
    """
    scope, _, name = cls_name.rpartition(".")
    near = get_close_matches(name, SCHEDULER_CLASSES, n=1, cutoff=0.75)
    if near and not scope and inspect.signature(SCHEDULER_CLASSES[near[0]]).parameters.keys() >= {*arguments}:
        return f'unknown scheduler "{cls_name}"; did you mean "{near[0]}"?', ""
    message = f'unknown scheduler "{cls_name}": neither MMEngine nor your config defines it'
    if scope in SCOPES and find_spec(scope) is None:
        message = f'"{cls_name}" is a class of the package {scope}, which is not installed'
    register = f"paramsched.mmengine.schedulers.PARAM_SCHEDULERS.register_module(module={name})"
    return message, f"Import its module first (on the command line: --import the.module), or call {register}"


def scheduled_values(schedulers: Iterable[_ParamScheduler]) -> dict[str, list[float]]:
    """Return a dict from each scheduled entry to its present values, one per group, for logging.

    MMEngine logs the first group's learning rate only.
    """
    values: dict[str, list[float]] = {}
    for scheduler in schedulers:
        optimizer = inner_optimizer(scheduler.optimizer) or scheduler.optimizer
        name = getattr(scheduler, "param_name", None)  # a user's class may skip the constructor of its base
        if name is not None:
            values[name] = [float(present_value(group, name)) for group in optimizer.param_groups]
    return values


def unmeasured(schedulers: Iterable[Any]) -> list[str]:
    """Return a message for each plateau scheduler that never received a metric.

    MMEngine reports nothing in this case.
    """
    never = []
    for index, scheduler in enumerate(schedulers):
        if any(
            cls.__name__ == "ReduceOnPlateauParamScheduler" for cls in type(scheduler).__mro__
        ):  # MMEngine's class too
            held = vars(scheduler)  # MMEngine's own class does not store the last metric
            unseen = held["last_metric"] is None if "last_metric" in held else held.get("last_step", 0) < 0
            if unseen and "monitor" in held:
                never.append(
                    f"[{index}] {type(scheduler).__name__} never received {scheduler.monitor!r} and never acted. "
                    f"It acts after validations in its window [{scheduler.begin}, {scheduler.end}). "
                    "Add a validation to the run, or call "
                    f"step({{{scheduler.monitor!r}: …}})"
                )
    return never


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
    pairs = _paired_lists(schedulers, states)
    # All states are checked before any scheduler changes.
    compared = [compare_states("restore", *pair, error=on_change == "error") for pair in pairs]
    lines = tuple(line for differences in compared for difference in differences for line in difference)
    for line in lines:
        _log.warning("%s (using %s)", line, "the new value" if on_change == "new" else "the checkpoint's value")
    for (several, saved, _), differences in zip(pairs, compared, strict=True):
        _load_states(several, saved, differences, on_change, epoch_length)
    return lines


def _paired_lists(schedulers: Schedulers, states: Any) -> list[tuple[Sequence[_ParamScheduler], Any, str]]:
    """Return the schedulers of each optimizer with their states and a prefix for messages.

    Raises:
        StateError: if the states are those of optimizers with other names.
        InvalidArgument: if the schedulers or the states of an optimizer are not a list.
    """
    if isinstance(schedulers, Mapping):
        if not isinstance(states, Mapping) or set(states) != set(schedulers):
            got = ", ".join(map(str, states)) if isinstance(states, Mapping) else f"a {type(states).__name__}"
            raise StateError(f"restore: expected the states of schedulers for {', '.join(schedulers)}, got {got}")
        pairs = [(schedulers[name], states[name], f"{name}: ") for name in schedulers]
    else:
        pairs = [(schedulers, states, "")]
    for several, saved, where in pairs:
        if not isinstance(several, Sequence) or isinstance(saved, Mapping):
            message = f"{where}expected a list of schedulers and a list of their states"
            begin = f"{{{where.removesuffix(': ')!r}: " if where else ""
            end = "}" if where else ""
            line = f"restore({begin}[scheduler]{end}, {begin}[state]{end})"
            raise InvalidArgument("restore(…)", message, example=line)
    return pairs


def _load_states(
    schedulers: Sequence[_ParamScheduler],
    states: Sequence[Any],
    differences: Sequence[list[str]],
    on_change: OnChange,
    epoch_length: int | None,
) -> None:
    """Load the states of the schedulers of one optimizer, and compute the values again that other arguments change.

    Args:
        schedulers: the schedulers.
        states: their states.
        differences: for each scheduler a list with a line for each argument that differs from the saved one.
        on_change: the arguments to use if they differ.
        epoch_length: iterations per epoch, as in `restore`.
    """
    fields: set[str] = set()  # those whose values are computed again
    for scheduler, state, listed in zip(schedulers, states, differences, strict=True):
        moved = _load_progress(scheduler, state, with_arguments=on_change == "checkpoint")
        if moved or (listed and on_change == "new"):
            fields.add(scheduler.param_name)
    for scheduler, listed in zip(schedulers, differences, strict=True):
        if listed:
            scheduler._write_arguments()
    for field in sorted(fields):
        _write_planned_values([scheduler for scheduler in schedulers if scheduler.param_name == field], epoch_length)


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
        names = ", ".join(type(scheduler).__name__ for scheduler in schedulers)
        raise StateError(
            f"{call}: {where}{len(schedulers)} schedulers ({names}), but the checkpoint has {count} states. "
            "Build the schedulers that were saved"
        )
    compared = []
    for index, (scheduler, state) in enumerate(zip(schedulers, states, strict=True)):
        # The arguments of MMEngine's own classes are unknown.
        changes = changed_arguments(scheduler, state) if isinstance(scheduler, _ParamScheduler) else {}
        scheduler_name = f"{where}[{index}] {type(scheduler).__name__}"
        compared.append(
            [
                f"{scheduler_name} {name}: {saved!r} in the checkpoint, {new!r} now"
                for name, (new, saved) in changes.items()
            ]
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
    saved = scheduler.last_step
    has_new_window = any(vars(scheduler)[name] != state[name] for name in ("begin", "end"))
    if has_new_window or index > saved:
        scheduler.last_step = index
    return scheduler.last_step != saved


_FROM_ARGUMENTS: Final = ("total_iters", "cumulative_periods", "min_values", "rule_worse", "_schedule_phases")
"""Attributes that constructors compute from their arguments."""


def _has_formula(scheduler: _ParamScheduler) -> bool:
    """Return whether the values of a scheduler depend on its step only, not on metrics or a user's code."""
    is_own_class = getattr(type(scheduler)._get_value, "__module__", "") == param_scheduler.__name__
    return is_own_class and not getattr(scheduler, "need_val_args", False)


def _write_planned_values(schedulers: Sequence[_ParamScheduler], epoch_length: int | None) -> None:
    """Write into the groups the values that schedulers of one entry have at the present step.

    Copies of the schedulers are stepped from the bases, on copies of the groups. A step takes about 10 µs for each.
    """
    first = schedulers[0]
    # A scheduler that was built with `last_step` does not know the earlier values.
    if any(not _has_formula(scheduler) or scheduler._skipped for scheduler in schedulers):
        _log.warning("%s: the value is left unchanged, because no formula for it is known", first.param_name)
        return
    length = epoch_length or _find_epoch_length(schedulers)
    if length is None:
        _log.warning("%s: the value is left unchanged; pass epoch_length to compute it", first.param_name)
        return
    optimizer = ValuesOnly(by_value([{**group, "params": []} for group in first.optimizer.param_groups]))
    copies = [copy.copy(scheduler) for scheduler in schedulers]
    for stepped in copies:
        stepped.optimizer = optimizer
        stepped.base_values = list(stepped.base_values)
        stepped.last_step = -1
        stepped.verbose = False
    copies[0]._write_values(first.base_values)
    for stepped in copies:
        stepped._begin_run()
    optimizer.step()  # a scheduler warns if it is stepped before its optimizer
    now = max(scheduler._global_step * (length if scheduler.by_epoch else 1) for scheduler in schedulers)
    in_order = sorted(copies, key=lambda stepped: stepped.by_epoch)  # MMEngine's hook steps those by iteration first
    for t in range(1, now + 1):
        for stepped in in_order:
            if not stepped.by_epoch or t % length == 0:
                stepped.step()
    values = by_value(copies[0]._present_values())
    first._write_values(values)
    for scheduler, stepped in zip(schedulers, copies, strict=True):
        scheduler._set_state(vars(stepped), ("last_step", "_entry"))
        scheduler._last_value = list(values)


def _find_epoch_length(schedulers: Sequence[_ParamScheduler]) -> int | None:
    """Return the iterations per epoch: the steps of schedulers by iteration divided by the steps of those by epoch.

    Returns 1 if all schedulers have the same unit, and None if the result is not an integer.
    """
    epochs = {scheduler._global_step for scheduler in schedulers if scheduler.by_epoch}
    iterations = {scheduler._global_step for scheduler in schedulers if not scheduler.by_epoch}
    if not epochs or not iterations:
        return 1
    steps = max(iterations)
    passes = max(epochs)
    return steps // passes if passes and steps % passes == 0 else None
