"""Compute the values of a config's schedulers by running them, without a model and data."""

import inspect
import os
import sys
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias, final

import torch

from paramsched.base import Problem, child_path, codes, entry_path, printable, warn_user
from paramsched.core import finite_number, whole_number
from paramsched.errors import CallSite, ConfigError, MissingFact
from paramsched.files import ProblemCollector, short_json, type_name_of
from paramsched.mmengine.paramwise import ParamwiseGroup, constructor_of, is_factor, keys_not_read, paramwise_groups
from paramsched.mmengine.registry import bare_class_name
from paramsched.mmengine.schedulers import CONVERTED, RunLength, ValuesOnly, build_lists, present_value
from paramsched.show import RecordedCurves, curves_from_values
from paramsched_runner.config_file import IS_CODE, load_config, runs_code
from paramsched_runner.train_cfg import read_lengths

_MOST: Final = 2_000_000
"""Iterations of a simulation."""
_MOST_GROUPS: Final = 1_000
"""Groups of all optimizers together, because each has curves of its own."""
_MOST_VALUES: Final = 10_000_000
"""Values that schedulers compute or curves record; they take 5 to 20 s and 250 MB."""
_SCHEDULERS: Final = entry_path("param_scheduler")
_Key: TypeAlias = tuple[str, str | int]
"""The key of a curve: the entry, and the name of the optimizer, or 0 if there is only one; or that of a group."""


def simulate(
    config: Mapping[str, Any] | str | os.PathLike[str],
    *,
    steps_per_epoch: int | None = None,
    total: int | None = None,
    bases: Mapping[str, float] | None = None,
    run_config: bool = False,
) -> RecordedCurves:
    """Return the values that each iteration of a run uses, by field and group.

    The schedulers are built for an optimizer without a model, and stepped as MMEngine's `ParamSchedulerHook` does:
    those with `by_epoch=False` after each iteration, the others after each epoch. The result has lr and each scheduled
    field: `curves["lr", 0]`, or `curves["lr", "generator"]` for one of several optimizers. Values are those of the
    optimizer in `optim_wrapper`.

    For each group of `paramwise_cfg` with other values there are curves too, under its key or the kind of its
    parameters: `curves["lr", "backbone"]`, `curves["weight_decay", "norm layers"]`, or
    `curves["lr", "generator/backbone"]`. The model decides which of these groups exist, and a warning names them.
    Another `constructor` than MMEngine's default needs the model: then there are no such curves, and a warning names
    the constructor.

    A warning reports what is ignored: `auto_scale_lr`, which needs the batch size, and a scheduler that follows a
    metric, such as `ReduceOnPlateauLR`.

    Args:
        config: a config as a dict, of which `param_scheduler`, `optim_wrapper`, `train_cfg` and `default_hooks` are
            used, or the path of a YAML or JSON file.
        steps_per_epoch: iterations per epoch. Needed if the run or a scheduler counts epochs.
        total: the length of the run in iterations, for a config without `train_cfg`.
        bases: initial values by field, `{"lr": 0.1}`, in place of those in `optim_wrapper`. A config without
            `optim_wrapper` has 1.
        run_config: True to run a config in Python. Only for files that you trust.

    Raises:
        ConfigError: the config has no schedulers, one of them cannot be built, or the run has too many iterations or
            groups: more than 2 million iterations, 10 million values or 1,000 groups.
        InvalidArgument: a value of `bases` is not a finite number.
        MissingFact: the length of the run or of an epoch is unknown.

    >>> config = {"param_scheduler": {"type": "StepLR", "step_size": 1}, "train_cfg": {"max_epochs": 3}}
    >>> simulate(config, steps_per_epoch=2, bases={"lr": 0.5})["lr", 0].round(9).tolist()
    [0.5, 0.5, 0.05, 0.05, 0.005, 0.005]
    """
    return simulate_config(
        config, steps_per_epoch=steps_per_epoch, total=total, bases=bases, run_config=run_config, paramwise=True
    )


_A_DICT: Final = "config"
"""The source in messages about a config that is no file."""


