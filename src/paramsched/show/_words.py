"""Text in a picture, and the axis of time."""

import math
import unicodedata
from dataclasses import dataclass, replace
from typing import NamedTuple, final

import numpy as np
from numpy.typing import ArrayLike

from paramsched.plan.resolve import TimeUnit, even_unit
from paramsched.show._curves import Floats, Times, runs_of_times


def short_number(value: float, digits: int = 6) -> str:
    """Write a value without the zeros that say nothing.

    >>> short_number(0.00003), short_number(0.1), short_number(1e-10), short_number(float("inf"))
    ('3e-5', '0.1', '1e-10', 'inf')
    """
    text = f"{value:.{digits}g}"
    mantissa, mark, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if mark else text


def tick_label(value: float, step: float) -> str:
    """Write the value of a tick with enough decimals to tell it from the next tick, which is `step` away.

    >>> tick_label(0.9, 0.025), tick_label(0.0, 0.025), tick_label(2e-5, 1e-5), tick_label(30.0, 10.0)
    ('0.900', '0', '2e-5', '30')
    """
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e6:
        spare = max(math.floor(math.log10(abs(value))) - math.floor(math.log10(step)), 0)
        return short_number(value, min(spare + 2, 17))
    scaled, decimals = step, 0
    while decimals < 15 and abs(scaled - round(scaled)) > 1e-6 * scaled:
        scaled, decimals = scaled * 10, decimals + 1
    return f"{value:.{decimals}f}"


def short_amount(value: float) -> str:
    """Write an amount as lengths are written.

    >>> short_amount(12_000_000_000), short_amount(375_000_000), short_amount(512)
    ('12B', '375M', '512')
    """
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{short_number(value / size, 3)}{letter}"
    return short_number(value, 3)


def with_thousands(value: int) -> str:
    """Write a number of updates with its thousands apart: `1,000,000`."""
    return f"{value:,}"


def times_in_words(times: Times, most: int = 4) -> str:
    """Name the first few of some times; the times must be sorted.

    >>> import numpy as np
    >>> times_in_words(np.array([3, 7, 8, 9]))
    '3, 7–9'
    """
    runs = runs_of_times(times)
    words = [
        with_thousands(first) if first == last else f"{with_thousands(first)}–{with_thousands(last)}"
        for first, last in runs[:most]
    ]
    return ", ".join([*words, "…"] if len(runs) > most else words)


def cell_width(text: str) -> int:
    r"""Cells a text takes in a terminal: two for wide characters, none for combining marks.

    >>> cell_width("lr"), cell_width("学習率"), cell_width("e\u0301")
    (2, 6, 1)
    """
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def clip_text(text: str, width: int, ellipsis: str = "…") -> str:
    """Cut a text that is wider than `width`, and show by an ellipsis that it was cut.

    >>> clip_text("warmup >> cosine", 10)
    'warmup >>…'
    """
    if cell_width(text) <= width:
        return text
    kept = ""
    for character in text:
        if cell_width(kept + character) > width - len(ellipsis):
            break
        kept += character
    return (kept + ellipsis)[: max(width, 0)]


def wrap_text(text: str, width: int, *, ellipsis: str = "…") -> list[str]:
    """Break a text at spaces into at most three rows of `width`; what does not fit is cut.

    >>> wrap_text('warmup("5%") >> cosine(to=0.1)', 16)
    ['warmup("5%") >>', 'cosine(to=0.1)']
    """
    rows: list[str] = []
    # Measuring is slow: of a text far longer than the picture only the part that can be shown is looked at.
    for word in text[: width * (_MOST_ROWS + 1) + 1].split(" "):
        if rows and cell_width(f"{rows[-1]} {word}") <= width:
            rows[-1] += f" {word}"
            continue
        while cell_width(word) > width:
            head = clip_text(word, width, "")
            rows.append(head)
            word = word[len(head) :]
        rows.append(word)
    if len(rows) > _MOST_ROWS:
        *rows, last = rows[:_MOST_ROWS]
        fits = cell_width(last) + len(ellipsis) <= width
        rows.append(last + ellipsis if fits else clip_text(last + " " * width, width, ellipsis))
    return rows


_MOST_ROWS = 3  # of a text that is too wide


