"""Keyword arguments of a scheduler, read with their checks."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, final

from paramsched.config.faults import Faults, child_path, short_json
from paramsched.near_names import did_you_mean
from paramsched.schedules import Level, absolute


@final
class Keywords:
    """The keyword arguments that one scheduler was given; what is wrong with them is noted.

    Args:
        values: the arguments; None is one that was not given.
        path: where they stand.
        faults: takes what is wrong.
    """

    def __init__(self, values: Mapping[str, Any], path: str, faults: Faults) -> None:
        self.values, self.path, self.faults = values, path, faults

    def refuse_unknown(self, known: Iterable[str], scheduler: str) -> None:
        """Note what this scheduler does not take."""
        for name in self.values:
            if name not in known:
                meant = did_you_mean(str(name), known) if known else "it takes none"
                self.faults.add(child_path(self.path, name), f"no argument of {scheduler}; {meant}", at_key=True)

    def given(self, name: str) -> bool:
        return self.values.get(name) is not None

    def fault(self, name: str, found: str, instead: str = "") -> None:
        self.faults.add(child_path(self.path, name), found, instead)

    def number(self, name: str, default: float, *, least: float = -math.inf, above: float = -math.inf) -> float:
        """A finite number in its range; the default where it is none."""
        value = self.values.get(name)
        if value is None:
            return default
        if not is_real(value) or value < least or value <= above:
            bound = f" above {above:g}" if above > -math.inf else f" from {least:g} on" if least > -math.inf else ""
            self.fault(name, f"{short_json(value)} is no number{bound}", f"Write {name}: {default:g}")
            return default
        return float(value)

    def count(self, name: str, default: int, *, least: int = 0) -> int:
        """A whole number of updates."""
        value = self.number(name, default, least=least)
        if value != int(value):
            self.fault(name, f"{value!r} is no whole number", f"Write {name}: {math.ceil(value)}")
        return int(value)

    def flag(self, name: str) -> bool:
        """Yes or no; no where nothing is said."""
        value = self.values.get(name, False)
        if value is None or isinstance(value, bool):
            return bool(value)
        self.fault(name, f"{short_json(value)} is neither true nor false", f"Write {name}: true")
        return False

    def choice(self, name: str, default: str, choices: Iterable[str]) -> str:
        """One of a few words."""
        value = self.values.get(name, default)
        if value not in choices:
            self.fault(name, f"{short_json(value)}: {did_you_mean(str(value), choices)}", f'Write {name}: "{default}"')
            return default
        return str(value)

    def floor(self) -> Level:
        """Of `min_lr`, a value, and `min_lr_rate`, a multiple of base, the one that is there."""
        if self.given("min_lr") == self.given("min_lr_rate"):
            found = "both are there" if self.given("min_lr") else "neither is there"
            self.faults.add(self.path, f"of min_lr and min_lr_rate {found}", "Write min_lr_rate: 0.1")
        if self.given("min_lr"):
            value = self.number("min_lr", 1e-6, least=0)
            return absolute(value) if value else 0.0
        return self.number("min_lr_rate", 0.1, least=0)


def is_real(value: Any) -> bool:
    """Whether a value of a file is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