def simulate_config(
    config: Mapping[str, Any] | str | os.PathLike[str],
    *,
    steps_per_epoch: int | None,
    total: int | None,
    bases: Mapping[str, float] | None,
    run_config: bool = False,
    paramwise: bool,
) -> RecordedCurves:
    """Return the values of `simulate`, without `paramwise` only those of parameters without factors of their own."""
    source = _A_DICT
    if not isinstance(config, (Mapping, str, os.PathLike)):
        raise ConfigError(source, [f"expected a dict or the path of a config, got {type_name_of(config)}"])
    if not isinstance(config, Mapping):
        source = os.fspath(config)
        if runs_code(Path(source)) and not run_config:
            raise ConfigError(source, [f"{IS_CODE}. Pass run_config=True to run it, only for files that you trust"])
        config = load_config(Path(source))
    with _run_progress() as report_progress:
        run = _build_run(config, source, steps_per_epoch, total, bases or {}, paramwise=paramwise)
        try:
            iterations = _iterations_of(run)
        except MissingFact as error:
            location = error.problem.site if source == _A_DICT else f"{source}: {error.problem.site}"
            raise error.changed(site=location) from None
        _refuse_costly(run, iterations, source)
        _warn_of_ignored(config, run, paramwise=paramwise)
        try:
            values = _stepped(run, source, iterations, report_progress)
        except ConfigError:
            raise
        except (ArithmeticError, ValueError) as error:  # a formula may divide by 0
            raise ConfigError(source, [Problem(_SCHEDULERS, str(error), code=codes.REFUSED_VALUE)]) from error
    return curves_from_values(values, steps_per_epoch=run.length.epoch_length, lines=_lines_of(run))


def check_config(
    config: Mapping[str, Any], source: str, steps_per_epoch: int | None = None, total: int | None = None
) -> None:
    """Check what `simulate` uses of a config; a run of any length is accepted, because nothing is simulated.

    Raises:
        ConfigError: the config has no schedulers, or one of them cannot be built.
    """
    with _run_progress():
        _build_run(config, source, steps_per_epoch, total, {})


@final
@dataclass(frozen=True, slots=True)
class _SimulatedRun:
    """The run of a config.

    Args:
        length: its length.
        optimizers: its optimizers by name; a single optimizer has the name "".
        schedulers: the schedulers of each optimizer.
        labels: the labels of the groups that `paramwise_cfg` adds to each optimizer.
    """

    length: RunLength
    optimizers: Mapping[str, torch.optim.Optimizer]
    schedulers: Mapping[str, Sequence[Any]]
    labels: Mapping[str, Sequence[str]]

    def columns(self) -> Iterator[tuple[_Key, str, int]]:
        """Yield the key of each curve, the name of its optimizer, and the index of its group."""
        for name, schedulers in self.schedulers.items():
            groups = self.optimizers[name].param_groups
            entries = dict.fromkeys(["lr", *(scheduler.param_name for scheduler in schedulers)])
            if any(group.get("weight_decay") != groups[0].get("weight_decay") for group in groups):
                entries["weight_decay"] = None
            for index, label in enumerate([name or 0, *self.labels[name]]):
                yield from (((entry, label), name, index) for entry in entries)

    def values_per_iteration(self) -> int:
        """Return the number of values that the schedulers compute, or that of the curves if that is larger."""
        groups = {name: len(optimizer.param_groups) for name, optimizer in self.optimizers.items()}
        scheduled = sum(len(several) * groups[name] for name, several in self.schedulers.items())
        return max(scheduled, sum(1 for _ in self.columns()))


