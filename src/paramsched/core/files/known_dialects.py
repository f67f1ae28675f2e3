"""Dialects by name, from this library and from installed packages, and the result of reading a file."""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, TypeVar, final

from paramsched.core.base.diagnostic import ROOT, Diagnostic, entry_path
from paramsched.core.base.entries import entry_names, load_entry
from paramsched.core.files import native
from paramsched.core.files.schedule_text import entry_point_in_words, entry_points_of
from paramsched.core.plan import Plan
from paramsched.core.plan.bases import NO_BASES, Bases
from paramsched.core.plan.note import Note
from paramsched.core.plan.plan import peers_plan
from paramsched.core.time import Calendar
from paramsched.errors import ConfigError, ParamschedError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


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
        note: the note of a native file: who changed the plan, when and why.
        groups: the param groups that the file of a dialect describes.
    """

    plan: Plan
    bases: Bases = NO_BASES
    native: bool = True
    facts: Calendar | None = None
    entry: str = ""
    notes: tuple[Diagnostic, ...] = ()
    note: Note | None = None
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


DIALECT_ENTRY_POINTS: Final = "paramsched.dialects"
"""The group in which a package names its dialects: `composer = "my_package.composer_dialect"`."""

BaseLike: TypeAlias = float | Mapping[str, float]
"""The base of lr, or a dict from field to base. Dialects that use absolute values need it."""

_Result = TypeVar("_Result")


class Dialect(Protocol):
    """The interface of a dialect, which may be a module or another object.

    Only `to_plan` is required. These attributes are optional:

    - `recognizes(data) -> bool`: returns whether data looks like this dialect; the error of an invalid native file then
      suggests the dialect
    - `read(text, source) -> data`, if the files are not YAML, TOML or JSON
    - `syntax_of(text) -> "yaml" | "toml" | "json" | "python"`, if `read` supports several syntaxes; used to locate
      diagnostics
    - `execute(path) -> data`, if the peer executes the files as programs; used for `run_config=True`
    - `bases_of(data, calendar) -> Bases`, if the files contain the optimizer's values
    - `groups_of(data, calendar) -> Iterable[GroupOfFile]`, for `paramsched show --groups`
    - `facts_of(data) -> Calendar`, if the files contain run facts such as the accumulation
    - `notes_of(data) -> Iterable[Diagnostic]`: returns diagnostics about how data is read, such as defaults
    - `scheduler_entries`: the names of the entries that may contain the schedule; `paramsched check` points to them
    - `command_lines`: True if data may also be a list of words, as from a command line or a shell script
    - `is_hjson`: True if the peer reads its JSON files as Hjson, with comments and trailing commas, and refuses a key
      that occurs twice
    """

    def to_plan(self, data: Any, *, calendar: Calendar | None = None, base: BaseLike | None = None) -> Plan:
        """Return the plan that `data` describes."""


@final
@dataclass(frozen=True, slots=True)
class KnownDialect:
    """A dialect with the attributes of `Dialect`.

    Args:
        origin: the entry point of the dialect; empty for a dialect of this library.
    """

    name: str
    to_plan: Callable[..., Plan]
    recognizes: Callable[[Any], bool] | None = None
    read: Callable[[str, str], Any] | None = None
    syntax_of: Callable[[str], str] | None = None
    execute: Callable[[str], Any] | None = None
    bases_of: Callable[[Any, Calendar | None], Bases] | None = None
    groups_of: Callable[[Any, Calendar | None], Iterable[GroupOfFile]] | None = None
    facts_of: Callable[[Any], Calendar | None] | None = None
    notes_of: Callable[[Any], Iterable[Diagnostic]] | None = None
    scheduler_entries: tuple[str, ...] = ()
    command_lines: bool = False
    is_hjson: bool = False
    origin: str = ""

    @property
    def is_peer(self) -> bool:
        """True if the dialect is that of a peer and its reader is part of this library."""
        return not self.origin and self.name != "native"

    def entry_in(self, data: Any) -> str:
        """Return the path of the entry with the schedule; the root if none of the entries is present."""
        there = data if isinstance(data, Mapping) else ()
        return next((entry_path(name) for name in self.scheduler_entries if name in there), ROOT)

    def call(self, function: Callable[..., _Result], *arguments: Any, **options: Any) -> _Result:
        """Call a function of the dialect. An exception of another package is reported with its origin."""
        try:
            return function(*arguments, **options)
        except ParamschedError:
            raise
        except Exception as error:
            if not self.origin:
                raise
            fault = f"{self.origin}: {type(error).__name__}: {error}. Report it to its authors"
            raise ConfigError(f"dialect {self.name}", [fault]) from error

    def plan_of(self, data: Any, *, calendar: Calendar | None, base: BaseLike | None) -> Plan:
        """Return the plan that data describes."""
        plan = self.call(self.to_plan, data, calendar=calendar, base=base)
        if not isinstance(plan, Plan):
            fault = f"{self.origin}: expected a Plan from to_plan, got {type(plan).__name__}. Report it to its authors"
            raise ConfigError(f"dialect {self.name}", [fault])
        if self.name == "native":
            return plan
        return peers_plan(*plan.as_written(), horizon=plan.horizon, clock=plan.clock)


@lru_cache(maxsize=1)
def _readers() -> Mapping[str, str]:
    """Return the module of each reader of this library, by the name of its dialect."""
    # By their entries, because this package is a layer below.
    doors = [load_entry("readers", door) for door in entry_names("readers")]
    return {name: module for door in doors for name, module in door.READERS.items()}


def own_names() -> tuple[str, ...]:
    """Return the names of the dialects in this library."""
    return tuple(sorted(["native", *_readers()]))


def dialect_names() -> tuple[str, ...]:
    """Return the names of all dialects, including those of installed packages.

    >>> "native" in dialect_names()
    True
    """
    return tuple(sorted({*own_names(), *(point.name for point in _entry_points(tuple(sys.path)))}))


def dialect_named(name: str) -> KnownDialect:
    """Return a dialect by its name. Other packages are imported only for names unknown to this library."""
    if name in own_names():
        module = native if name == "native" else import_module(_readers()[name])
        return _functions_of(module, name, "")
    points = [point for point in _entry_points(tuple(sys.path)) if point.name == name]
    origins = [entry_point_in_words(point) for point in points]
    if len(points) != 1:
        found = f"{' and '.join(origins)} have the same name. Uninstall one of them" if points else "unknown dialect"
        raise _broken_entry_point(f'"{name}": {found}')
    try:
        loaded = points[0].load()
    except Exception as error:
        raise _broken_entry_point(
            f"{origins[0]}: {type(error).__name__}: {error}. Update or uninstall the package"
        ) from error
    if not callable(getattr(loaded, "to_plan", None)):
        raise _broken_entry_point(f"{origins[0]}: to_plan is missing. Use a module with def to_plan(data, *, …)")
    return _functions_of(loaded, name, origins[0])


def dialects_that_recognize(data: Any) -> tuple[str, ...]:
    """Return the names of the dialects that recognize data. Dialects that fail are skipped."""
    found = []
    for name in dialect_names():
        try:
            dialect = dialect_named(name)
            if dialect.recognizes is not None and dialect.call(dialect.recognizes, data):
                found.append(name)
        except ParamschedError:
            continue  # an error is raised only if the user selects this dialect
    return tuple(found)


def _functions_of(given: Any, name: str, origin: str) -> KnownDialect:
    optional = [one for one in fields(KnownDialect) if one.name not in ("name", "to_plan", "origin")]
    found: dict[str, Any] = {one.name: getattr(given, one.name, one.default) for one in optional}
    return KnownDialect(name, given.to_plan, **found, origin=origin)


@lru_cache(maxsize=2)
def _entry_points(_: tuple[str, ...]) -> tuple["EntryPoint", ...]:
    """Return the entry points of installed packages; cached, because the search reads every package."""
    own = own_names()
    return tuple(point for point in entry_points_of(DIALECT_ENTRY_POINTS) if point.name not in own)


def _broken_entry_point(fault: str) -> ConfigError:
    return ConfigError(f"entry points {DIALECT_ENTRY_POINTS}", [fault])
