"""The arguments of one call of another library, as a config says them: each is checked where it is asked for."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, final

from paramsched.config.data_paths import child_path
from paramsched.config.faults import Faults
from paramsched.config.numbers_as_written import ratio_as_written
from paramsched.config.value_words import short_json, type_in_words
from paramsched.near_names import did_you_mean
from paramsched.schedules import Level, Schedule, absolute, constant

REQUIRED: Final = object()
"""Stands for the default of an argument that has none."""

_HELD: Final = "a schedule that holds its first value"


@final
@dataclass(frozen=True, slots=True)
class ReadingNotes:
    """What is noted while a config is read.

    Args:
        faults: what keeps it from being a plan.
        cautions: what it says and hardly means.
        base: lr's own value; levels are multiples of it. None: they are values as they stand.
    """

    faults: Faults
    cautions: list[str] = field(default_factory=list)
    base: float | None = None

    def level(self, value: float) -> Level:
        """A value of the other library as a level; 0 is the same in any unit.

        >>> ReadingNotes(Faults()).level(0.01), ReadingNotes(Faults(), base=0.1).level(0.01)
        (absolute(0.01), 0.1)
        """
        if value == 0:
            return 0.0
        return absolute(value) if self.base is None else ratio_as_written(value, self.base)

    def scaled(self, value: float, schedule: Schedule) -> Schedule:
        """A schedule of multiples that begins at a value."""
        if value == 0:
            return constant(0.0)
        return schedule if value == self.base else constant(self.level(value)) * schedule


@final
@dataclass(frozen=True, slots=True)
class PeerArguments:
    """The arguments of one call; what is wrong with one is noted, and another value stands in for it.

    Args:
        name: what is called.
        path: where its arguments stand.
        given: all of them, with the defaults of those that are missing.
        notes: where faults are noted.
    """

    name: str
    path: str
    given: Mapping[str, Any]
    notes: ReadingNotes

    def refuse(self, name: str, found: str, instead: str) -> None:
        """Note a fault of an argument."""
        self.notes.faults.add(child_path(self.path, name), found, instead)

    def warn_held(self, name: str) -> None:
        """Note that a length of nothing holds the first value for good, which is hardly meant."""
        place = child_path(self.path, name)
        self.notes.cautions.append(f"{place}: {self.name} with {name} {self.given[name]!r} is {_HELD}")

    def number(self, name: str, least: float = -math.inf, *, above: float = -math.inf) -> float:
        """A finite number in its range."""
        value = self.given[name]
        if value is REQUIRED:
            return 1.0
        if is_plain_number(value) and value >= least and value > above:
            return float(value)
        bound = f" above {above:g}" if above > -math.inf else f" from {least:g} on" if least > -math.inf else ""
        self.refuse(name, f"{short_json(value)} is no number{bound}", f"Write {name}: 0.1")
        return 1.0

    def count(self, name: str, least: int) -> int:
        """A whole number of updates."""
        value = self.given[name]
        if value is REQUIRED:
            return max(least, 1)
        if is_plain_number(value) and value == int(value) and value >= least:
            return int(value)
        self.refuse(name, f"{short_json(value)} is no whole number from {least} on", f"Write {name}: 1000")
        return max(least, 1)

    def whole(self, name: str) -> int:
        """A whole number, also below 0."""
        return self.count(name, least=-(10**15))

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self.given[name]
        if not isinstance(value, bool):
            self.refuse(name, f"{short_json(value)} is neither true nor false", f"Write {name}: true")
        return value is True

    def choice(self, name: str, among: tuple[str, ...]) -> str:
        """One of several words."""
        value = self.given[name]
        if value in among:
            return str(value)
        if value is not REQUIRED:
            self.refuse(name, f"{short_json(value)} is none of {', '.join(among)}", f'Write {name}: "{among[0]}"')
        return among[0]

    def level(self, name: str) -> Level:
        """A number as a level."""
        return self.notes.level(self.number(name))


def is_plain_number(value: Any) -> bool:
    """Whether value is a finite number, and no bool."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def arguments_with_defaults(
    name: str,
    given: Any,
    path: str,
    defaults: Mapping[str, Any],
    notes: ReadingNotes,
    ignored: Iterable[str] = (),
) -> PeerArguments:
    """The arguments of a call; what is missing, unknown or no argument at all is noted.

    Args:
        name: what is called.
        given: the arguments that are said.
        path: where they stand.
        defaults: by argument; `REQUIRED` where it has to be said.
        notes: where faults are noted.
        ignored: arguments that have nothing to do with values.
    """
    known = {key: value for key, value in given.items() if key in defaults} if isinstance(given, Mapping) else {}
    if not isinstance(given, Mapping):
        notes.faults.add(path, f"{type_in_words(given)}, no arguments of {name}", "Write a mapping of arguments")
        return PeerArguments(name, path, dict(defaults), notes)
    for key in given:
        if key not in defaults and key not in ignored:
            unknown = f"{name} has no such argument; {did_you_mean(str(key), defaults)}"
            notes.faults.add(child_path(path, key), unknown, at_key=True)
    for key, value in defaults.items():
        if value is REQUIRED and key not in known:
            notes.faults.add(path, f"{name} has no {key}", f"Write {key} into its arguments")
    return PeerArguments(name, path, {**defaults, **known}, notes)


def base_of_lr(base: float | Mapping[str, float] | None) -> float | None:
    """lr's own value, where a caller gave it; 0 is none that others are multiples of."""
    value = base.get("lr") if isinstance(base, Mapping) else base
    return float(value) if value else None