def _build_run(
    config: Mapping[str, Any],
    source: str,
    steps_per_epoch: int | None,
    total: int | None,
    bases: Mapping[str, float],
    *,
    paramwise: bool = True,
) -> _SimulatedRun:
    """Return the run of a config.

    Raises:
        ConfigError: with all problems of the config.
    """
    for field in _MULTIPLIED:
        if field in bases:
            finite_number(CallSite("simulate", f"bases[{field!r}]"), bases[field])
    problems = ProblemCollector()
    length = _run_length(config, steps_per_epoch, total, problems)
    wrappers = _wrappers_of(config, problems)
    groups = dict[str, list[ParamwiseGroup]]()
    has_values = isinstance(config.get("optim_wrapper"), Mapping)
    values = {
        name: _values_of(wrapper, bases) if has_values else _UNKNOWN | dict(bases)
        for name, (wrapper, _) in wrappers.items()
    }
    for name, (wrapper, path) in wrappers.items():
        if "lr" not in values[name]:
            _refuse_without_rate(wrapper, path, problems)
            values[name] = _UNKNOWN | values[name]
        wrong = _refused_values(values[name], path, problems)
        values[name] |= wrong
        written_values = {**_dict_of_optimizer(wrapper), **bases, **wrong}
        groups[name] = paramwise_groups(wrapper, written_values, path, problems) if paramwise else []
    optimizers = {
        name: ValuesOnly([value, *({**value, **group.entries} for group in groups[name])])
        for name, value in values.items()
    }
    _check_hook(config, problems)
    omitted = ["verbose"] if length.epoch_length is not None else ["verbose", CONVERTED]  # reported as a missing fact
    schedulers = build_lists(config.get("param_scheduler"), optimizers, length, _SCHEDULERS, problems, omitted)
    if not any(schedulers.values()) and not problems.count:
        message = "it contains no scheduler" if "param_scheduler" in config else "it is missing"
        advice = "For example: dict(type='ConstantLR', factor=1)"
        problems.add(_SCHEDULERS, f"{message}, so every value stays constant", advice, code=codes.NOTHING_PLANNED)
    problems.raise_any(source)
    return _SimulatedRun(length, optimizers, schedulers, _labels_of(groups))


def _labels_of(groups: Mapping[str, Sequence[ParamwiseGroup]]) -> dict[str, list[str]]:
    """Return the labels of the groups that `paramwise_cfg` adds to each optimizer.

    Two groups never have the same label, because each needs its own curve: if an optimizer `a` has a key `b` beside an
    optimizer `a/b`, or a key is called like two others together, `a, b`, the later label has a number.
    """
    labels = dict[str, list[str]]()
    used = set(groups)
    for name, many in groups.items():
        labels[name] = []
        for group in many:
            plain = f"{name}/{group.name}" if name else group.name
            label = plain
            count = 1
            while label in used:
                count += 1
                label = f"{plain} ({count})"
            used.add(label)
            labels[name].append(label)
    return labels


def _run_length(
    config: Mapping[str, Any], steps_per_epoch: int | None, total: int | None, problems: ProblemCollector
) -> RunLength:
    """Return the length of the run of a config; `total` is used if the config has none."""
    for name, value in (("steps_per_epoch", steps_per_epoch), ("total", total)):
        if value is not None:
            whole_number(CallSite("simulate", name), value)
    train = config.get("train_cfg")
    path = entry_path("train_cfg")
    if train is None:
        return RunLength(steps_per_epoch, None, total)
    if not isinstance(train, Mapping):
        message = f"expected a dict, got {type_name_of(train)}"
        problems.add(path, message, "For example: dict(max_epochs=12)", code=codes.WRONG_TYPE)
        return RunLength(steps_per_epoch)
    lengths = read_lengths(train, path, problems)
    if list(lengths.values()) == [None, None]:
        lengths["max_iters"] = total
    return RunLength(steps_per_epoch, **lengths)


def _warn_of_ignored(config: Mapping[str, Any], run: _SimulatedRun, *, paramwise: bool) -> None:
    """Warn of the settings and schedulers of a config that change values in a run, but not in a simulation."""
    scaling = config.get("auto_scale_lr")
    if isinstance(scaling, Mapping) and scaling.get("enable"):
        message = "it multiplies lr by the batch size over base_batch_size, and the simulation does not"
        advice = "Pass the scaled rate, as bases={'lr': 0.04} or --base lr=0.04"
        warn_user(Problem(site="auto_scale_lr", found=message, advice=advice))
    wrappers = _wrappers_of(config, ProblemCollector())
    divided = [(wrapper, path, run.labels[name] if paramwise else None) for name, (wrapper, path) in wrappers.items()]
    outer = config.get("optim_wrapper")
    if isinstance(outer, Mapping) and "" not in wrappers:
        divided.insert(0, (outer, entry_path("optim_wrapper"), None))
    for wrapper, path, labels in divided:
        message = _undecided_groups(wrapper, labels)
        if message:
            warn_user(Problem(site=f"{path.removeprefix('$.')}.paramwise_cfg", found=message))
    for scheduler in (element for several in run.schedulers.values() for element in several):
        if getattr(scheduler, "need_val_args", False):
            message = "it follows a metric, so that the simulation leaves the value as it is"
            warn_user(Problem(site=f"param_scheduler ({type(scheduler).__name__})", found=message))


