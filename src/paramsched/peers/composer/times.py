"""Times as Composer writes them, `10ep` or `0.06dur`, and what they are in a run."""

import re
from collections.abc import Set
from dataclasses import dataclass, field
from fractions import Fraction
from math import isfinite
from typing import Any, Final, final

from paramsched.base.codes import MISSING_FACT, REFUSED_VALUE
from paramsched.base.diagnostic import child_path
from paramsched.config.arguments import WrongValue
from paramsched.config.faults import Faults, short_json
from paramsched.config.peer_arguments import is_count
from paramsched.time import Duration

UNITS_OF_TIMES: Final = {"ep": "epochs", "ba": "updates", "sp": "samples", "tok": "tokens"}
"""Composer's units and ours; a batch of Composer's is an update."""

_TIME: Final = re.compile(r"(.+?)(iter|ep|ba|sp|tok|dur|sec)", re.IGNORECASE)
_WALL_CLOCK: Final = re.compile(r"(\d+h)?(\d+m)?(\d+s)?")
_MOST: Final = 10**18
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


def composer_time(value: Any) -> ComposerTime:
    """Read a time that a plan can have, or raise `WrongValue`."""
    shown = short_json(value)
    if not isinstance(value, str):
        raise WrongValue(f"expected a time, got {shown}", example=f"{value}ba" if is_count(value, 1) else None)
    found = _TIME.fullmatch(value)
    unit = "sec" if value and _WALL_CLOCK.fullmatch(value) else found[2].lower() if found else ""
    if unit in _NO_TIMES:
        raise WrongValue(f"{shown}: {_NO_TIMES[unit]}", code=REFUSED_VALUE)
    amount = _amount_in_text(found[1]) if found else None
    if amount is None:
        raise WrongValue(f"expected a time in ep, ba, sp, tok or dur, got {shown}")
    if unit != "dur" and amount != int(amount):
        whole = f"{int(amount) + 1}{unit}"
        raise WrongValue(f"expected a whole number of {unit}, got {shown}", code=REFUSED_VALUE, example=whole)
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
@dataclass(frozen=True, slots=True)
class TimesInRun:
    """The times of one scheduler in its run.

    Args:
        path: the location of the arguments of the scheduler.
        faults: where diagnostics are noted.
        wrong: the arguments that have another value in place of one that is wrong or missing.
        clocks: what the times count: `ba`, `sp`, `tok`.
        ends: the times at which a stage is over, each with its location.
    """

    run: ComposerRun
    path: str
    faults: Faults
    wrong: Set[str]
    clocks: set[str] = field(default_factory=set)
    ends: list[tuple[str, ComposerTime]] = field(default_factory=list)

    def fault(self, name: str, found: str, instead: str = "") -> None:
        self.faults.add(child_path(self.path, name), found, instead, code=REFUSED_VALUE)

    def converted(self, name: str, written: ComposerTime, *keys: int, scaled: bool = True) -> ComposerTime | None:
        """A time in batches, samples or tokens; None, and a note, if it cannot be converted."""
        path = child_path(self.path, name, *keys)
        found = self.run.converted(written, path, self.faults, scaled=scaled)
        if found is not None:
            self.clocks.add(found.clock)
            self.ends.extend([(path, found)] if name in _STAGES else [])
        return found

    def period(self, name: str, written: ComposerTime) -> ComposerTime | None:
        """A time that is not nothing."""
        found = self.converted(name, written)
        if found is not None and not found.amount:
            self.fault(name, "a length of nothing", f'Write {name}: "1ba"')
            return None
        return found

    def end(self, t_max: ComposerTime) -> ComposerTime | None:
        """The end of a scheduler; None if it takes the whole run."""
        longest = self.run.longest
        if t_max == _WHOLE_RUN:
            self.clocks.update([] if longest is None else [longest.clock])
            return None
        end = self.converted("t_max", t_max)
        if end is not None and longest is not None and self.run.compared(end, longest) == 0:
            return None
        self.ends.extend([] if end is None else [(child_path(self.path, "t_max"), end)])
        return end

    def curve_end(self, t_max: ComposerTime) -> ComposerTime | None:
        """The end of a curve, which takes some time."""
        found = self.end(t_max)
        if found is not None and not found.amount:
            self.fault("t_max", "a length of nothing", 'Write t_max: "1dur"')
        return found

    def curve_length(self, t_max: ComposerTime) -> Duration | None:
        """The same as a length of a plan."""
        end = self.curve_end(t_max)
        return None if end is None else end.duration
