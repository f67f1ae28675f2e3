"""Compute the values of a config's schedulers by running them, without a model and data."""

import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias, final

import torch

from paramsched.core.base.codes import NOTHING_PLANNED, REFUSED_VALUE, SAID_TWICE, WRONG_TYPE
from paramsched.core.base.printing import child_path, entry_path
from paramsched.core.base.problem import Problem, warn_user
from paramsched.core.files.arguments import is_count
from paramsched.core.files.diagnostic_collector import DiagnosticCollector, short_json, type_name_of
from paramsched.errors import ConfigError, InvalidArgument, MissingFact
from paramsched.mmengine.config_file import IS_CODE, load_config, runs_code
from paramsched.mmengine.registry import bare_class_name
from paramsched.mmengine.schedulers.build import CONVERTED, RunLength, build_param_scheduler
from paramsched.mmengine.schedulers.entry import EXAMPLE, check_entry, is_of_user
from paramsched.mmengine.schedulers.optimizers import ValuesOnly, present_value
from paramsched.show import RecordedCurves, curves_from_values

_MOST: Final = 2_000_000
"""Iterations of a simulation."""
_MOST_STEPS: Final = 10_000_000
"""Steps of all schedulers together; one takes about 10 µs."""
_SCHEDULERS: Final = entry_path("param_scheduler")
_Key: TypeAlias = tuple[str, str | int]
"""The key of a curve: the scheduled entry, and the name of the optimizer, or 0 if there is only one."""


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
    optimizer in `optim_wrapper`. A warning reports what is ignored: `paramwise_cfg`, which needs a model;
    `auto_scale_lr`, which needs the batch size; and a scheduler that follows a metric, such as `ReduceOnPlateauLR`.

    Args:
        config: a config as a dict, of which `param_scheduler`, `optim_wrapper`, `train_cfg` and `default_hooks` are
            used, or the path of a YAML or JSON file.
        steps_per_epoch: iterations per epoch. Needed if the run or a scheduler counts epochs.
        total: the length of the run in iterations, for a config without `train_cfg`.
        bases: initial values by field, `{"lr": 0.1}`, in place of those in `optim_wrapper`. A config without
            `optim_wrapper` has 1.
        run_config: True to run a config in Python. Only for files that you trust.

    Raises:
        ConfigError: the config has no schedulers, or one of them cannot be built.
        MissingFact: the length of the run or of an epoch is unknown.

    >>> config = {"param_scheduler": {"type": "StepLR", "step_size": 1}, "train_cfg": {"max_epochs": 3}}
    >>> simulate(config, steps_per_epoch=2, bases={"lr": 0.5})["lr", 0].round(9).tolist()
    [0.5, 0.5, 0.05, 0.05, 0.005, 0.005]
    """
    source = "config"
    if not isinstance(config, (Mapping, str, os.PathLike)):
        raise ConfigError(source, [f"expected a dict or the path of a config, got {type_name_of(config)}"])
    if not isinstance(config, Mapping):
        source = os.fspath(config)
        if runs_code(Path(source)) and not run_config:
            raise ConfigError(source, [f"{IS_CODE}. Pass run_config=True to run it, only for files that you trust"])
        config = load_config(Path(source))
    run = _checked_run(config, source, steps_per_epoch, total, bases or {})
    iterations = _iterations_of(run, source)
    _warn_of_ignored(config)
    with _run_progress() as report_progress:
        built = _built(run, config, source)
        _warn_of_metrics(built)
        try:
            values = _stepped(built, run, iterations, report_progress)
        except (ArithmeticError, ValueError) as error:  # a formula may divide by 0
            raise _unusable(source, error) from error
    return curves_from_values(values, steps_per_epoch=run.length.epoch_length, lines=_lines_of(built))


def check_config(
    config: Mapping[str, Any], source: str, steps_per_epoch: int | None = None, total: int | None = None
) -> None:
    """Check what `simulate` uses of a config. The schedulers are built if the length of the run is known.

    Raises:
        ConfigError: the config has no schedulers, or one of them cannot be built.
    """
    run = _checked_run(config, source, steps_per_epoch, total, {})
    with suppress(MissingFact), _run_progress():
        _iterations_of(run, source)
        _built(run, config, source)


@final
@dataclass(frozen=True, slots=True)
class _Run:
    """The run of a config.

    Args:
        length: its length.
        optimizers: its optimizers by name; a single optimizer has the name "".
        schedulers: the dicts of all schedulers.
    """

    length: RunLength
    optimizers: Mapping[str, torch.optim.Optimizer]
    schedulers: Sequence[Any]


def _checked_run(
    config: Mapping[str, Any],
    source: str,
    steps_per_epoch: int | None,
    total: int | None,
    bases: Mapping[str, float],
) -> _Run:
    """Return the run of a config.

    Raises:
        ConfigError: with all problems of the config that are known before a scheduler is built.
    """
    diagnostics = DiagnosticCollector()
    length = _run_length(config, steps_per_epoch, total, diagnostics)
    optimizers = _optimizers_of(config, bases, diagnostics)
    _check_hook(config, diagnostics)
    located_schedulers = _located_schedulers(config, list(optimizers), diagnostics)
    for scheduler, path in located_schedulers:
        if not is_of_user(scheduler):  # the arguments of a user's class are known only when it is built
            check_entry(scheduler, path, length, diagnostics)
    diagnostics.raise_any(source)
    return _Run(length, optimizers, [scheduler for scheduler, _ in located_schedulers])


def _run_length(
    config: Mapping[str, Any], steps_per_epoch: int | None, total: int | None, diagnostics: DiagnosticCollector
) -> RunLength:
    """Return the length of the run of a config; `total` is used if the config has none."""
    for name, value in (("steps_per_epoch", steps_per_epoch), ("total", total)):
        if value is not None and not is_count(value, 1):
            found = f"expected an integer of at least 1, got {value!r}"
            raise InvalidArgument(f"simulate(…, {name}={value!r})", found, example=f"{name}=100")
    train, path = config.get("train_cfg"), entry_path("train_cfg")
    if train is None:
        return RunLength(steps_per_epoch, None, total)
    if not isinstance(train, Mapping):
        found = f"expected a dict, got {type_name_of(train)}"
        diagnostics.add(path, found, "For example: dict(max_epochs=12)", code=WRONG_TYPE)
        return RunLength(steps_per_epoch)
    counts: dict[str, int | None] = {}
    for name in ("max_epochs", "max_iters"):
        value = train.get(name)
        if value is not None and not is_count(value, 1):
            found = f"expected an integer of at least 1, got {short_json(value)}"
            diagnostics.add(child_path(path, name), found, f"For example: {name}=12", code=WRONG_TYPE)
        counts[name] = None if value is None or not is_count(value, 1) else int(value)
    if None not in counts.values():
        diagnostics.add(path, "max_epochs and max_iters exclude each other", "Leave one of them out", code=SAID_TWICE)
    else:
        _check_loop(train, path, diagnostics)
    if list(counts.values()) == [None, None]:
        counts["max_iters"] = total
    return RunLength(steps_per_epoch, **counts)


_LENGTHS: Final = {"EpochBasedTrainLoop": "max_epochs", "IterBasedTrainLoop": "max_iters"}
"""The argument of each of MMEngine's loops that has the length of the run."""