def _undecided_groups(wrapper: Mapping[str, Any], labels: Sequence[str] | None) -> str:
    """Return what the model decides about the groups of an optimizer; an empty string if there is nothing.

    Args:
        wrapper: the dict of the optimizer wrapper.
        labels: the labels of its groups that have curves; None if there are only those of the other parameters.
    """
    if not wrapper.get("paramwise_cfg"):
        return ""
    constructor = constructor_of(wrapper)
    unread = keys_not_read(wrapper)
    if constructor is not None or labels is None:
        message = "the values are those of the parameters without factors of their own"
        return message if constructor is None else f"{message}, because {constructor} needs the model"
    undecided = f"the model decides which of these groups exist: {'; '.join(labels)}" if labels else ""
    ignored = f"{', '.join(unread)}: the default constructor does not read this" if unread else ""
    return ". ".join(filter(None, [undecided, ignored]))


@contextmanager
def _run_progress() -> Iterator[Callable[[int, int | None], None]]:
    """Yield a function that reports the iteration and the epoch to MMEngine's `MessageHub`, as a run does.

    A user's scheduler may read the progress of the run there. The hub is as before after the `with` block.
    """
    logging = sys.modules.get("mmengine.logging")
    if logging is None:  # MMEngine is not imported, so no scheduler reads its hub
        yield lambda iteration, epoch: None  # noqa: ARG005
        return
    hub = logging.MessageHub.get_current_instance()
    before = {name: hub.runtime_info[name] for name in ("iter", "epoch") if name in hub.runtime_info}
    _write_progress(hub, {})

    def report(iteration: int, epoch: int | None) -> None:
        hub.update_info("iter", iteration)
        if epoch is not None:
            hub.update_info("epoch", epoch)

    try:
        yield report
    finally:
        _write_progress(hub, before)


def _write_progress(hub: Any, progress: Mapping[str, Any]) -> None:
    for name in ("iter", "epoch"):
        hub.pop_info(name)
    for name, value in progress.items():
        hub.update_info(name, value)


def _iterations_of(run: _SimulatedRun) -> int:
    """Return the number of iterations of a run.

    Raises:
        MissingFact: the length of the run or of an epoch is unknown.
    """
    length = run.length
    schedulers = [element for several in run.schedulers.values() for element in several]
    if length.max_epochs is None and length.max_iters is None:
        advice = "For example: train_cfg=dict(max_epochs=12)"
        raise MissingFact("train_cfg", "the length of the run is unknown", advice, fact="total", example="90_000")
    if length.epoch_length is None and (
        length.max_epochs is not None or any(scheduler.by_epoch for scheduler in schedulers)
    ):
        site = "train_cfg.max_epochs" if length.max_iters is None else "param_scheduler, by_epoch=True"
        message = "the length of an epoch is unknown"
        advice = "For example: simulate(config, steps_per_epoch=100)"
        raise MissingFact(site, message, advice, fact="steps_per_epoch", example="100")
    return length.max_iters or (length.max_epochs or 0) * (length.epoch_length or 0)


