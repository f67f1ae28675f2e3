"""An independent check of what an audit says: a statement is false if it does not hold for every compared value.

It formats planned values as a program does, and shares no code with the comparison.
"""

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from paramsched.tools.audit import Report

CLOSE = 1e-9  # the relative difference up to which a log of another program is as planned
SINGLE = 6e-8  # of rounding to float32


@dataclass(frozen=True)
class Truth:
    """A log and its plan.

    Args:
        schedule: a function of the total that returns the planned schedule.
        total, epoch: the updates of the run and of an epoch.
        t: the updates of the rows.
        texts: the logged numbers.
        base: the base that the audit was told; None if it was not.
    """

    schedule: Callable[[int], Any]
    total: int
    epoch: int
    t: Any
    texts: list[str]
    base: float | None

    @property
    def formats(self) -> list[str]:
        """The formats in which all numbers may have been written; none if they are exact."""
        plain = [text.partition("e") for text in set(self.texts)]
        digits = max(len(number.replace(".", "").lstrip("-0")) for number, _, _ in plain)
        places = [len(number.partition(".")[2]) - int(power or 0) for number, _, power in plain]
        if self.is_constant:
            return [] if digits >= 15 else [f".{max(digits, 2)}g"]
        if digits >= 15 or (digits < 2 and len(set(places)) > 1):
            return []
        return [f".{digits}g"] * (digits > 1) + [f".{max(places)}f"] * (max(places) > 1)

    @property
    def is_constant(self) -> bool:
        """Whether the column is one number, and no zeros at its end show a format."""
        return len(set(self.texts)) == 1 and re.search(r"\.\d+0(e|$)", self.texts[0]) is None

    def equal(self, times: Any, base: float, total: int | None = None) -> Any:
        """Return for each row whether the value planned at a time is the logged one, in the format that fits best."""
        planned = self.schedule(total or self.total)(np.maximum(times, 0), base=base).tolist()
        pairs = list(zip(planned, self.texts, strict=True))
        exact = [is_written(*pair, "") for pair in pairs]
        forms = self.formats
        if self.is_constant:  # it is exact, unless the plan moves; 0.1 is not 0.104, unless the plan moves through it
            is_digit = len(self.texts[0].partition("e")[0].replace(".", "").strip("-0")) < 2
            forms = forms if len(set(planned)) > 1 and (any(exact) or not is_digit) else []
        found = [exact, *([is_written(*pair, form) for pair in pairs] for form in forms)]
        return np.array(max(found, key=sum))

    def faults(self, report: Report) -> Iterator[str]:
        """Yield each statement of a report that is false."""
        stated = [self.base, *report.bases.values(), *report.assumed.values()]
        base = next((one for one in stated if one is not None), 1.0)
        equal = self.equal(self.t, base)
        if (report.values, report.exact) != (equal.size, equal.sum()):
            yield f"{report.exact} of {report.values} as planned: {equal.sum()} of {equal.size} are"
        if report.first is None:
            return
        at = report.first.t
        if equal[self.t == at].any() or not equal[self.t < at].all():
            yield f"first difference at {at}"
        if report.from_first_on and equal[self.t >= at].any():
            yield f"differs from {at} on"
        if any(one is not None and not equal[0] for one in report.assumed.values()):
            yield "a base of the first value"
        for number, cause in enumerate(report.causes):
            text = cause.text
            own = re.search(r"; the base of .* is (\S+)$", text)
            holds = self.holds(cause.name, text, float(own[1]) if own else base)
            if not holds or (number == 0 and own):
                yield f"{cause.name}: {text}"

    def holds(self, name: str, text: str, base: float) -> bool:
        """Return whether a cause explains every value."""
        t = self.t
        numbers = numbers_in(name.removeprefix("restarted from 0").partition(" or one of ")[0].partition(" skipped")[0])
        if own := re.search(r"each has a base of its own, and the one above is that of (\S+)", text):
            numbers = numbers_in(own[1])
        clocks: dict[str, Callable[[int], Any]] = {
            "one update late": lambda _: t - 1,
            "one update early": lambda _: t + 1,
            "once per epoch": lambda _: t // self.epoch * (self.epoch if "first of" in text else 1),
            "times per update": lambda n: t * n + (n - 1) * ("after the last" in text),
            "once every": lambda n: t // n * (n if "first of" in text else 1),
            "restarted from 0 at update": lambda n: np.where(t < n, t, t - n),
            "updates skipped before update": lambda n: t - n,
        }
        if "skipped before" in name:  # at a row before which updates were skipped
            rows = t >= int(name.rpartition(" ")[2].replace(",", ""))
            if not rows[t > 0].all():
                return False
        if "restarted from 0 at update" in name and not all(((t > 0) & (t < n)).any() for n in numbers):
            return False  # no row shows that the schedule had moved
        for cause, clock in clocks.items():
            if cause in name:
                return all(self.equal(clock(n), base).all() for n in numbers or [0])
        if name == "never moved":
            return len({float(one) for one in self.texts}) == 1
        if name == "another total":
            ends = numbers_in(own[1] if own else text.partition("total of ")[2].partition(" updates")[0])
            return all(self.equal(t, base, total).all() for total in ends)
        if name == "another base":
            used, known, factor = re.search(r"is (\S+), not (\S+); factor (\S+)$", text).groups()  # type: ignore[union-attr]
            is_factor = np.isclose(float(used), float(factor) * float(known), rtol=1e-5)
            return bool(float(known) == self.base and is_factor and self.equal(t, float(used)).all())
        places = numbers_in(text.rpartition("update ")[2])
        return self.is_explained_from(places, [0], base, name, text)

    def is_explained_from(self, places: list[int], begin: list[int], base: float, name: str, text: str) -> bool:
        """Return whether the values between jumps of the clock are those planned at some shifted update."""
        rows = [0, *np.searchsorted(self.t, places).tolist(), self.t.size]
        offsets = begin
        for number, (first, end) in enumerate(itertools.pairwise(rows)):
            if number and "restarted" in name:
                offsets = [-places[number - 1]]
            elif number:
                steps = (
                    range(1, 4)
                    if "the schedule moved" in text
                    else range(-3 if first and self.t[first - 1] > 0 else -64, 0)
                )
                offsets = [one + step for one in offsets for step in steps]
            offsets = [one for one in dict.fromkeys(offsets) if self.equal(self.t + one, base)[first:end].all()]
        return bool(offsets)


def numbers_in(text: str) -> list[int]:
    """Return the numbers of a text such as `3 to 5` or `3, 5 or 8`; of a long range, some.

    >>> numbers_in("3 to 5"), numbers_in("3, 5 or 1,008")
    ([3, 4, 5], [3, 5, 1008])
    """
    found = [int(one.replace(",", "")) for one in re.findall(r"\d{1,3}(?:,\d{3})*(?!\d)|\d+", text)]
    if " to " not in text:
        return found
    low, high = found
    return list(range(low, high + 1, max((high - low) // 3, 1)))


def is_written(planned: float, text: str, form: str) -> bool:
    """Return whether a program writes the planned value as this text; "" for all digits."""
    logged, single = float(text), float(np.float32(planned))
    if min(abs(logged - planned), abs(logged - single)) <= CLOSE * abs(planned):
        return True
    near = (planned * (1 + sign * part) for part in (CLOSE, SINGLE) for sign in (-1, 0, 1))
    return bool(form) and any(float(f"{one:{form}}") == logged for one in near)
