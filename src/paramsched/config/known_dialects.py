"""Dialects by name: the library's own and those of installed packages; and what a file says beside its plan."""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, TypeVar, final

from paramsched.base.diagnostic import ROOT, Diagnostic, entry_path
from paramsched.config import native
from paramsched.config.schedule_text import entry_point_in_words, entry_points_of
from paramsched.errors import ConfigError, ParamschedError
from paramsched.plan import Plan
from paramsched.plan.bases import NO_BASES, Bases
from paramsched.time import Calendar

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


@final
@dataclass(frozen=True, slots=True)
class Loaded:
    """A plan and the optimizer's values, as a file says them.

    Args:
        plan: the plan.
        bases: the optimizer's values that stand beside it.
        native: whether it is in the library's own words; otherwise a dialect's.
        facts: what stands beside it of the run it was written for.
        entry: the path of the entry that says the schedules, in a dialect's file.
        notes: what is to be known of how it was read, such as the defaults that were taken.
    """

    plan: Plan
    bases: Bases = NO_BASES
    native: bool = True
    facts: Calendar | None = None
    entry: str = ""
    notes: tuple[Diagnostic, ...] = ()


_PEERS: Final = "paramsched.peers"  # a layer above: its packages are found by their folders

DIALECT_ENTRY_POINTS: Final = "paramsched.dialects"
"""The group in which a package names its dialects: `composer = "my_package.composer_dialect"`."""

BaseLike: TypeAlias = float | Mapping[str, float]
"""The value schedules are multiples of: lr's, or by field. Dialects that write absolute values need it."""

_Result = TypeVar("_Result")


class Dialect(Protocol):
    """What a module, or any object, gives to be a dialect: `to_plan`, and as much of the rest as it can.

    - `from_plan(plan) -> data`: a plan as the other library says it
    - `recognizes(data) -> bool`: whether data looks like this dialect; a refused native file then names it
    - `read(text, source) -> data` and `write(data) -> text`, where its files are no YAML, TOML or JSON
    - `syntax_of(text) -> "yaml" | "toml" | "json" | "python"`, where `read` takes several: for the locations of errors
    - `execute(path) -> data`, where its files are programs that the other library executes: for `run_config=True`
    - `bases_of(data, calendar) -> Bases`, where its files say the optimizer's values
    - `facts_of(data) -> Calendar`, where its files have facts of the run, such as the accumulation
    - `notes_of(data) -> Iterable[Diagnostic]`: what is to be known of how data is read, such as defaults
    - `scheduler_entries`: names of the entries in which its files say the schedule; `paramsched check` points there
    - `command_lines`: True where it takes a list of words too; a command line, or a script, is then read as that
    """

    def to_plan(self, data: Any, *, calendar: Calendar | None = None, base: BaseLike | None = None) -> Plan:
        """The plan that `data` means."""


@final
@dataclass(frozen=True, slots=True)
class KnownDialect:
    """A dialect that was found, as `Dialect` says.

    Args:
        origin: the entry point it was found by; "" for one of the library's own.
    """

    name: str
    to_plan: Callable[..., Plan]
    from_plan: Callable[[Plan], Any] | None = None
    recognizes: Callable[[Any], bool] | None = None
    read: Callable[[str, str], Any] | None = None
    write: Callable[[Any], str] | None = None
    syntax_of: Callable[[str], str] | None = None
    execute: Callable[[str], Any] | None = None
    bases_of: Callable[[Any, Calendar | None], Bases] | None = None
    facts_of: Callable[[Any], Calendar | None] | None = None
    notes_of: Callable[[Any], Iterable[Diagnostic]] | None = None
    scheduler_entries: tuple[str, ...] = ()
    command_lines: bool = False
    origin: str = ""

    @property
    def is_peer(self) -> bool:
        """Whether its files are those of another library that has a reader here, and are read as that library does."""
        return not self.origin and self.name != "native"

    def entry_in(self, data: Any) -> str:
        """The path of the entry that says the schedule; of the whole where none of its names is there."""
        there = data if isinstance(data, Mapping) else ()
        return next((entry_path(name) for name in self.scheduler_entries if name in there), ROOT)

    def call(self, function: Callable[..., _Result], *arguments: Any, **options: Any) -> _Result:
        """What one of its functions gives; whatever a function of a package raises is said with its origin."""
        try:
            return function(*arguments, **options)
        except ParamschedError:
            raise
        except Exception as error:
            if not self.origin:
                raise
            fault = f"{self.origin}: {type(error).__name__}: {error}. Tell its authors"
            raise ConfigError(f"dialect {self.name}", [fault]) from error

    def plan_of(self, data: Any, *, calendar: Calendar | None, base: BaseLike | None) -> Plan:
        """The plan that data means."""
        plan = self.call(self.to_plan, data, calendar=calendar, base=base)
        if not isinstance(plan, Plan):
            fault = f"{self.origin}: its to_plan gave a {type(plan).__name__}, no Plan. Tell its authors"
            raise ConfigError(f"dialect {self.name}", [fault])
        return plan