class TimeTick(NamedTuple):
    """A time on the axis, written in its unit and in that of its second row.

    Args:
        at: how many updates there have been; between two of them, where a round amount is.
        place: from 0, the left end of the axis, to 1.
    """

    at: float
    place: float
    label: str
    second: str


@final
@dataclass(frozen=True, slots=True, eq=False)
class TimeAxis:
    """The axis that all panels of a picture share.

    Args:
        units: in which its time can be told, updates first.
        beside_updates: what its second row counts where the first counts updates; "" where there is none.
        log: whether it is logarithmic; it begins at the end of the first update then.
    """

    units: tuple[TimeUnit, ...]
    unit: str
    beside_updates: str
    log: bool

    @property
    def second(self) -> str:
        """What its second row counts; "" where it has none."""
        return self.beside_updates if self.unit == "updates" else "updates"

    @property
    def total(self) -> int:
        return int(self.units[0].updates[-1])

    @property
    def of_updates(self) -> "TimeAxis":
        """The plain axis of the same updates."""
        return replace(self, unit="updates", log=False)

    @property
    def main(self) -> TimeUnit:
        return next(one for one in self.units if one.name == self.unit)

    @property
    def is_even(self) -> bool:
        return self.main.is_even and not self.log

    @property
    def first(self) -> int:
        return int(self.log)

    @property
    def widest_update(self) -> float:
        """The room that the widest update takes, of the whole axis."""
        if self.log or self.main.is_even:
            return float(self.place(self.first + 1))
        return float(np.max(np.diff(self.place(self.main.updates)) / np.diff(self.main.updates)))

    @property
    def _ends(self) -> tuple[float, float]:
        """What has passed at its begin, and at its end, in its unit."""
        begin, end = self.main.at([self.first, self.total]).tolist()
        return begin, end

    def place(self, updates: ArrayLike) -> Floats:
        """Where some updates begin, from 0 to 1.

        >>> axis = updates_axis(1000)
        >>> axis.place([0, 500]).tolist()
        [0.0, 0.5]
        >>> TimeAxis(axis.units, "updates", "", True).place([1, 10, 1000]).round(3).tolist()
        [0.0, 0.333, 1.0]
        """
        times = np.asarray(updates, dtype=np.float64)
        if self.is_even:
            return times / self.total
        begin, end = self._ends
        passed = self.main.at(np.clip(times, self.first, None))
        if self.log:
            return np.asarray(np.log(passed / begin) / math.log(end / begin))
        return np.asarray(passed / end)

    def update_at(self, places: ArrayLike) -> Floats:
        """The way back: how many updates there have been at some places."""
        shares = np.asarray(places, dtype=np.float64)
        if self.is_even:
            return shares * self.total
        begin, end = self._ends
        return self.main.update_of(begin * (end / begin) ** shares if self.log else shares * end)

    def columns_of(self, updates: Times, columns: int) -> Times:
        """In which of so many columns some updates begin; the end of the run is in the last."""
        if self.is_even:
            found = updates * columns // self.total
        else:
            found = np.floor(self.place(updates) * columns + 1e-9).astype(np.int64)
        return np.minimum(found, columns - 1)

    def edges(self, columns: int) -> Times:
        """The updates at which columns begin, and the end: column c has those from edges[c] to before edges[c + 1].

        >>> updates_axis(10).edges(4).tolist()
        [0, 2, 5, 7, 10]
        """
        if self.is_even:
            return np.arange(columns + 1, dtype=np.int64) * self.total // columns
        inner = np.ceil(self.update_at(np.arange(1, columns) / columns) - 1e-9).astype(np.int64)
        return np.concatenate([[self.first], np.clip(inner, self.first, self.total), [self.total]])

    def ticks(self, most: int) -> tuple[TimeTick, ...]:
        """About `most` round times, the end of the run among them.

        >>> [tick.label for tick in updates_axis(1000).ticks(5)]
        ['0', '200', '400', '600', '800', '1,000']
        """
        if self.log:
            at = self.main.update_of(_round_decades(*self._ends, most))
        elif self.unit == "updates":
            at = np.array(_round_updates(self.total, self.steps_per_epoch, most), dtype=np.float64)
        else:
            at = self.main.update_of(_round_amounts(float(self.main.amounts[-1]), most))
        places = self.place(at)
        labels = [self._words_of(self.unit, float(one)) for one in at]
        seconds = [self._words_of(self.second, float(one)) for one in at]
        return tuple(map(TimeTick, at.tolist(), places.tolist(), labels, seconds))

    @property
    def steps_per_epoch(self) -> int | None:
        """Updates of an epoch, where these are all as long and a whole number of updates."""
        epochs = next((one for one in self.units if one.name == "epochs" and one.is_even), None)
        steps = 0.0 if epochs is None else self.total / float(epochs.amounts[-1])
        return round(steps) if steps >= 1 and abs(steps - round(steps)) < 1e-6 else None

    def _words_of(self, unit: str, updates: float) -> str:
        if not unit:
            return ""
        amount = float(next(one for one in self.units if one.name == unit).at(updates))
        return amount_in_words(unit, amount)


