"""Checks of the dict of one scheduler by the table of MMEngine's schedulers: each problem at its argument."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from typing import Any, Final

from paramsched.core.base.codes import REFUSED_VALUE, UNKNOWN_NAME, WRONG_ARGUMENT, WRONG_TYPE
from paramsched.core.base.near_names import did_you_mean
from paramsched.core.base.printing import child_path
from paramsched.core.fields import Field
from paramsched.core.files.diagnostic_collector import DiagnosticCollector, short_json, type_name_of
from paramsched.errors import InvalidArgument
from paramsched.mmengine.reader.arguments import (
    FAMILIES,
    SCOPES,
    arguments_in_iterations,
    class_names,
    probably_meant,
    row_of_class,
)
from paramsched.mmengine.reader.config_run import RunLength
from paramsched.mmengine.reader.row import CONVERTED, SchedulerRow

EXAMPLE: Final = "For example: dict(type='MultiStepLR', milestones=[8, 11])"
"""The advice for a scheduler without a valid type."""
_BUILDER_KEYS: Final = ("type", "epoch_length", "_scope_", CONVERTED)  # they are not arguments of the class


def check_entry(config: Any, path: str, length: RunLength, diagnostics: DiagnosticCollector) -> None:
    """Report the problems of the dict of one scheduler.

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
    arguments = {name: value for name, value in config.items() if name not in _BUILDER_KEYS}
    row_and_family = _row_of(config.get("type", ...), arguments, path, diagnostics)
    if row_and_family is None:
        return
    row, family = row_and_family
    field = _field_of(arguments, family, path, diagnostics)
    _check_names(row, family, arguments, path, diagnostics)
    if diagnostics.count == before:
        _check_values(row, field, arguments, path, length, diagnostics, convert=config.get(CONVERTED, False))


def _row_of(
    kind: Any, arguments: Mapping[str, Any], path: str, diagnostics: DiagnosticCollector
) -> tuple[SchedulerRow, str] | None:
    """Return the row of a class and its family, such as `LR`; report a missing or unknown class and return None."""
    if isinstance(kind, type):
        named = kind.__module__.startswith(("mmengine.", "paramsched."))
        kind = kind.__name__ if named else f"{kind.__module__}.{kind.__qualname__}"
    if not isinstance(kind, str):
        found = "type is missing" if kind is ... else f"type is {short_json(kind)}"
        diagnostics.add(child_path(path, "type"), found, EXAMPLE, code=WRONG_ARGUMENT)
        return None
    scope, _, name = kind.rpartition(".")
    row_and_family = row_of_class(name) if scope.partition(".")[0] in ("", *SCOPES) else None
    if row_and_family is None:
        found, advice = _unknown_class(kind, scope, name, arguments)
        diagnostics.add(child_path(path, "type"), found, advice, code=UNKNOWN_NAME)
    return row_and_family


def _unknown_class(kind: str, scope: str, name: str, arguments: Iterable[str]) -> tuple[str, str]:
    """Return the problem of an unknown class, and the advice.

    A similar name is suggested only if its class accepts the arguments, because the config may have a class of its own.
    """
    near = probably_meant(name, class_names())
    if near is not None and not scope and _accepts(near, arguments):
        return f'unknown scheduler "{kind}"; did you mean "{near}"?', ""
    found = f'unknown scheduler "{kind}": neither MMEngine nor your config defines it'
    if scope in SCOPES and find_spec(scope) is None:
        found = f'"{kind}" is a class of the package {scope}, which is not installed'
    register = f"paramsched.mmengine.schedulers.PARAM_SCHEDULERS.register_module(module={name})"
    return found, f"Import its module first (on the command line: --import the.module), or call {register}"


def _accepts(name: str, arguments: Iterable[str]) -> bool:
    """Return whether MMEngine's class of this name has all these arguments."""
    row_and_family = row_of_class(name)
    assert row_and_family is not None
    row, family = row_and_family
    known = row.arguments.keys() | ({"param_name"} if FAMILIES[family] is None else set())
    return known >= {*arguments}


def _field_of(arguments: dict[str, Any], family: str, path: str, diagnostics: DiagnosticCollector) -> str | None:
    """Return the field that the scheduler sets; remove `param_name` from its arguments."""
    if FAMILIES[family] is not None:
        return FAMILIES[family]
    if "param_name" not in arguments:
        diagnostics.add(
            child_path(path, "param_name"), "it is missing", "For example: param_name='lr'", code=WRONG_ARGUMENT
        )
        return None
    try:
        return str(Field.of(arguments.pop("param_name")))
    except InvalidArgument as refusal:
        diagnostics.refuse(child_path(path, "param_name"), refusal)
        return None


def _check_names(
    row: SchedulerRow, family: str, arguments: Mapping[str, Any], path: str, diagnostics: DiagnosticCollector
) -> None:
    """Report unknown and missing arguments."""
    for name in arguments:
        if name not in row.arguments:
            meant = did_you_mean(str(name), list(row.arguments))
            found = f"unknown argument {short_json(name)} of {row.name}{family}; {meant}"
            diagnostics.add(child_path(path, name), found, at_key=True, code=WRONG_ARGUMENT)
    for name, one in row.arguments.items():
        if one.default is ... and name not in arguments:
            found = f"it is missing: {one.meaning}"
            diagnostics.add(child_path(path, name), found, f"Pass {name}=…", code=WRONG_ARGUMENT)


def _check_values(
    row: SchedulerRow,
    field: str | None,
    arguments: dict[str, Any],
    path: str,
    length: RunLength,
    diagnostics: DiagnosticCollector,
    *,
    convert: bool,
) -> None:
    """Report invalid values. A missing `end` is the end of the run."""
    by_epoch = arguments.get("by_epoch", True)
    if convert and not by_epoch:
        found, advice = "it requires arguments in epochs", "Leave by_epoch=False out"
        diagnostics.add(child_path(path, CONVERTED), found, advice, code=REFUSED_VALUE)
        return
    end = length.end(by_epoch)
    if "end" not in arguments and end is not None:
        arguments["end"] = end
    if row.length_from is not None and "end" not in arguments and not any(map(arguments.get, row.length_from)):
        return  # the end of the run is unknown without the length of an epoch
    if convert and length.epoch_length is not None:
        with suppress(TypeError, ValueError, OverflowError):  # not numbers, which the row reports
            arguments = arguments_in_iterations(row.counted, arguments, length.epoch_length)
    for one in row.check(row.defaulted(arguments)):
        diagnostics.report(child_path(path, one.argument), one.problem)
    if row.only_field is not None and field != row.only_field:
        found, advice = f"{row.name} schedules only {row.only_field}", f"Write param_name='{row.only_field}'"
        diagnostics.add(child_path(path, "param_name"), found, advice, code=REFUSED_VALUE)
