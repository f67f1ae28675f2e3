"""The columns of a log: which contain the values of fields, and which counts the time."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, final

from paramsched.core.fields import Field

TIMES = (
    "t",
    "update",
    "step",
    "global_step",
    "trainer/global_step",
    "iteration",
    "iter",
    "current_steps",
    "num_updates",
    "steps",
    "iters",
    "iterations",
)
"""The default names of the column that counts the updates; case is ignored."""
_EPOCHS = ("epoch", "epochs")
_CALLS = "_step"  # of a run's history in wandb: the step that its `log` was called with, or the number of the call

Unit: TypeAlias = Literal["updates", "epochs", "rows"]


@final
@dataclass(frozen=True, slots=True)
class Program:
    """How a program numbers the rows of its log.

    Args:
        name: the name, for messages.
        first: the number in the row of the first update.
        is_after: whether a row has the value after the step of its update, which is that of the next update.
    """

    name: str
    first: int
    is_after: bool = False


TRAINER = (
    Program("the Trainer", 1),
    Program("the Trainer with DeepSpeed or of an older transformers", 1, is_after=True),
)
"""The Trainer logs the value that it took before the scheduler's step, or after it: its file does not show which."""
_LIGHTNING = (Program("Lightning", 0),)
_MMENGINE = (Program("MMEngine", 1),)
_OTHER = (Program("", 0),)
_ROWS_OF_MMENGINE = frozenset({"data_time", "iter", "step"})  # columns of each training row of `scalars.json`


def programs_of(time: str | None, rows: Iterable[Mapping[str, Any]]) -> tuple[Program, ...]:
    """Return the programs that may have written a log, by the column that counts the updates and the first row."""
    first, counter = next(iter(rows), {}).keys(), (time or "").lower()
    if first >= _ROWS_OF_MMENGINE:
        return _MMENGINE
    if counter == "current_steps":  # of LLaMA-Factory, which writes what the Trainer logs
        return TRAINER
    if counter == "step" and any(name.startswith("lr-") for name in first):
        return _LIGHTNING
    return _OTHER


@final
@dataclass(frozen=True, slots=True)
class TimeColumn:
    """The column that counts the time of a log.

    Args:
        name: the column; None if rows are counted.
        unit: what one count is.
        first: the count of the first row of a run.
        programs: the programs that may have written the log.
    """

    name: str | None
    unit: Unit
    first: int = 0
    programs: tuple[Program, ...] = ()


def time_column(present: Iterable[str], rows: Iterable[Mapping[str, Any]] = (), time: str | None = None) -> TimeColumn:
    """Return what counts the time of a log.

    Args:
        present: the columns.
        rows: the rows, which show whether epochs are integers, and count from 0 or 1.
        time: the column that the user named.
    """
    # If names differ in case only, the first one is used.
    lower = {name.lower(): name for name in reversed(list(present))}
    last = {name.rpartition("/")[2]: column for name, column in reversed(lower.items())}
    tried = ({**last, **lower}.get(one) for one in TIMES)
    name = time if time is not None else next((one for one in tried if one is not None), None)
    if name is not None and name.lower().rpartition("/")[2] not in _EPOCHS:
        programs = programs_of(name, rows) if time is None else _OTHER
        return TimeColumn(name, "updates", programs[0].first, programs)
    name = time or next((lower[one] for one in _EPOCHS if one in lower), None)
    numbers = [] if name is None else [row[name] for row in rows if not is_blank(row.get(name))]
    try:
        counts = [float(one) for one in numbers]
    except (TypeError, ValueError):
        counts = []
    are_parts = time is None and any(one != int(one) for one in counts if abs(one) < 1e15)
    if time is None and (name is None or are_parts) and _CALLS in lower:
        return TimeColumn(lower[_CALLS], "updates", _OTHER[0].first, _OTHER)
    if name is None or not counts or are_parts:
        return TimeColumn(name if time else None, "epochs" if time else "rows")
    return TimeColumn(name, "epochs", int(min(counts) == 1))


