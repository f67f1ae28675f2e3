"""The registries of models, datasets, metrics and hooks, and the objects that are built from dicts of a config."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

from paramsched.base import child_path, codes
from paramsched.errors import CallSite, InvalidArgument
from paramsched.files import ProblemCollector, short_json
from paramsched.mmengine.registry import (
    Registry,
    check_names,
    parameters_of,
    registered_in_mmengine,
    report_error,
    title_of,
)


def _hook_of_packages(name: str) -> Any:
    """Return a hook that is registered in MMEngine, except MMEngine's own, which need its Runner."""
    hook = registered_in_mmengine("HOOKS", name)
    return None if str(getattr(hook, "__module__", "")).startswith("mmengine.") else hook


MODELS: Final = Registry("model", "MODELS", partial(registered_in_mmengine, "MODELS"))
"""The registry of models and functions that build one: `@MODELS.register_module()`."""

DATASETS: Final = Registry("dataset", "DATASETS", partial(registered_in_mmengine, "DATASETS"))
"""The registry of datasets."""

METRICS: Final = Registry("metric", "METRICS", partial(registered_in_mmengine, "METRICS"))
"""The registry of metrics: subclasses of `Metric`, and other classes with `process` and `evaluate`."""

HOOKS: Final = Registry("hook", "HOOKS", _hook_of_packages)
"""The registry of hooks."""


def build_call(
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    path: str,
    problems: ProblemCollector,
    *,
    title: str = "",
) -> Any:
    """Return `function(**arguments)`; None if an argument is refused, which is reported.

    Args:
        function: a class or a function, or a `partial` of it with arguments that are not in the config.
        arguments: the arguments in the config.
        path: their path.
        problems: receives the problems.
        title: the name of the function for messages, if not its own.
    """
    before = problems.count
    if not check_names(function, arguments, path, problems, title):
        return None
    parameters, takes_others = parameters_of(function)
    accepted = {name: value for name, value in arguments.items() if takes_others or name in parameters}
    built = None
    try:
        built = function(**accepted)
    except InvalidArgument as error:
        report_error(error, path, problems)
        _report_more(function, accepted, error, path, problems)
    except Exception as error:  # noqa: BLE001  # a class of torch or of a user may raise anything
        report_error(error, path, problems, title or title_of(function))
    return None if problems.count > before else built


def _report_more(
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    error: InvalidArgument,
    path: str,
    problems: ProblemCollector,
) -> None:
    """Report the arguments that are refused after the one of an error, without that argument."""
    rest = {name: value for name, value in arguments.items() if name != error.problem.argument}
    if len(rest) == len(arguments):
        return
    with suppress(Exception):  # the argument that was left out may be required
        try:
            function(**rest)
        except InvalidArgument as further:
            report_error(further, path, problems)
            _report_more(function, rest, further, path, problems)


def class_of(config: Mapping[str, Any], registry: Registry, path: str, problems: ProblemCollector) -> Any:
    """Return the class or function that a dict names by `type`; report a missing or unknown name and return None."""
    if "type" not in config:
        message = "it is missing"
        problems.add(child_path(path, "type"), message, "For example: dict(type='…')", code=codes.WRONG_ARGUMENT)
        return None
    try:
        return config["type"] if callable(config["type"]) else registry.find(config["type"])
    except KeyError as error:
        report_error(error, child_path(path, "type"), problems)
        return None


def build_object(config: Any, registry: Registry, path: str, problems: ProblemCollector) -> Any:
    """Build the object that a dict with `type` describes; return anything else unchanged.

    The result is None if the dict has a problem, which is reported.
    """
    if not isinstance(config, Mapping):
        return config
    cls = class_of(config, registry, path, problems)
    arguments = {name: value for name, value in config.items() if name != "type"}
    return None if cls is None else build_call(cls, arguments, path, problems)


def report_kind(value: Any, expected: str, path: str, problems: ProblemCollector, advice: str = "") -> None:
    """Report a value that is not of the expected kind."""
    problems.add(path, f"expected a {expected}, got {short_json(value)}", advice, code=codes.WRONG_TYPE)


def true_or_false(site: CallSite, value: Any) -> bool:
    """Return a boolean; other values raise InvalidArgument."""
    if not isinstance(value, bool):
        raise InvalidArgument(site, f"expected True or False, got {short_json(value)}", code=codes.WRONG_TYPE)
    return value
