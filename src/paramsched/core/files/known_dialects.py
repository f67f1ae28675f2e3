"""Dialects by name, and the result of reading a file."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from importlib import import_module
from typing import Any, Protocol, TypeAlias, final

from paramsched.core.base.entries import entry_names, load_entry
from paramsched.core.base.printing import ROOT, entry_path
from paramsched.core.base.problem import Problem
from paramsched.core.files import native
from paramsched.core.plan import Plan
from paramsched.core.plan.extras import NO_BASES, Bases
from paramsched.core.plan.plan import peers_plan
from paramsched.core.time import Calendar
from paramsched.errors import ConfigError, ParamschedError


@final
@dataclass(frozen=True, slots=True)
class Loaded:
    """A plan with the optimizer's values and the run facts of its file.

    Args:
        plan: the plan.
        bases: the optimizer's values in the file.
        native: True for a native plan, False for a config of a dialect.
        facts: the run facts in the file; None if there are none.
        entry: the path of the entry with the schedules, in the file of a dialect.
        notes: diagnostics about how the file was read, such as the defaults that were used.
        groups: the param groups that the file of a dialect describes.
    """

    plan: Plan
    bases: Bases = NO_BASES
    native: bool = True
    facts: Calendar | None = None
    entry: str = ""
    notes: tuple[Problem, ...] = ()
    groups: tuple["GroupOfFile", ...] = ()


@final
@dataclass(frozen=True, slots=True)
class GroupOfFile:
    """A param group that a config describes.

    Args:
        values: the values of the group in the file, and its `name` if there are several.
        base: the config path of its lr; empty if the file does not contain it.
        schedule: the config path of the entry that schedules it; empty for the entry with the scheduler.
        optimizer: the name of the optimizer; empty if unknown.
        plan: the plan of the group; None for that of the file.
        note: a setting of the group that has no effect, and why.
    """

    values: Mapping[str, Any]
    base: str = ""
    schedule: str = ""
    optimizer: str = ""
    plan: Plan | None = None
    note: str = ""


BaseLike: TypeAlias = float | Mapping[str, float]
"""The base of lr, or a dict from field to base. Dialects that use absolute values need it."""


class Dialect(Protocol):
    """The interface of a dialect, which may be a module or another object.

    Only `to_plan` is required. These attributes are optional:

    - `recognizes(data) -> bool`: returns whether data looks like this dialect; the error of an invalid native file then
      suggests the dialect
    - `read(text, source) -> data`, if the files are not YAML, TOML or JSON
    - `execute(path) -> data`, if the peer executes the files as programs; used for `run_config=True`
    - `bases_of(data, calendar) -> Bases`, if the files contain the optimizer's values
    - `groups_of(data, calendar) -> Iterable[GroupOfFile]`, for `paramsched show --groups`
    - `facts_of(data) -> Calendar`, if the files contain run facts such as the accumulation
    - `notes_of(data) -> Iterable[Problem]`: returns diagnostics about how data is read, such as defaults
    - `scheduler_entries`: the names of the entries that may contain the schedule; `paramsched check` points to them
    """

    def to_plan(self, data: Any, *, calendar: Calendar | None = None, base: BaseLike | None = None) -> Plan:
        """Return the plan that `data` describes."""


@final
@dataclass(frozen=True, slots=True)
class KnownDialect:
    """A dialect with the attributes of `Dialect`."""

    name: str
    to_plan: Callable[..., Plan]
    recognizes: Callable[[Any], bool] | None = None
    read: Callable[[str, str], Any] | None = None
    execute: Callable[[str], Any] | None = None
    bases_of: Callable[[Any, Calendar | None], Bases] | None = None
    groups_of: Callable[[Any, Calendar | None], Iterable[GroupOfFile]] | None = None
    facts_of: Callable[[Any], Calendar | None] | None = None
    notes_of: Callable[[Any], Iterable[Problem]] | None = None
    scheduler_entries: tuple[str, ...] = ()

    @property
    def is_peer(self) -> bool:
        """True if the dialect is that of a peer."""
        return self.name != "native"

    def entry_in(self, data: Any) -> str:
        """Return the path of the entry with the schedule; the root if none of the entries is present."""
        there = data if isinstance(data, Mapping) else ()
        return next((entry_path(name) for name in self.scheduler_entries if name in there), ROOT)

    def plan_of(self, data: Any, *, calendar: Calendar | None, base: BaseLike | None) -> Plan:
        """Return the plan that data describes."""
        plan = self.to_plan(data, calendar=calendar, base=base)
        if self.name == "native":
            return plan
        return peers_plan(*plan.as_written(), horizon=plan.horizon, clock=plan.clock)


@lru_cache(maxsize=1)
def _readers() -> Mapping[str, str]:
    """Return the module of each reader of this library, by the name of its dialect."""
    # By their entries, because this package is a layer below.
    doors = [load_entry("readers", door) for door in entry_names("readers")]
    return {name: module for door in doors for name, module in door.READERS.items()}


def dialect_names() -> tuple[str, ...]:
    """Return the names of all dialects.

    >>> "native" in dialect_names()
    True
    """
    return tuple(sorted(["native", *_readers()]))


def dialect_named(name: str) -> KnownDialect:
    """Return a dialect by its name."""
    if name == "native":
        return _functions_of(native, name)
    if name in _readers():
        return _functions_of(import_module(_readers()[name]), name)
    raise ConfigError("formats", [f'"{name}": unknown dialect'])


def dialects_that_recognize(data: Any) -> tuple[str, ...]:
    """Return the names of the dialects that recognize data. Dialects that fail are skipped."""
    found = []
    for name in dialect_names():
        try:
            dialect = dialect_named(name)
            if dialect.recognizes is not None and dialect.recognizes(data):
                found.append(name)
        except ParamschedError:
            continue  # an error is raised only if the user selects this dialect
    return tuple(found)


def _functions_of(given: Any, name: str) -> KnownDialect:
    optional = [one for one in fields(KnownDialect) if one.name not in ("name", "to_plan")]
    found: dict[str, Any] = {one.name: getattr(given, one.name, one.default) for one in optional}
    return KnownDialect(name, given.to_plan, **found)
