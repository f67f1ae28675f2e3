"""The table of MMEngine's schedulers: their classes and arguments.

Source: MMEngine 0.10.7.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any, Final

from paramsched.mmengine.reader.row import CONVERTED, Arguments
from paramsched.mmengine.reader.row import INF as INF
from paramsched.mmengine.reader.row import SchedulerRow as SchedulerRow
from paramsched.mmengine.reader.rows import SCHEDULER_ROWS as SCHEDULER_ROWS

SCOPES: Final = (
    "mmengine", "mmcls", "mmdet", "mmdet3d", "mmseg", "mmaction", "mmtrack", "mmpose", "mmedit", "mmocr", "mmgen",
    "mmfewshot", "mmrazor", "mmflow", "mmhuman3d", "mmrotate", "mmselfsup", "mmyolo", "mmpretrain", "mmagic",
)  # fmt: skip
"""Packages whose registries fall back to MMEngine's: `mmcls.LinearLR` is MMEngine's `LinearLR`."""

FAMILIES: Final = {"ParamScheduler": None, "LR": "lr", "Momentum": "momentum"}
"""From the suffix of a class, its family, to the field that it schedules; None if `param_name` specifies the field."""

_FAMILY_SUBJECTS = {"ParamScheduler": "the value", "LR": "the learning rate", "Momentum": "the momentum"}


def row_of_class(name: str) -> tuple[SchedulerRow, str] | None:
    """Return a class's row in the table and its family (the suffix of its name); None if MMEngine has no such class."""
    for ending, field in FAMILIES.items():
        row = SCHEDULER_ROWS.get(name.removesuffix(ending)) if name.endswith(ending) else None
        if row is not None and (row.only_field is None or field in (None, row.only_field)):
            return row, ending
    return None


def class_names() -> list[str]:
    """Return the names of the classes."""
    return [name + ending for name in SCHEDULER_ROWS for ending in FAMILIES if row_of_class(name + ending)]


def meaning_of_class(row: SchedulerRow, family: str) -> str:
    """Return the description of a class as a sentence.

    >>> meaning_of_class(*row_of_class("StepLR"))
    'Multiply the learning rate by `gamma` every `step_size` steps, counted from `begin`.'
    """
    sentence = row.meaning.format(it=_FAMILY_SUBJECTS[family])
    return f"{sentence[0].upper()}{sentence[1:]}."


def arguments_in_iterations(counted: Iterable[str], given: Arguments, epoch_length: int) -> dict[str, Any]:
    """Convert arguments in epochs to iterations, as `build_iter_from_epoch` and `convert_to_iter_based` do.

    Args:
        counted: the names of the arguments besides `begin` and `end` that count epochs.
        arguments: the arguments.
        epoch_length: iterations per epoch.
    """
    out = dict(given)
    for name in ("begin", "end"):
        if name in out and out[name] != INF:
            out[name] = int(out[name] * epoch_length)
    for name in counted:
        value = out.get(name)
        if isinstance(value, (list, tuple)):
            out[name] = [one * epoch_length for one in value]
        elif value is not None:
            out[name] = value * epoch_length
    out["by_epoch"] = False
    return out


def argument_warnings(row: SchedulerRow, arguments: Arguments, *, converted_from_epochs: bool = False) -> Iterator[str]:
    """Yield warnings for arguments that are valid but probably a mistake.

    The mistakes are rows 3, 10 and 35 of `docs/reference/divergences.md`.
    """
    yield from row.warnings(arguments, converted_from_epochs=converted_from_epochs)
    if arguments.get(CONVERTED, False):
        return
    for name in ("begin", "end", *row.counted):
        values = arguments[name] if isinstance(arguments[name], (list, tuple, Counter)) else [arguments[name]]
        if any(isinstance(one, float) and not one.is_integer() for one in values):
            yield f"{name}={arguments[name]!r} is not an integer, although steps are; write integers"


def probably_meant(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most similar, or None if none is similar enough."""
    close = get_close_matches(name, list(known), n=1, cutoff=0.75)
    return close[0] if close else None
