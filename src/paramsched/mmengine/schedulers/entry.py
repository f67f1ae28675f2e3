"""Check the dict of one scheduler by the signature and the constructor of its class."""

import inspect
import warnings
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Any, Final

from paramsched.core.base.codes import REFUSED_VALUE, UNKNOWN_NAME, WRONG_ARGUMENT, WRONG_TYPE
from paramsched.core.base.printing import child_path
from paramsched.core.files.diagnostic_collector import DiagnosticCollector, short_json, type_name_of
from paramsched.errors import InvalidArgument
from paramsched.mmengine.registry import SCOPES
from paramsched.mmengine.schedulers.build import BUILDER_KEYS, CONVERTED, RunLength, build_scheduler
from paramsched.mmengine.schedulers.families import SCHEDULER_CLASSES
from paramsched.mmengine.schedulers.optimizers import ValuesOnly
from paramsched.mmengine.schedulers.registry import PARAM_SCHEDULERS

EXAMPLE: Final = "For example: dict(type='MultiStepLR', milestones=[8, 11])"
"""The advice for a scheduler without a valid type."""


def is_of_user(element: Any) -> bool:
    """Return whether the dict of a scheduler names a class of a user or of another package."""
    kind = element.get("type") if isinstance(element, Mapping) else None
    try:
        return not PARAM_SCHEDULERS.find(kind).__module__.startswith("paramsched.")
    except KeyError:
        return False


def check_entry(config: Any, path: str, length: RunLength, diagnostics: DiagnosticCollector) -> None:
    """Report the problems of the dict of one scheduler, whose class is one of MMEngine's 29.

    Args:
        config: the value in the config.
        path: its config path.
        length: the length of the run, for a missing `end` and for `convert_to_iter_based`.
        diagnostics: receives the problems.
    """
    if not isinstance(config, Mapping):
        found = f"expected a scheduler, got {type_name_of(config)}: {short_json(config)}"
        diagnostics.add(path, found, EXAMPLE, code=WRONG_TYPE)
        return
    before = diagnostics.count
    for name in (CONVERTED, "by_epoch"):
        if not isinstance(config.get(name, True), bool):
            found = f"{short_json(config[name])} is {type_name_of(config[name])}, not True or False"
            diagnostics.add(child_path(path, name), found, code=WRONG_TYPE)
    arguments = [name for name in config if name not in BUILDER_KEYS]
    cls = _class_of(config.get("type", ...), arguments, child_path(path, "type"), diagnostics)
    if cls is None:
        return
    parameters = _parameters(cls)
    diagnostics.refuse_unknown(arguments, list(parameters), path, f"unknown argument of {cls.__name__}")
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and name not in config:
            found = f"it is missing: an argument of {cls.__name__}"
            diagnostics.add(child_path(path, name), found, f"Pass {name}=…", code=WRONG_ARGUMENT)
    if diagnostics.count == before:
        _check_values(cls, config, path, length, diagnostics)


def _parameters(cls: type[Any]) -> dict[str, inspect.Parameter]:
    """Return the arguments of a class except the optimizer."""
    parameters = dict(inspect.signature(cls).parameters)
    del parameters["optimizer"]
    return parameters


def _class_of(kind: Any, arguments: Iterable[str], path: str, diagnostics: DiagnosticCollector) -> type[Any] | None:
    """Return the class of a scheduler; report a missing or unknown class and return None."""
    if kind is ... or not isinstance(kind, (str, type)):
        found = "type is missing" if kind is ... else f"type is {short_json(kind)}"
        diagnostics.add(path, found, EXAMPLE, code=WRONG_ARGUMENT)
        return None
    name = kind if isinstance(kind, str) else kind.__name__
    cls = PARAM_SCHEDULERS.get(name)
    if cls is None:
        found, advice = _unknown_class(name, arguments)
        diagnostics.add(path, found, advice, code=UNKNOWN_NAME)
    return cls


def _unknown_class(kind: str, arguments: Iterable[str]) -> tuple[str, str]:
    """Return the problem of an unknown class, and the advice.

    A similar name is suggested only if its class accepts the arguments, because the config may have a class of its own.
    """
    scope, _, name = kind.rpartition(".")
    near = get_close_matches(name, SCHEDULER_CLASSES, n=1, cutoff=0.75)
    if near and not scope and _parameters(SCHEDULER_CLASSES[near[0]]).keys() >= {*arguments}:
        return f'unknown scheduler "{kind}"; did you mean "{near[0]}"?', ""
    found = f'unknown scheduler "{kind}": neither MMEngine nor your config defines it'
    if scope in SCOPES and find_spec(scope) is None:
        found = f'"{kind}" is a class of the package {scope}, which is not installed'
    register = f"paramsched.mmengine.schedulers.PARAM_SCHEDULERS.register_module(module={name})"
    return found, f"Import its module first (on the command line: --import the.module), or call {register}"


def _check_values(
    cls: type[Any], config: Mapping[str, Any], path: str, length: RunLength, diagnostics: DiagnosticCollector
) -> None:
    """Report an argument that the class refuses. The scheduler is built for an optimizer with values only."""
    values = {"lr": 1.0, "momentum": 1.0, "weight_decay": 1.0, "betas": (0.9, 0.999)}
    entry = config.get("param_name", "lr")
    if not isinstance(entry, str):
        found = f"expected the name of an entry, got {short_json(entry)}"
        diagnostics.add(child_path(path, "param_name"), found, "For example: param_name='lr'", code=REFUSED_VALUE)
        return
    per_group = [config[name] for name in ("eta_max", "min_value") if isinstance(config.get(name), (list, tuple))]
    groups = [{entry: 1.0, **values}] * max([1, *map(len, per_group)])
    config = {name: value for name, value in config.items() if name != "verbose"}
    if length.epoch_length is None:  # the counts cannot be converted yet
        config.pop(CONVERTED, None)
    try:
        with warnings.catch_warnings():  # the warnings are shown when the scheduler is built for the run
            warnings.simplefilter("ignore")
            build_scheduler(cls, config, ValuesOnly(groups), length)
    except InvalidArgument as error:
        call = error.problem.call
        diagnostics.refuse(path if call is None else child_path(path, call.argument), error)
    except (ArithmeticError, TypeError, ValueError, AssertionError, KeyError) as error:
        diagnostics.add(path, f"{cls.__name__}: {error}", code=REFUSED_VALUE)
