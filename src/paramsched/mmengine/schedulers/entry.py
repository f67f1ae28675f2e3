"""Build schedulers from the dicts of a config, and report each problem at its path."""

import inspect
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from functools import partial
from importlib.util import find_spec
from typing import Any, Final

from paramsched.core.base.codes import REFUSED_VALUE, UNKNOWN_NAME, WRONG_ARGUMENT, WRONG_TYPE
from paramsched.core.base.printing import child_path
from paramsched.core.files.problem_collector import ProblemCollector, short_json, type_name_of
from paramsched.mmengine.building import check_names, report_error
from paramsched.mmengine.registry import SCOPES
from paramsched.mmengine.schedulers.build import BUILDER_KEYS, CONVERTED, RunLength, build_scheduler
from paramsched.mmengine.schedulers.families import SCHEDULER_CLASSES
from paramsched.mmengine.schedulers.optimizers import OptimizerLike
from paramsched.mmengine.schedulers.registry import PARAM_SCHEDULERS

EXAMPLE: Final = "For example: dict(type='MultiStepLR', milestones=[8, 11])"
"""The advice for a scheduler without a valid type."""


def build_entry(
    config: Any,
    path: str,
    optimizer: OptimizerLike,
    length: RunLength,
    problems: ProblemCollector,
) -> Any:
    """Build a scheduler from the dict of a config; return None if it has a problem, which is reported.

    Args:
        config: the value in the config.
        path: its config path.
        optimizer: the optimizer, or a `ValuesOnly` to check the dict without changing an optimizer.
        length: the length of the run, for a missing `end` and for `convert_to_iter_based`.
        problems: receives the problems.
    """
    if not isinstance(config, Mapping):
        found = f"expected a scheduler, got {type_name_of(config)}: {short_json(config)}"
        problems.add(path, found, EXAMPLE, code=WRONG_TYPE)
        return None
    before = problems.count
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


def located_entries(
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
            advice = f"Use {name}=None for no scheduler"
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