def _check_loop(train: Mapping[str, Any], path: str, diagnostics: DiagnosticCollector) -> None:
    """Report a `train_cfg` that MMEngine refuses: two kinds of loop, or the length of the other kind."""
    loop, by_epoch = bare_class_name(train.get("type")), train.get("by_epoch")
    if loop is not None and by_epoch is not None:
        diagnostics.add(path, "type and by_epoch exclude each other", "Leave by_epoch out", code=SAID_TWICE)
    if loop is None and isinstance(by_epoch, bool):
        loop = "EpochBasedTrainLoop" if by_epoch else "IterBasedTrainLoop"
    for other, length in _LENGTHS.items():
        if loop in _LENGTHS and loop != other and length in train:
            advice = f"Use {_LENGTHS[loop]}=…, or dict(type='{other}', {length}=…)"
            diagnostics.add(child_path(path, length), f"{loop} has no {length}", advice, code=REFUSED_VALUE)


def _warn_of_ignored(config: Mapping[str, Any]) -> None:
    """Warn of the settings of a config that change values in a run, but not in a simulation."""
    scaling = config.get("auto_scale_lr")
    if isinstance(scaling, Mapping) and scaling.get("enable"):
        found = "it multiplies lr by the batch size over base_batch_size, and the simulation does not"
        advice = "Pass the scaled rate, as bases={'lr': 0.04} or --base lr=0.04"
        warn_user(Problem(site="auto_scale_lr", found=found, advice=advice))
    wrapper = config.get("optim_wrapper")
    if isinstance(wrapper, Mapping) and wrapper.get("paramwise_cfg"):
        found = "the values are those of the parameters without multiples of their own"
        warn_user(Problem(site="optim_wrapper.paramwise_cfg", found=found))


def _warn_of_metrics(built: Mapping[str, Sequence[Any]]) -> None:
    """Warn of schedulers that follow a metric, which a simulation does not have."""
    for one in (one for several in built.values() for one in several):
        if getattr(one, "need_val_args", False):
            found = "it follows a metric, so that the simulation leaves the value as it is"
            warn_user(Problem(site=f"param_scheduler ({type(one).__name__})", found=found))


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