def amount_in_words(unit: str, amount: float) -> str:
    """A tick's time in a unit.

    >>> amount_in_words("updates", 1200), amount_in_words("epochs", 2.5), amount_in_words("tokens", 3e9)
    ('1,200', '2.5', '3B')
    """
    if unit == "updates":
        whole = amount >= 100 or abs(amount - round(amount)) < 0.05
        return with_thousands(round(amount)) if whole else short_number(amount, 3)
    return short_number(amount, 3 if amount < 10 else 4) if unit in ("epochs", "seconds") else short_amount(amount)


def updates_axis(total: int) -> TimeAxis:
    """A plain axis of updates."""
    return TimeAxis((even_unit("updates", total, 1.0),), "updates", "", log=False)


def _round_updates(total: int, steps_per_epoch: int | None, most: int) -> list[int]:
    """About `most` round updates in [0, total], both ends among them; with two epochs or more, whole epochs.

    >>> _round_updates(1173, 391, most=5)
    [0, 391, 782, 1173]
    """
    unit = steps_per_epoch if steps_per_epoch and total >= 2 * steps_per_epoch else 1
    step = unit * int(round_step(max(total / unit / max(most, 1), 1.0)))
    times = list(range(0, total + 1, step))
    if times[-1] != total:
        if len(times) > 1 and total - times[-1] < 0.6 * step:
            times.pop()  # the end is more useful than a round number close to it
        times.append(total)
    return times


def _round_amounts(end: float, most: int) -> list[float]:
    """About `most` round amounts in [0, end], both ends among them.

    >>> _round_amounts(2.5e9, 3), _round_amounts(0.9, 3)
    ([0.0, 1000000000.0, 2500000000.0], [0.0, 0.5, 0.9])
    """
    step = round_step(end / max(most, 1))
    found = [k * step for k in range(math.ceil(end / step - 0.6))]
    return [*(found or [0.0]), end]


def _round_decades(begin: float, end: float, most: int) -> list[float]:
    """The powers of ten in [begin, end], with their double and fivefold where there is room, and the end.

    >>> _round_decades(1.0, 3000.0, 4), _round_decades(1.0, 30.0, 6)
    ([1.0, 10.0, 100.0, 3000.0], [1.0, 2.0, 5.0, 10.0, 20.0, 30.0])
    """
    powers = range(math.ceil(math.log10(begin) - 1e-9), math.floor(math.log10(end) + 1e-9) + 1)
    every = [float(f"{digit}e{power}") for power in (powers.start - 1, *powers) for digit in (1, 2, 5)]
    if math.log10(end / begin) > most / 2:
        every = [float(f"1e{power}") for power in powers[:: max(1, math.ceil(len(powers) / most))]]
    room = (end / begin) ** (0.6 / max(most, 1))  # the end is more useful than a round number close to it
    return [*(one for one in every if begin * (1 - 1e-9) <= one <= end / room), end]


def round_step(least: float, digits: tuple[float, ...] = (1, 2, 5, 10)) -> float:
    """The smallest of these digits times a power of ten that is not below `least`.

    >>> round_step(0.03), round_step(7.0)
    (0.05, 10.0)
    """
    power = math.floor(math.log10(max(least, 1e-300)))
    steps = (float(f"{digit}e{power}") for digit in digits)
    return next((step for step in steps if step >= least * (1 - 1e-9)), least)