def _refuse_costly(run: _SimulatedRun, iterations: int, source: str) -> None:
    """Raise a ConfigError if a simulation would take too much time or memory."""
    groups = sum(len(optimizer.param_groups) for optimizer in run.optimizers.values())
    if groups > _MOST_GROUPS:
        message = f"expected at most {_MOST_GROUPS:,} groups, got {groups:,}"
        advice = "Leave out paramwise_cfg for the values of the parameters without factors of their own"
        raise ConfigError(source, [Problem(entry_path("optim_wrapper"), message, advice, code=codes.REFUSED_VALUE)])
    values = run.values_per_iteration()
    epochs = run.length.max_epochs
    most = max(min(_MOST, _MOST_VALUES // values), 1)
    if iterations > most:
        message = f"expected at most {most:,} iterations, got {iterations:,} (values per iteration: {values:,})"
        advice = f"For example: train_cfg=dict(max_iters={most})"
        if epochs is not None and epochs <= most:
            length = most // epochs
            advice = (
                f"Pass steps_per_epoch={length}, or --steps-per-epoch {length} on the command line; "
                "the values of schedulers by epoch do not depend on it"
            )
        raise ConfigError(source, [Problem(entry_path("train_cfg"), message, advice, code=codes.REFUSED_VALUE)])


def _check_hook(config: Mapping[str, Any], problems: ProblemCollector) -> None:
    """Report a hook other than MMEngine's own, because only that hook steps the schedulers as the simulation does."""
    hooks = config.get("default_hooks")
    if not isinstance(hooks, Mapping) or "param_scheduler" not in hooks:
        return
    path = entry_path("default_hooks", "param_scheduler")
    hook = hooks["param_scheduler"]
    if hook is None:
        message = "None: no hook steps the schedulers, so every value stays constant"
        advice = "Leave it out"
        problems.add(path, message, advice, code=codes.REFUSED_VALUE)
        return
    name = bare_class_name(hook.get("type")) if isinstance(hook, Mapping) else type(hook).__name__
    if name != "ParamSchedulerHook":
        message = "this hook steps the schedulers differently, so that their values are unknown"
        problems.add(path, message, "For example: dict(type='ParamSchedulerHook')", code=codes.REFUSED_VALUE)


def _wrappers_of(config: Mapping[str, Any], problems: ProblemCollector) -> dict[str, tuple[Mapping[str, Any], str]]:
    """Return each dict of an optimizer wrapper in `optim_wrapper` with its path, by its name.

    A single one has the name "". The dict is empty if the config has none. Each of several has the `constructor` of
    `optim_wrapper`, because MMEngine passes all of them to that constructor.
    """
    wrapper = config.get("optim_wrapper")
    path = entry_path("optim_wrapper")
    if wrapper is None:
        schedulers = config.get("param_scheduler")
        names = list(schedulers) if isinstance(schedulers, Mapping) and "type" not in schedulers else [""]
        return {str(name): ({}, path) for name in names}
    if not isinstance(wrapper, Mapping):
        message = f"expected a dict, got {type_name_of(wrapper)}"
        problems.add(path, message, "For example: dict(optimizer=dict(type='SGD', lr=0.1))", code=codes.WRONG_TYPE)
        return {"": ({}, path)}
    shared = {} if wrapper.get("constructor") is None else {"constructor": wrapper["constructor"]}
    configs_by_name: dict[str, tuple[Mapping[str, Any], str]] = {
        str(name): ({**element, **shared}, child_path(path, name))
        for name, element in wrapper.items()
        if isinstance(element, Mapping) and isinstance(element.get("optimizer"), Mapping)
    }
    if "optimizer" in wrapper or not configs_by_name:
        return {"": (wrapper, path)}
    return configs_by_name


_RATE: Final = "lr=0.1"
_OPTIMIZER: Final = "optimizer=dict(type='SGD', lr=0.1)"
_SHOWN: Final = 100
"""Characters of the error of a user's class that a message has."""
_MULTIPLIED: Final = ("lr", "weight_decay")
"""The values of an optimizer that the factors of `paramwise_cfg` multiply."""
_UNKNOWN: Final = {"lr": 1.0, "momentum": 1.0, "weight_decay": 1.0}
"""The values of an optimizer that the config does not contain, so that a schedule has multiples of them."""


def _dict_of_optimizer(wrapper: Mapping[str, Any]) -> Mapping[str, Any]:
    optimizer = wrapper.get("optimizer")
    return optimizer if isinstance(optimizer, Mapping) else {}


def _refuse_without_rate(wrapper: Mapping[str, Any], path: str, problems: ProblemCollector) -> None:
    optimizer = _dict_of_optimizer(wrapper)
    optimizer_path = child_path(path, "optimizer")
    message = "it is missing, so that the values of the schedulers are unknown"
    problems.add(
        child_path(optimizer_path, "lr") if optimizer else optimizer_path,
        message,
        f"For example: {_RATE if optimizer else _OPTIMIZER}",
        code=codes.WRONG_ARGUMENT,
    )


def _refused_values(values: Mapping[str, Any], path: str, problems: ProblemCollector) -> dict[str, float]:
    """Report values that cannot be multiplied, and return a number for each, so that further problems are found.

    Args:
        values: the values of an optimizer.
        path: the config path of its wrapper.
        problems: receives the problems.
    """
    refused = {}
    for field in _MULTIPLIED:
        value = values.get(field)
        is_missing = value is None and field == "weight_decay"  # not every optimizer has a weight decay
        if not is_factor(value) and not is_missing:
            message = f"expected a number, got {short_json(value)}"
            field_path = child_path(path, "optimizer", field)
            problems.add(field_path, message, f"For example: {field}=0.01", code=codes.WRONG_TYPE)
            refused[field] = _UNKNOWN[field]
    return refused


def _values_of(wrapper: Mapping[str, Any], bases: Mapping[str, float]) -> dict[str, Any]:
    """Return the values of the optimizer of a wrapper, with the defaults of torch's class; `bases` replace them."""
    optimizer = _dict_of_optimizer(wrapper)
    name = bare_class_name(optimizer.get("type"))
    cls: Any = getattr(torch.optim, name, None) if name else None
    values: dict[str, Any] = {}
    if isinstance(cls, type) and issubclass(cls, torch.optim.Optimizer):
        parameters = inspect.signature(cls).parameters.values()
        values = {
            parameter.name: parameter.default
            for parameter in parameters
            if isinstance(parameter.default, (int, float, tuple))
        }
    values |= {key: value for key, value in optimizer.items() if key not in ("type", "params", "_scope_")}
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()} | dict(bases)


def _step(scheduler: Any, source: str) -> None:
    """Step a scheduler.

    Raises:
        ConfigError: a class of the user raises an error, for example because it reads a metric of the run.
    """
    try:
        scheduler.step()
    except (ArithmeticError, ValueError):
        raise
    except Exception as error:  # a class of the user may raise anything
        name = type(scheduler).__name__
        message = f"{name}.step() raised {type(error).__name__}: {printable(str(error))[:_SHOWN]}"
        advice = f"If {name} reads a metric of the run, only the run has its values: leave it out of the config"
        raise ConfigError(source, [Problem(_SCHEDULERS, message, advice, code=codes.REFUSED_VALUE)]) from error


def _stepped(
    run: _SimulatedRun, source: str, iterations: int, report_progress: Callable[[int, int | None], None]
) -> dict[_Key, "array[float]"]:
    """Step the schedulers as MMEngine's hook does, and return the values of each iteration."""
    columns = [(key, run.optimizers[name].param_groups[index], array("d")) for key, name, index in run.columns()]
    schedulers = [element for several in run.schedulers.values() for element in several]
    for optimizer in run.optimizers.values():
        optimizer.step()  # a scheduler warns if it is stepped before its optimizer
    by_iteration = [scheduler for scheduler in schedulers if not scheduler.by_epoch]
    by_epoch = [scheduler for scheduler in schedulers if scheduler.by_epoch]
    length = run.length.epoch_length
    for t in range(1, iterations + 1):
        for (field, _), group, values in columns:
            values.append(float(present_value(group, field)))
        report_progress(t - 1, None if length is None else (t - 1) // length)
        for scheduler in by_iteration:
            _step(scheduler, source)
        if length is not None and t % length == 0:
            for scheduler in by_epoch:
                _step(scheduler, source)
    return {key: values for key, _, values in columns}


def _lines_of(run: _SimulatedRun) -> dict[_Key, str]:
    """Return the names of the classes that schedule each curve."""
    return {
        key: ", ".join(type(scheduler).__name__ for scheduler in run.schedulers[name] if scheduler.param_name == key[0])
        for key, name, _ in run.columns()
    }