def _iterations_of(run: _Run, source: str) -> int:
    """Return the number of iterations of a run.

    Raises:
        MissingFact: the length of the run or of an epoch is unknown.
        ConfigError: the run is too long to be simulated.
    """
    length = run.length
    if length.max_epochs is None and length.max_iters is None:
        advice = "For example: train_cfg=dict(max_epochs=12)"
        raise MissingFact("train_cfg", "the length of the run is unknown", advice, fact="total", example="90_000")
    is_converted = any(scheduler.get(CONVERTED) for scheduler in run.schedulers)
    if length.epoch_length is None and (length.max_epochs is not None or is_converted):
        raise _missing_epoch("train_cfg.max_epochs" if length.max_iters is None else CONVERTED)
    iterations = length.max_iters or (length.max_epochs or 0) * (length.epoch_length or 0)
    count = len(run.schedulers)
    if iterations > _MOST or iterations * count > _MOST_STEPS:
        found = f"{iterations:,} iterations of {count:,} schedulers are too many to simulate one by one"
        advice = "Pass fewer steps_per_epoch; the values of schedulers by epoch do not depend on it"
        raise ConfigError(source, [Problem(entry_path("train_cfg"), found, advice, code=REFUSED_VALUE)])
    return iterations


def _missing_epoch(site: str) -> MissingFact:
    found, advice = "the length of an epoch is unknown", "For example: simulate(config, steps_per_epoch=100)"
    return MissingFact(site, found, advice, fact="steps_per_epoch", example="100")


def _located_schedulers(
    config: Mapping[str, Any], names: Sequence[str], diagnostics: DiagnosticCollector
) -> list[tuple[Any, str]]:
    """Return the dicts of all schedulers with their locations, and report a config that has none."""
    given = config.get("param_scheduler")
    found = list[tuple[Any, str]]()
    if isinstance(given, Mapping) and "type" not in given:
        for name, several in given.items():
            path = child_path(_SCHEDULERS, name)
            if not isinstance(several, (Mapping, list, tuple, type(None))) or (
                isinstance(several, Mapping) and names == [""] and "type" not in several
            ):
                problem = f"expected schedulers, got {short_json(several)}; the dict of a scheduler has `type`"
                diagnostics.add(path, problem, EXAMPLE, code=WRONG_TYPE)
            else:
                found += _listed(several, path)
        if names == [""] and not diagnostics.count:
            problem = "the schedulers of several optimizers, but optim_wrapper has one"
            diagnostics.add(_SCHEDULERS, problem, EXAMPLE, code=REFUSED_VALUE)
    else:
        found += _listed(given, _SCHEDULERS)
    if not found and not diagnostics.count:
        problem = "it contains no scheduler" if "param_scheduler" in config else "it is missing"
        advice = "For example: dict(type='ConstantLR', factor=1)"
        diagnostics.add(_SCHEDULERS, f"{problem}, so every value stays constant", advice, code=NOTHING_PLANNED)
    return found


def _listed(schedulers: Any, path: str) -> list[tuple[Any, str]]:
    if isinstance(schedulers, (list, tuple)):
        return [(one, child_path(path, index)) for index, one in enumerate(schedulers)]
    return [] if schedulers is None else [(schedulers, path)]


def _check_hook(config: Mapping[str, Any], diagnostics: DiagnosticCollector) -> None:
    """Report a hook other than MMEngine's own, because only that hook steps the schedulers as the simulation does."""
    hooks = config.get("default_hooks")
    if not isinstance(hooks, Mapping) or "param_scheduler" not in hooks:
        return
    path, hook = entry_path("default_hooks", "param_scheduler"), hooks["param_scheduler"]
    if hook is None:
        found, advice = "None: no hook steps the schedulers, so every value stays constant", "Leave it out"
        diagnostics.add(path, found, advice, code=REFUSED_VALUE)
        return
    name = bare_class_name(hook.get("type")) if isinstance(hook, Mapping) else type(hook).__name__
    if name != "ParamSchedulerHook" or (isinstance(hook, Mapping) and hook.get("count", "batches") != "batches"):
        found = "this hook steps the schedulers differently, so that their values are unknown"
        diagnostics.add(path, found, "For example: dict(type='ParamSchedulerHook')", code=REFUSED_VALUE)