_TARGETS = "targets/"
_GROUP = re.compile(r"(?P<field>.+)\[(?P<group>[^\[\]]+)\]")
_RATE = re.compile(
    r"(?:(?P<run>.+) - )?(?:.*/)?(?:(?:train|cur|current|opt|optimizer)[-_. ])?(?:lr|learning[-_ ]?rate)"
    r"(?:[-_/ ](?P<group>.+)|(?P<index>\d+))?",
    re.IGNORECASE,
)
_RANGES = ("__MIN", "__MAX")  # the ends of columns that W&B exports for each curve
_OF_RUN = " - "  # between the name of a run and that of a value, in W&B's export of a chart


def columns_of_fields(present: list[str], fields: tuple[str, ...], columns: Mapping[str, str]) -> dict[str, str]:
    """Return a dict from each field, or `field@group`, to its column: the specified ones, and those found by name."""
    named = {str(Field.of(place.partition("@")[0])) for place in columns}
    rest = tuple(one for one in fields if str(Field.of(one)) not in named)
    found = _columns_like_fields(present, rest)
    if "lr" in rest and not any(place.partition("@")[0] == "lr" for place in found):
        found = {**_columns_like_rates(present), **found}
    return {**columns, **found}


def _columns_like_fields(present: list[str], fields: tuple[str, ...]) -> dict[str, str]:
    """Return the columns that are named like fields.

    Such a column is `lr`, `lr[head]` as in the CSV of a trace, `lr/head` or `targets/clip` as in `Scheduler.scalars`.
    """
    # `Scheduler.scalars` logs a target with the name of another value under this name.
    targets = {name.removeprefix(_TARGETS): name for name in present if name.startswith(_TARGETS)}
    found = {field: targets[field] for field in fields if field in targets}
    for name in present:
        place = _place_named(name, fields)
        if place is not None and name not in found:
            found[place] = name
    of_runs = [(_place_named(name.rpartition(_OF_RUN)[2], fields), name) for name in present if _OF_RUN in name]
    columns: dict[str, list[str]] = {}
    for place, name in of_runs:
        if place is not None and not name.endswith(_RANGES):
            columns.setdefault(place, []).append(name)
    # The values of several runs have the same place, and none is chosen.
    return {place: names[0] for place, names in columns.items() if len(names) == 1} | found


def _place_named(name: str, fields: tuple[str, ...]) -> str | None:
    """Return the field, or `field@group`, that a column is named like.

    >>> _place_named("betas_0/head", ("betas[0]",)), _place_named("loss", ("lr",))
    ('betas[0]@head', None)
    """
    if name in fields:
        return name
    if (match := _GROUP.fullmatch(name)) and match["field"] in fields:
        return f"{match['field']}@{match['group']}"
    flat, slash, group = name.partition("/")
    by_flat_name = {Field.of(field).slot: field for field in fields}
    if flat not in by_flat_name or bool(group) != bool(slash):
        return None
    return f"{by_flat_name[flat]}@{group}" if group else by_flat_name[flat]


def _columns_like_rates(present: list[str]) -> dict[str, str]:
    """Return the columns that are named like a learning rate, in the ways of other libraries."""
    rates = [match for name in present if not name.endswith(_RANGES) and (match := _RATE.fullmatch(name))]
    if len(rates) == 1:
        return {"lr": rates[0][0]}
    labels = [match["group"] or match["index"] or match["run"] or "" for match in rates]
    unique = len(set(labels)) == len(labels) and all(labels)
    return {f"lr@{labels[place] if unique else place}": match[0] for place, match in enumerate(rates)}


def is_blank(value: Any) -> bool:
    """Return whether a cell has no value, because nothing was logged in its row. NaN is a value.

    >>> [is_blank(one) for one in (None, "", "''", "null", "nan", "0")]
    [True, True, True, True, False, False]
    """
    if isinstance(value, str):
        return not value[:1].isdigit() and value.strip("'\"").lower() in _BLANK  # most values are numbers
    return value is None


_BLANK = frozenset(("", "none", "null", "na", "n/a", "<na>", "-"))
