"""Build schedulers from a config, as MMEngine's Runner does, and report each problem at its path."""

import inspect
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from importlib.util import find_spec
from math import ceil
from typing import Any, Final, final, overload

from paramsched.core.base.codes import REFUSED_VALUE, UNKNOWN_NAME, WRONG_ARGUMENT, WRONG_TYPE
from paramsched.core.base.printing import child_path, entry_path
from paramsched.core.files.problem_collector import ProblemCollector, short_json, type_name_of
from paramsched.errors import AssertedArgument, CallSite, InvalidArgument
from paramsched.mmengine.building import check_names, report_error
from paramsched.mmengine.registry import SCOPES
from paramsched.mmengine.schedulers.base import _ParamScheduler, is_scheduler
from paramsched.mmengine.schedulers.families import SCHEDULER_CLASSES
from paramsched.mmengine.schedulers.optim_wrapper import OptimWrapper
from paramsched.mmengine.schedulers.optimizers import OptimizerLike
from paramsched.mmengine.schedulers.registry import PARAM_SCHEDULERS

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
        epochs, length = self.max_epochs, self.epoch_length
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
    return any(one.__module__.startswith("mmengine.") for one in getattr(cls, "__mro__", ()))


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
        found = "it needs the number of batches per epoch"
        raise InvalidArgument(site, found, example="epoch_length=len(train_dataloader)")
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
        found = f"expected a scheduler, got {type_name_of(config)}: {short_json(config)}"
        problems.add(path, found, EXAMPLE, code=WRONG_TYPE)
        return None
    before, config = problems.count, {key: value for key, value in config.items() if key not in omitted}
    for name in (CONVERTED, "by_epoch"):
        if not isinstance(config.get(name, True), bool):
            found = f"{short_json(config[name])} is {type_name_of(config[name])}, not True or False"
            problems.add(child_path(path, name), found, code=WRONG_TYPE)
    arguments = [name for name in config if name not in BUILDER_KEYS]
    cls = _class_of(config.get("type", ...), arguments, child_path(path, "type"), problems)
    if cls is None:
        return None
    if _is_ours(cls):  # a user's class may convert its arguments in `build_iter_from_epoch`
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
        found, advice = f"{cls.__name__} has no {', '.join(missing)}()", f"Derive it from {_BASE}"
        problems.add(path, found, advice, code=WRONG_ARGUMENT)
        return None
    return built


_BASE: Final = "paramsched.mmengine.schedulers._ParamScheduler"


def _is_ours(cls: Any) -> bool:
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
            problems.add(path, "a built scheduler belongs to one optimizer", advice, code=REFUSED_VALUE)
        elif any(built) and not all(built):
            place, advice = child_path(path, name) if by_name else path, "Use dicts only, or build all of them"
            problems.add(place, "built schedulers and dicts are mixed", advice, code=REFUSED_VALUE)
        elif name in optimizers:
            lists[name] = [
                entry if is_scheduler(entry) else build_entry(entry, where, optimizers[name], length, problems, omitted)
                for entry, where in many
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
        if config and all(isinstance(one, (Mapping, list, tuple)) for one in config.values()):
            found = "these are the schedulers of several optimizers, but optim_wrapper has one"
            problems.add(path, found, EXAMPLE, code=REFUSED_VALUE)
        else:
            problems.add(child_path(path, "type"), "type is missing", EXAMPLE, code=WRONG_ARGUMENT)
        return {"": []}
    problems.refuse_unknown(config, names, path, "no optimizer has this name", code=UNKNOWN_NAME)
    for name in names:
        if name not in config:
            advice = f"Use {name}=[] for no scheduler"
            problems.add(child_path(path, name), "it is missing", advice, code=WRONG_ARGUMENT)
    return {name: _listed(config.get(name), child_path(path, name)) for name in names}


def _listed(config: Any, path: str) -> list[tuple[Any, str]]:
    """Return the schedulers in a config for one optimizer, with their paths."""
    if isinstance(config, (list, tuple)):
        return [(one, child_path(path, index)) for index, one in enumerate(config)]
    return [] if config is None else [(config, path)]


def _class_of(kind: Any, arguments: Iterable[str], path: str, problems: ProblemCollector) -> Any:
    """Return the class of a scheduler; report a missing or unknown class and return None."""
    if kind is ... or not isinstance(kind, (str, type)):
        found = "type is missing" if kind is ... else f"type is {short_json(kind)}"
        problems.add(path, found, EXAMPLE, code=WRONG_ARGUMENT)
        return None
    try:
        return PARAM_SCHEDULERS.find(kind)
    except KeyError:
        found, advice = _unknown_class(str(kind), arguments)
        problems.add(path, found, advice, code=UNKNOWN_NAME)
        return None


def _unknown_class(kind: str, arguments: Iterable[str]) -> tuple[str, str]:
    """Return the problem of an unknown class, and the advice.

    A similar name is suggested only if its class accepts the arguments, because the config may have a class of its own.
    """
    scope, _, name = kind.rpartition(".")
    near = get_close_matches(name, SCHEDULER_CLASSES, n=1, cutoff=0.75)
    if near and not scope and inspect.signature(SCHEDULER_CLASSES[near[0]]).parameters.keys() >= {*arguments}:
        return f'unknown scheduler "{kind}"; did you mean "{near[0]}"?', ""
    found = f'unknown scheduler "{kind}": neither MMEngine nor your config defines it'
    if scope in SCOPES and find_spec(scope) is None:
        found = f'"{kind}" is a class of the package {scope}, which is not installed'
    register = f"paramsched.mmengine.schedulers.PARAM_SCHEDULERS.register_module(module={name})"
    return found, f"Import its module first (on the command line: --import the.module), or call {register}"