def _optimizers_of(
    config: Mapping[str, Any], bases: Mapping[str, float], diagnostics: DiagnosticCollector
) -> dict[str, torch.optim.Optimizer]:
    """Return an optimizer for each one in `optim_wrapper`, by its name; a single one has the name ""."""
    wrapper, path = config.get("optim_wrapper"), entry_path("optim_wrapper")
    if wrapper is None:
        given = config.get("param_scheduler")
        names = list(given) if isinstance(given, Mapping) and "type" not in given else [""]
        return {str(name): ValuesOnly([_UNKNOWN | dict(bases)]) for name in names}
    if not isinstance(wrapper, Mapping):
        found = f"expected a dict, got {type_name_of(wrapper)}"
        diagnostics.add(path, found, "For example: dict(optimizer=dict(type='SGD', lr=0.1))", code=WRONG_TYPE)
        return {"": ValuesOnly([_UNKNOWN | dict(bases)])}
    of_name = {
        str(name): one["optimizer"]
        for name, one in wrapper.items()
        if isinstance(one, Mapping) and isinstance(one.get("optimizer"), Mapping)
    }
    if "optimizer" in wrapper or not of_name:
        own = wrapper.get("optimizer")
        of_name = {"": own if isinstance(own, Mapping) else {}}
    return {name: ValuesOnly([{**_values_of(one), **bases}]) for name, one in of_name.items()}


_UNKNOWN: Final = {"lr": 1.0, "momentum": 1.0, "weight_decay": 1.0}
"""The values of an optimizer that the config does not contain, so that a schedule has multiples of them."""


def _values_of(optimizer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of an optimizer's dict and the defaults of torch's class of this name."""
    name = bare_class_name(optimizer.get("type"))
    cls: Any = getattr(torch.optim, name, None) if name else None
    values: dict[str, Any] = {}
    if isinstance(cls, type) and issubclass(cls, torch.optim.Optimizer):
        parameters = inspect.signature(cls).parameters.values()
        values = {one.name: one.default for one in parameters if isinstance(one.default, (int, float, tuple))}
    values |= {key: value for key, value in optimizer.items() if key not in ("type", "params", "_scope_")}
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}


def _built(run: _Run, config: Mapping[str, Any], source: str) -> dict[str, list[Any]]:
    """Return the schedulers of each optimizer.

    Raises:
        ConfigError: one cannot be built.
        MissingFact: one counts epochs, whose length is unknown.
    """
    schedulers, optimizers = config["param_scheduler"], run.optimizers
    try:
        if list(optimizers) == [""]:
            built = {"": build_param_scheduler(schedulers, optimizers[""], **asdict(run.length))}
        else:
            built = build_param_scheduler(schedulers, optimizers, **asdict(run.length))
    except Exception as error:  # a user's class may raise anything
        raise _unusable(source, error) from error
    if run.length.epoch_length is None and any(one.by_epoch for several in built.values() for one in several):
        raise _missing_epoch("param_scheduler, by_epoch=True")
    return built


def _unusable(source: str, error: Exception) -> ConfigError:
    """Return the error of a config whose schedulers cannot be built or stepped."""
    # The `str` of a KeyError would add quotes.
    text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    return ConfigError(source, [Problem(_SCHEDULERS, text or type(error).__name__, code=REFUSED_VALUE)])


def _stepped(
    built: Mapping[str, Sequence[Any]],
    run: _Run,
    iterations: int,
    report_progress: Callable[[int, int | None], None],
) -> dict[_Key, list[float]]:
    """Step the schedulers as MMEngine's hook does, and return the values of each iteration."""
    keys = [key for name, several in built.items() for key in _keys_of(name, several)]
    columns = [(key, run.optimizers[str(key[1] or "")].param_groups[0], list[float]()) for key in keys]
    schedulers = [one for several in built.values() for one in several]
    for optimizer in run.optimizers.values():
        optimizer.step()  # a scheduler warns if it is stepped before its optimizer
    by_iteration = [one for one in schedulers if not one.by_epoch]
    by_epoch = [one for one in schedulers if one.by_epoch]
    length = run.length.epoch_length
    for t in range(1, iterations + 1):
        for (entry, _), group, values in columns:
            values.append(float(present_value(group, entry)))
        report_progress(t - 1, None if length is None else (t - 1) // length)
        for one in by_iteration:
            one.step()
        if length is not None and t % length == 0:
            for one in by_epoch:
                one.step()
    return {key: values for key, _, values in columns}


def _keys_of(name: str, schedulers: Sequence[Any]) -> list[_Key]:
    """Return the keys of the curves of an optimizer: lr and each scheduled entry."""
    return [(entry, name or 0) for entry in dict.fromkeys(["lr", *(one.param_name for one in schedulers)])]


def _lines_of(built: Mapping[str, Sequence[Any]]) -> dict[_Key, str]:
    """Return the names of the classes that schedule each curve."""
    return {
        (entry, key): ", ".join(type(one).__name__ for one in several if one.param_name == entry)
        for name, several in built.items()
        for entry, key in _keys_of(name, several)
    }