@lru_cache(maxsize=1)
def own_names() -> tuple[str, ...]:
    """The names of the library's own dialects."""
    return tuple(sorted(["native", *(module.name for module in iter_modules(import_module(_PEERS).__path__))]))


def dialect_names() -> tuple[str, ...]:
    """The names of the dialects there are, those of installed packages too.

    >>> "native" in dialect_names()
    True
    """
    return tuple(sorted({*own_names(), *(point.name for point in _entry_points(tuple(sys.path)))}))


def dialect_named(name: str) -> KnownDialect:
    """The dialect of a name; a package is only imported for a name that the library does not have."""
    if name in own_names():
        module = native if name == "native" else import_module(f"{_PEERS}.{name}")
        return _functions_of(module, name, "")
    points = [point for point in _entry_points(tuple(sys.path)) if point.name == name]
    origins = [entry_point_in_words(point) for point in points]
    if len(points) != 1:
        found = f"{' and '.join(origins)} have the same name. Uninstall one of them" if points else "there is none"
        raise _broken_entry_point(f'"{name}": {found}')
    try:
        loaded = points[0].load()
    except Exception as error:
        raise _broken_entry_point(
            f"{origins[0]}: {type(error).__name__}: {error}. Update or uninstall the package"
        ) from error
    if not callable(getattr(loaded, "to_plan", None)):
        raise _broken_entry_point(f"{origins[0]}: it has no to_plan. Name a module with def to_plan(data, *, …)")
    return _functions_of(loaded, name, origins[0])


def dialects_that_recognize(data: Any) -> tuple[str, ...]:
    """The names of the dialects that data looks like. A package that cannot be asked is left out."""
    found = []
    for name in dialect_names():
        try:
            dialect = dialect_named(name)
            if dialect.recognizes is not None and dialect.call(dialect.recognizes, data):
                found.append(name)
        except ParamschedError:
            continue  # nobody asked for it; who does is told
    return tuple(found)


def _functions_of(given: Any, name: str, origin: str) -> KnownDialect:
    optional = (
        "from_plan", "recognizes", "read", "write", "syntax_of", "execute", "bases_of", "facts_of", "notes_of",
    )  # fmt: skip
    functions = {one: getattr(given, one, None) for one in optional}
    entries = tuple(getattr(given, "scheduler_entries", ()))
    words = bool(getattr(given, "command_lines", False))
    return KnownDialect(name, given.to_plan, **functions, scheduler_entries=entries, command_lines=words, origin=origin)


@lru_cache(maxsize=2)
def _entry_points(_: tuple[str, ...]) -> tuple["EntryPoint", ...]:
    """The entry points of the packages on a path; kept, because looking reads every installed package."""
    own = own_names()
    return tuple(point for point in entry_points_of(DIALECT_ENTRY_POINTS) if point.name not in own)


def _broken_entry_point(fault: str) -> ConfigError:
    return ConfigError(f"entry points {DIALECT_ENTRY_POINTS}", [fault])
