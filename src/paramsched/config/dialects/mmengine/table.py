"""The table of MMEngine's schedulers: a row for each, and how its classes are named.

One table for the config dialect and for the drop-in classes. Facts: MMEngine 0.10.7.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

from paramsched.config.dialects.mmengine.rows.arguments import CONVERTED, Arguments
from paramsched.config.dialects.mmengine.rows.arguments import INF as INF
from paramsched.config.dialects.mmengine.rows.constant import CONSTANT
from paramsched.config.dialects.mmengine.rows.cosine_annealing import COSINE_ANNEALING
from paramsched.config.dialects.mmengine.rows.cosine_restart import COSINE_RESTART
from paramsched.config.dialects.mmengine.rows.exponential import EXPONENTIAL
from paramsched.config.dialects.mmengine.rows.linear import LINEAR
from paramsched.config.dialects.mmengine.rows.multi_step import MULTI_STEP
from paramsched.config.dialects.mmengine.rows.one_cycle import ONE_CYCLE
from paramsched.config.dialects.mmengine.rows.poly import POLY
from paramsched.config.dialects.mmengine.rows.reduce_on_plateau import REDUCE_ON_PLATEAU
from paramsched.config.dialects.mmengine.rows.row import SchedulerRow as SchedulerRow
from paramsched.config.dialects.mmengine.rows.step import STEP

_ROWS = (
    CONSTANT,
    COSINE_ANNEALING,
    COSINE_RESTART,
    EXPONENTIAL,
    LINEAR,
    MULTI_STEP,
    ONE_CYCLE,
    POLY,
    REDUCE_ON_PLATEAU,
    STEP,
)

SCHEDULER_ROWS: Final = {row.name: row for row in _ROWS}
"""The ten rows by name."""

SCOPES: Final = (
    "mmengine", "mmcls", "mmdet", "mmdet3d", "mmseg", "mmaction", "mmtrack", "mmpose", "mmedit", "mmocr", "mmgen",
    "mmfewshot", "mmrazor", "mmflow", "mmhuman3d", "mmrotate", "mmselfsup", "mmyolo", "mmpretrain", "mmagic",
)  # fmt: skip
"""Packages whose registries go on looking in MMEngine's: `mmcls.LinearLR` is its `LinearLR`."""

FAMILIES: Final = {"ParamScheduler": None, "LR": "lr", "Momentum": "momentum"}
"""What the classes of a row end with, and the field each family schedules; None is an argument, `param_name`."""

_WORDS_OF_FAMILIES = {"ParamScheduler": "the value", "LR": "the learning rate", "Momentum": "the momentum"}


def row_of_class(name: str) -> tuple[SchedulerRow, str] | None:
    """The row and the family of a class by its name; None where MMEngine has no such class."""
    for ending, field in FAMILIES.items():
        row = SCHEDULER_ROWS.get(name.removesuffix(ending)) if name.endswith(ending) else None
        if row is not None and (row.only_field is None or field in (None, row.only_field)):
            return row, ending
    return None


def class_names() -> list[str]:
    """The names of the 29 classes."""
    return [name + ending for name in SCHEDULER_ROWS for ending in FAMILIES if row_of_class(name + ending)]


def meaning_of_class(row: SchedulerRow, family: str) -> str:
    """What a class does, as a sentence.

    >>> meaning_of_class(*row_of_class("StepLR"))
    'Multiply the learning rate by `gamma` every `step_size` ticks, counted from `begin`.'
    """
    sentence = row.meaning.format(it=_WORDS_OF_FAMILIES[family])
    return f"{sentence[0].upper()}{sentence[1:]}."


def arguments_in_iterations(counted: Iterable[str], given: Arguments, epoch_length: int) -> dict[str, Any]:
    """Arguments in epochs as arguments in iterations: what `build_iter_from_epoch` and `convert_to_iter_based` do.

    Args:
        counted: the arguments that count epochs, begin and end aside.
        given: some or all arguments.
        epoch_length: iterations in an epoch.
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


def argument_cautions(row: SchedulerRow, arguments: Arguments, *, converted_from_epochs: bool = False) -> Iterator[str]:
    """What is legal and hardly meant, with cause and cure: rows 3, 10 and 35 of `docs/compat/divergences.md`."""
    yield from row.cautions(arguments, converted_from_epochs)
    if arguments.get(CONVERTED, False):
        return
    for name in row.counted:
        values = arguments[name] if isinstance(arguments[name], (list, tuple, Counter)) else [arguments[name]]
        if any(isinstance(one, float) and not one.is_integer() for one in values):
            yield f"{name}={arguments[name]!r} is no whole number, and ticks are; write whole ones"
