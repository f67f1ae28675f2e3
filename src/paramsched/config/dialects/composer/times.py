"""Times as Composer says them, `10ep` or `0.06dur`, and the arguments of its schedulers, read with their checks."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from typing import Any, Final, final

from paramsched._fault_codes import MISSING_FACT, REFUSED_VALUE, WRONG_ARGUMENT, WRONG_TYPE
from paramsched.config.faults import Faults, child_path, short_json
from paramsched.config.peer_arguments import is_count, is_plain_number, no_number_in_words
from paramsched.time import Duration

UNITS_OF_TIMES: Final = {"ep": "epochs", "ba": "updates", "sp": "samples", "tok": "tokens"}
"""Composer's units and ours; a batch of Composer's is an update."""

_TIME: Final = re.compile(r"(.+?)(iter|ep|ba|sp|tok|dur|sec)", re.IGNORECASE)
_WALL_CLOCK: Final = re.compile(r"(\d+h)?(\d+m)?(\d+s)?")
_MOST: Final = 10**18
_EXAMPLE: Final = "100ba"
_NO_TIMES: Final = {
    "sec": "Composer's schedulers take no wall-clock time",
    "iter": "an iteration is as long as the run says, and a plan counts none",
}


@final
@dataclass(frozen=True, slots=True)
class ComposerTime:
    """An amount of `ep`, `ba`, `sp`, `tok`, or a share of the run, `dur`."""

    amount: int | float
    unit: str

    @property
    def duration(self) -> Duration:
        """As a length of a plan."""
        return Duration(((UNITS_OF_TIMES[self.unit], Fraction(self.amount)),) if self.amount else ())

    @property
    def clock(self) -> str:
        """What counts it: epochs are made of updates."""
        return "ba" if self.unit == "ep" else self.unit

    def __str__(self) -> str:
        return f"{self.amount}{self.unit}"


def read_time(value: Any, path: str, faults: Faults, *, bare_epochs: bool = False) -> ComposerTime | None:
    """A time of a config; None, and a note, where it is none that a plan can say."""
    if bare_epochs and isinstance(value, int) and not isinstance(value, bool):
        value = f"{value}ep"
    shown, instead = short_json(value), f'Write "{_EXAMPLE}"'
    if not isinstance(value, str):
        meant = f'Write "{value}ba"' if is_count(value, 1) else instead
        faults.add(path, f"{shown} is no time", meant, code=WRONG_TYPE)
        return None
    found = _TIME.fullmatch(value)
    unit = "sec" if value and _WALL_CLOCK.fullmatch(value) else found[2].lower() if found else ""
    if unit in _NO_TIMES:
        faults.add(path, f"{shown}: {_NO_TIMES[unit]}", instead, code=REFUSED_VALUE)
        return None
    amount = _amount_in_text(found[1]) if found else None
    if amount is None:
        faults.add(path, f"{shown} is no time", f"{instead}, or another of ep, ba, sp, tok, dur", code=WRONG_TYPE)
        return None
    if unit != "dur" and amount != int(amount):
        faults.add(path, f"{shown}: only dur has parts", f'Write "{int(amount) + 1}{unit}"', code=REFUSED_VALUE)
        return None
    return ComposerTime(amount if unit == "dur" else int(amount), unit)


def _amount_in_text(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) and 0 <= number <= _MOST else None


@final
@dataclass(frozen=True, slots=True)
class ComposerRun:
    """What times mean in a run.

    Args:
        longest: `max_duration`, scaled; None where nothing says it.
        unscaled: as it was written.
        batches: updates in an epoch, where they are known.
    """

    longest: ComposerTime | None
    unscaled: ComposerTime | None
    ratio: float
    batches: int | None

    def converted(self, time: ComposerTime, path: str, faults: Faults, *, scaled: bool = True) -> ComposerTime | None:
        """A time in batches, samples or tokens, rounded down as Composer rounds it.

        Epochs stay epochs where they are whole ones whatever an epoch has. None, and a note, where the length of an
        epoch is needed and not known.
        """
        ratio = self.ratio if scaled else 1.0
        unit, factor, what = time.unit, ratio, f"{time} times {ratio:g}"
        if time.unit == "dur":  # a share of the run, which scales with it
            if self.longest is None:
                found = f"{time} is a share of the run, and nothing says its length"
                faults.add(path, found, 'Write max_duration: "10ep"', code=MISSING_FACT)
                return None
            unit, factor, what = self.longest.unit, self.longest.amount, f"{time} of {self.longest}"
        if unit != "ep":
            return ComposerTime(int(time.amount * factor), unit)
        epochs = Fraction(time.amount) * Fraction(factor)
        if epochs.denominator == 1:
            return ComposerTime(int(epochs), "ep")
        if self.batches is None:
            found = f"{what} is rounded to whole batches, and nothing says how many an epoch has"
            instead = "Give a calendar with steps_per_epoch (on the command line: --steps-per-epoch), or write ba"
            faults.add(path, found, instead, code=MISSING_FACT)
            return None
        return ComposerTime(int(time.amount * self.batches * factor), "ba")

    def compared(self, time: ComposerTime, other: ComposerTime) -> int | None:
        """Whether a time is shorter (-1), as long (0) or longer (1) than another; None where nothing says it."""
        one, two = (self._amount_in(each, time.unit == other.unit) for each in (time, other))
        if time.clock != other.clock or one is None or two is None:
            return None
        return (one > two) - (one < two)

    def covers(self, time: ComposerTime) -> bool:
        """Whether a time is known to be as long as the run, or longer."""
        return self.longest is not None and self.compared(time, self.longest) in (0, 1)

    def in_batches(self, time: ComposerTime) -> ComposerTime:
        """Epochs as batches, where that is known."""
        if time.unit != "ep" or self.batches is None:
            return time
        return ComposerTime(int(time.amount) * self.batches, "ba")

    def _amount_in(self, time: ComposerTime, same_unit: bool) -> float | None:
        if same_unit or time.unit != "ep":
            return time.amount
        return None if self.batches is None else time.amount * self.batches


_STAGES = ("t_warmup", "t_cooldown")
_WHOLE_RUN = ComposerTime(1.0, "dur")


@final
class SchedulerArguments:
    """What one scheduler was given; what is wrong with it is noted.

    Attributes:
        clocks: what its times count: `ba`, `sp`, `tok`.
        ends: the times at which a stage of it is over, each with its path.
    """

    def __init__(self, values: Mapping[str, Any], path: str, run: ComposerRun, faults: Faults) -> None:
        self.values, self.path, self.run, self.faults = values, path, run, faults
        self.clocks: set[str] = set()
        self.ends: list[tuple[str, ComposerTime]] = []

    def fault(self, name: str, found: str, instead: str = "", *, code: str = REFUSED_VALUE) -> None:
        self.faults.add(child_path(self.path, name) if name in self.values else self.path, found, instead, code=code)

    def number(self, name: str, default: float | None, *, above: float = -math.inf) -> float:
        """A finite number; without a default it has to be there."""
        value = self.values.get(name, default)
        instead = f"Write {name}: {0.1 if default is None else default:g}"
        if name not in self.values and default is None:
            self.fault(name, f"{name} is missing", instead, code=WRONG_ARGUMENT)
            return 1.0
        if is_plain_number(value) and value > above:
            return float(value)
        self.fault(name, no_number_in_words(value, above=above), instead, code=WRONG_TYPE)
        return 1.0

    def flag(self, name: str) -> bool:
        """True or false; false where it is not there."""
        value = self.values.get(name, False)
        if not isinstance(value, bool):
            self.fault(name, f"{short_json(value)} is not true or false", f"Write {name}: true", code=WRONG_TYPE)
        return value is True

    def written_time(self, name: str, default: str | None = None) -> ComposerTime | None:
        """A time as it stands; without a default it has to be there."""
        if name not in self.values and default is None:
            self.fault(name, f"{name} is missing", f'Write {name}: "100ba"', code=WRONG_ARGUMENT)
            return None
        return read_time(self.values.get(name, default), child_path(self.path, name), self.faults)

    def time(self, name: str, default: str | None = None, *, scaled: bool = True) -> ComposerTime | None:
        """A time in batches, samples or tokens; None, and a note, where it cannot be said."""
        written, path = self.written_time(name, default), child_path(self.path, name)
        found = None if written is None else self._converted(written, path, scaled=scaled)
        self.ends += [] if found is None or name not in _STAGES else [(path, found)]
        return found

    def period(self, name: str, default: str | None = None) -> ComposerTime | None:
        """A time that is not nothing."""
        found = self.time(name, default)
        if found is not None and not found.amount:
            self.fault(name, "a length of nothing", f'Write {name}: "1ba"')
            return None
        return found

    def curve_end(self) -> ComposerTime | None:
        """`t_max` of a curve, which takes some time."""
        found = self.end()
        if found is not None and not found.amount:
            self.fault("t_max", "a length of nothing", 'Write t_max: "1dur"')
        return found

    def curve_length(self) -> Duration | None:
        """The same as a length of a plan."""
        end = self.curve_end()
        return None if end is None else end.duration

    def times(self, name: str) -> list[ComposerTime]:
        """A list of times."""
        given = self.values.get(name)
        if not isinstance(given, (list, tuple)):
            found = f"{name} is missing" if name not in self.values else f"{short_json(given)} is no list of times"
            self.fault(name, found, f'Write {name}: ["30ep", "60ep"]', code=WRONG_ARGUMENT)
            return []
        found_times = []
        for index, value in enumerate(given):
            path = child_path(self.path, name, index)
            written = read_time(value, path, self.faults)
            converted = None if written is None else self._converted(written, path, scaled=True)
            found_times += [] if converted is None else [converted]
        return found_times

    def end(self) -> ComposerTime | None:
        """`t_max`; None where the scheduler takes the whole run."""
        written = self.written_time("t_max", "1dur")
        if written is None or written == _WHOLE_RUN:
            if self.run.longest is not None:
                self.clocks.add(self.run.longest.clock)
            return None
        end = self._converted(written, child_path(self.path, "t_max"), scaled=True)
        if end is not None and self.run.longest is not None and self.run.compared(end, self.run.longest) == 0:
            return None
        self.ends += [] if end is None else [(child_path(self.path, "t_max"), end)]
        return end

    def _converted(self, written: ComposerTime, path: str, *, scaled: bool) -> ComposerTime | None:
        found = self.run.converted(written, path, self.faults, scaled=scaled)
        if found is not None:
            self.clocks.add(found.clock)
        return found
