"""Axes of a picture: their ticks and labels."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, final

import numpy as np
from numpy.typing import ArrayLike

from paramsched.base.terminal import cell_width
from paramsched.base.words import did_you_mean
from paramsched.core.plan import TimeUnit, Trace, even_unit
from paramsched.core.time import CLOCK_SYNONYMS, CLOCKS, PROGRESS, Duration, RunFacts
from paramsched.errors import CallSite, InvalidArgument, MissingFact
from paramsched.show.plan_curves import Curves, Envelope, Floats, Times, runs_of_times


def short_number(value: float, digits: int = 6) -> str:
    """Format a value without insignificant zeros.

    >>> short_number(0.00003), short_number(0.1), short_number(1e-10), short_number(float("inf"))
    ('3e-5', '0.1', '1e-10', 'inf')
    """
    text = f"{value:.{digits}g}"
    mantissa, mark, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if mark else text


def tick_label(value: float, step: float) -> str:
    """Format the value of a tick with enough decimals to distinguish it from the next tick, `step` away.

    >>> tick_label(0.9, 0.025), tick_label(0.0, 0.025), tick_label(2e-5, 1e-5), tick_label(30.0, 10.0)
    ('0.900', '0', '2e-5', '30')
    """
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e6:
        spare = math.floor(math.log10(abs(value))) - math.floor(math.log10(step))
        return short_number(value, min(spare + 2, 17))
    scaled = step
    decimals = 0
    while decimals < 15 and abs(scaled - round(scaled)) > 1e-6 * scaled:
        scaled = scaled * 10
        decimals = decimals + 1
    return f"{value:.{decimals}f}"


def short_amount(value: float) -> str:
    """Format an amount with a suffix: k, M, B or T.

    >>> short_amount(12_000_000_000), short_amount(375_000_000), short_amount(512), short_amount(999_999)
    ('12B', '375M', '512', '1M')
    """
    value = float(f"{value:.3g}")  # so that the suffix is that of the rounded amount
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{short_number(value / size, 3)}{letter}"
    return short_number(value, 3)


def format_times(times: Times, most: int = 4) -> str:
    """Format sorted times as ranges, at most the first `most` of them.

    >>> import numpy as np
    >>> format_times(np.array([3, 7, 8, 9]))
    '3, 7–9'
    """
    runs = runs_of_times(times)
    words = [f"{first:,}" if first == last else f"{first:,}–{last:,}" for first, last in runs[:most]]
    return ", ".join([*words, "…"] if len(runs) > most else words)


def clip_text(text: str, width: int, ellipsis: str = "…") -> str:
    """Shorten a text that is wider than `width` cells, and end it with an ellipsis.

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
    """Break a text at spaces into at most three rows of `width` cells, and omit the rest.

    >>> wrap_text('warmup("5%") >> cosine(to=0.1)', 16)
    ['warmup("5%") >>', 'cosine(to=0.1)']
    """
    rows: list[str] = []
    width = max(width, 1)
    # Only the part that can be shown is measured, because measuring a long text is slow.
    for word in text[: (width + 1) * (_MAX_ROWS + 1)].split(" "):
        if rows and cell_width(f"{rows[-1]} {word}") <= width:
            rows[-1] += f" {word}"
            continue
        while cell_width(word) > width:
            head = clip_text(word, width, "")
            rows.append(head)
            word = word[len(head) :]
        rows.append(word)
    if len(rows) > _MAX_ROWS:
        *rows, last = rows[:_MAX_ROWS]
        fits = cell_width(last) + len(ellipsis) <= width
        rows.append(last + ellipsis if fits else clip_text(last + " " * width, width, ellipsis))
    return rows


_MAX_ROWS = 3  # rows per text


_DECADES = 3.0  # a larger spread selects a logarithmic axis
_STRIP = 0.12  # height of the strip for 0 below a logarithmic axis, as a fraction of the axis; enough for a label
_FLOOR = 3.0  # decades of a logarithmic axis below the 5% quantile; smaller values are drawn at its edge


@final
@dataclass(frozen=True, slots=True)
class Scale:
    """A linear or logarithmic value axis from `low` to `high`; `ticks` are pairs of a value and its label.

    >>> Scale(0.01, 1.0, True, ()).fraction(np.array([0.1, 0.0, -1.0]))
    array([0.5, 0. , nan])
    """

    low: float
    high: float
    log: bool
    ticks: tuple[tuple[float, str], ...]

    def fraction(self, values: Floats) -> Floats:
        """Map values to the range from 0 (bottom) to 1 (top).

        Values beyond the axis, including infinities, are clipped to its edge. NaN stays NaN, and negative values
        become NaN on a logarithmic axis.
        """
        if self.log:
            with np.errstate(divide="ignore", invalid="ignore"):
                exponents = np.log10(values)
            bottom = math.log10(self.low)
            top = math.log10(self.high)
            fractions = (exponents - bottom) / (top - bottom)
        else:
            # Halved first: high - low would overflow for the largest floats.
            fractions = (values / 2 - self.low / 2) / (self.high / 2 - self.low / 2)
        clipped: Floats = np.clip(fractions, 0.0, 1.0)
        return clipped


@final
@dataclass(frozen=True, slots=True)
class Scales:
    """The linear and the logarithmic axis for some values.

    Args:
        linear: the linear axis.
        log: the logarithmic axis; None if no value is positive.
        prefers_log: True if the values are easier to read on the logarithmic axis.
    """

    linear: Scale
    log: Scale | None
    prefers_log: bool = False

    def choose(self, log: bool | None) -> Scale:
        """Return the requested axis if it exists; with None, the one that suits the values."""
        is_log = self.prefers_log if log is None else log
        return self.log if self.log and is_log else self.linear


def choose_scale(envelopes: Sequence[Envelope]) -> Scale:
    """Return the axis that suits the curves of a panel.

    >>> decay = 0.9 ** np.arange(100.0)
    >>> choose_scale([Envelope(decay, decay)]).log, choose_scale([Envelope(decay + 1, decay + 1)]).log
    (True, False)
    """
    return scales_of(envelopes).choose(None)


def least_above_zero(curves: Iterable[Floats]) -> float:
    """Return the smallest positive value of some curves; inf if there is none.

    >>> least_above_zero([np.array([0.0, 3.0]), np.array([-1.0, 2.0])])
    2.0
    """
    with np.errstate(invalid="ignore"):
        return min((float(values[values > 0].min()) for values in curves if (values > 0).any()), default=math.inf)


def scales_of(envelopes: Sequence[Envelope], least: float = math.inf) -> Scales:
    """Return the axes for curves that share a panel.

    The logarithmic axis is preferred if no value is negative, and either the maxima of the curves or the upper 95% of
    the positive values of one curve span three decades. So one update at 1e-9 or the tail of a cosine is not enough.
    Zeros are drawn at the bottom edge of the logarithmic axis. The linear axis starts at 0 if the values come near 0.

    Args:
        envelopes: the envelope of each curve.
        least: the smallest positive value of the curves. The envelopes omit it if it shares a column of the picture
            with a 0.
    """
    every = np.concatenate([side for e in envelopes for side in e] or [np.zeros(0)])
    finite = every[np.isfinite(every)]
    if finite.size == 0:
        return Scales(_linear_scale(0.0, 1.0), None)
    lowest = float(finite.min())
    most = float(finite.max())
    if np.isinf(every).any() and lowest == most:
        lowest = min(lowest, 0.0)
        most = max(most, 0.0)
    space = max(most - lowest, abs(most)) / 4  # room for infinities, which are drawn at the edges
    if np.isposinf(every).any() and math.isfinite(most + space):
        most += space
    if np.isneginf(every).any() and math.isfinite(lowest - space):
        lowest -= space
    # The lowest value in each column of the picture represents all of its values: accurate enough, and much faster.
    # In a column with a value that is not positive, the highest one represents the others.
    shown = [np.where(e.low > 0, e.low, e.high) for e in envelopes]
    positive = [np.sort(values[np.isfinite(values) & (values > 0)]) for values in shown]
    positive = [values for values in positive if values.size]
    linear = _linear_scale(lowest, most)
    if not positive:
        return Scales(linear, None)
    # (5% quantile, maximum) of each curve, in decades
    spreads = [(math.log10(v[v.size // 20]), math.log10(v[-1])) for v in positive]
    within = max(top - bulk for bulk, top in spreads)
    between = max(top for _, top in spreads) - min(top for _, top in spreads)
    floor = 10 ** (min(bulk for bulk, _ in spreads) - _FLOOR)
    least = min(least, *(float(v[0]) for v in positive))
    log = _log_scale(bool((finite == 0).any()), least, max(least, floor), most)
    return Scales(linear, log, lowest >= 0 and max(within, between) >= _DECADES)


def _log_scale(has_zero: bool, least: float, bottom: float, top: float) -> Scale:
    """Return a logarithmic axis from `bottom` to `top`.

    It covers whole decades. If these are at most two, it starts and ends at 1, 2 or 5 times a power of ten. If there
    are zeros, or `least` is below the axis, a strip at the bottom shows them.
    """
    begin = math.floor(math.log10(bottom) + 1e-9)
    end = math.ceil(math.log10(top) - 1e-9)
    begin = max(begin, -308)  # smaller floats have fewer digits, and may have no tick
    end = max(end, begin + 1)
    every = max(1, math.ceil((end - begin) / 6))
    powers = [p for p in range(end, begin - 1, -every) if p <= 308][::-1]
    plain = begin >= -3 and end <= 4
    ticks = [(float(f"1e{p}"), f"{10.0**p:g}" if plain or p == 0 else f"1e{p}") for p in powers]
    low = float(f"1e{begin}")
    high = float(f"1e{end}") if end <= 308 else top
    if end - begin <= 2 and begin > -300 and end < 300:
        low, high = _marks_around(bottom, top)
        ticks = [(mark, short_number(mark)) for mark in _marks_within(low, high)]
    hidden = least < low * (1 - 1e-9)
    if has_zero or hidden:  # a strip below the lowest mark, for zeros and hidden values
        lowest = next((text for value, text in ticks if value == low), short_number(low))
        ticks = [(0.0, f"<{lowest}" if hidden else "0"), *ticks]
        low = max(low / 10 ** (_STRIP * (math.log10(high) - math.log10(low))), 1e-320)
    return Scale(low, high, True, tuple(ticks))


def _marks_within(low: float, high: float) -> list[float]:
    """Return the numbers 1, 2 and 5 times a power of ten in [low, high]."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    marks = [float(f"{digit}e{power}") for power in powers for digit in (1, 2, 5)]
    return [mark for mark in marks if low * (1 - 1e-9) <= mark <= high * (1 + 1e-9)]


def _marks_around(bottom: float, top: float) -> tuple[float, float]:
    """Return the closest numbers that enclose two values and are 1, 2 or 5 times a power of ten.

    >>> _marks_around(0.85, 0.95), _marks_around(0.1, 0.1)
    ((0.5, 1.0), (0.1, 0.2))
    """
    low = _marks_within(bottom / 10, bottom)[-1]
    return low, round_step(max(top, 1.5 * low))


def _linear_scale(least: float, most: float) -> Scale:
    """Return a linear axis with ticks at about four round steps. It starts or ends at 0 if the values come near 0."""
    size = max(abs(least), abs(most))
    if most / 2 - least / 2 <= 1e-12 * size:  # one value, or values that cannot be distinguished
        least = min(0.0, least)
        most = max(0.0, most) if size else 1.0
    elif 0 < least <= 0.4 * most:
        least = 0.0
    elif 0 > most >= 0.4 * least:
        most = 0.0
    step = round_step(most / 4 - least / 4, (1, 2, 2.5, 5, 10))
    begin = math.floor(least / step + 1e-9)
    end = math.ceil(most / step - 1e-9)
    values = [k * step for k in range(begin, max(end, begin + 1) + 1)]
    if step == 0 or not all(map(math.isfinite, values)):
        values = [least, most]
    ticks = tuple((v, tick_label(v, step)) for v in values)
    return Scale(values[0], values[-1], False, ticks)


class TimeTick(NamedTuple):
    """A time on the time axis, with its labels in one or two rows.

    Args:
        update: the update; a fraction if the round time on the label lies between two updates.
        place: the position on the axis, from 0 (left) to 1 (right).
        label: the label in the first row, in the unit of the axis.
        second: the label in the second row, or "".
    """

    update: float
    place: float
    label: str
    second: str


@final
@dataclass(frozen=True, slots=True, eq=False)
class TimeAxis:
    """The time axis that all panels of a picture share.

    Args:
        units: the units of time that are available, updates first.
        unit: the unit of the labels in the first row.
        second_unit: the unit of the labels in the second row if the first row shows updates; "" for no second row.
    """

    units: tuple[TimeUnit, ...]
    unit: str
    second_unit: str

    @property
    def second(self) -> str:
        """The unit of the labels in the second row; "" if there is no second row."""
        return self.second_unit if self.unit == "updates" else "updates"

    @property
    def total(self) -> int:
        return int(self.units[0].updates[-1])

    @property
    def of_updates(self) -> "TimeAxis":
        """The axis of updates for the same run."""
        return replace(self, unit="updates")

    @property
    def main(self) -> TimeUnit:
        return next(time_unit for time_unit in self.units if time_unit.name == self.unit)

    @property
    def is_even(self) -> bool:
        return self.main.is_even

    @property
    def widest_update(self) -> float:
        """The largest width of one update on the axis, as a fraction of the width of the axis."""
        return float(np.max(np.diff(self.place(self.main.updates)) / np.diff(self.main.updates)))

    def place(self, updates: ArrayLike) -> Floats:
        """Return the positions on the axis, from 0 (left) to 1 (right), at which updates start.

        >>> axis = updates_axis(1000)
        >>> axis.place([0, 500]).tolist()
        [0.0, 0.5]
        """
        times = np.asarray(updates, dtype=np.float64)
        if self.is_even:
            return times / self.total
        place: Floats = self.main.at(times) / self.main.amounts[-1]
        return place

    def update_at(self, places: ArrayLike) -> Floats:
        """Return the updates at positions from 0 (left) to 1 (right): the inverse of `place`."""
        return self.main.update_of(np.asarray(places, dtype=np.float64) * self.main.amounts[-1])

    def columns_of(self, updates: Times, columns: int) -> Times:
        """Return, for each update, the index of the column of the picture in which it starts.

        The end of the run belongs to the last column.
        """
        return np.minimum(np.floor(self.place(updates) * columns + 1e-9).astype(np.int64), columns - 1)

    def edges(self, columns: int) -> Times:
        """Return the updates at which the columns of a picture start, and the end of the run.

        Column `c` contains the updates from `edges[c]` to `edges[c + 1] - 1`.

        >>> updates_axis(10).edges(4).tolist()
        [0, 2, 5, 7, 10]
        """
        if self.is_even:
            return np.arange(columns + 1, dtype=np.int64) * self.total // columns
        inner = np.ceil(self.update_at(np.arange(1, columns) / columns) - 1e-9).astype(np.int64)
        return np.concatenate([[0], inner, [self.total]])

    def ticks(self, most: int) -> tuple[TimeTick, ...]:
        """Return about `most` round times, including the end of the run.

        >>> [tick.label for tick in updates_axis(1000).ticks(5)]
        ['0', '200', '400', '600', '800', '1,000']
        """
        if self.unit == "updates":
            updates = np.array(_round_updates(self.total, self.steps_per_epoch, most), dtype=np.float64)
        else:
            updates = self.main.update_of(_round_amounts(float(self.main.amounts[-1]), most))
        places = self.place(updates)
        labels = [self._tick_text(self.unit, float(update)) for update in updates]
        seconds = [self._tick_text(self.second, float(update)) for update in updates]
        return tuple(map(TimeTick, updates.tolist(), places.tolist(), labels, seconds))

    @property
    def steps_per_epoch(self) -> int:
        """Updates per epoch; 0 if epochs differ in length or are not an integer number of updates."""
        epochs = next((time_unit for time_unit in self.units if time_unit.name == "epochs" and time_unit.is_even), None)
        steps = 0.0 if epochs is None else self.total / float(epochs.amounts[-1])
        return round(steps) if abs(steps - round(steps)) < 1e-6 else 0

    def _tick_text(self, unit: str, updates: float) -> str:
        if not unit:
            return ""
        amount = float(next(time_unit for time_unit in self.units if time_unit.name == unit).at(updates))
        return format_amount(unit, amount)


def format_amount(unit: str, amount: float) -> str:
    """Format the time of a tick in a unit.

    >>> format_amount("updates", 1200), format_amount("epochs", 2.5), format_amount("tokens", 3e9)
    ('1,200', '2.5', '3B')
    """
    if unit == "updates":
        whole = amount >= 100 or abs(amount - round(amount)) < 0.05
        return f"{round(amount):,}" if whole else short_number(amount, 3)
    if unit == PROGRESS:
        return f"{short_number(100 * amount, 3)}%"
    if unit != "epochs":
        return short_amount(amount)
    if amount >= 1000:
        return f"{round(amount):,}"
    return short_number(amount, 3 if amount < 10 else 4)


def updates_axis(total: int) -> TimeAxis:
    """Return a linear axis of updates."""
    return TimeAxis((even_unit("updates", total, 1.0),), "updates", "")


def _round_updates(total: int, steps_per_epoch: int, most: int) -> list[int]:
    """Return about `most` round updates in [0, total], including both ends.

    If the run has two epochs or more, they are the starts of epochs.

    >>> _round_updates(1173, 391, most=5)
    [0, 391, 782, 1173]
    """
    unit = steps_per_epoch if steps_per_epoch and total >= 2 * steps_per_epoch else 1
    step = unit * int(round_step(max(total / unit / max(most, 1), 1.0)))
    times = list(range(0, total + 1, step))
    if len(times) > 1 and total - times[-1] < 0.6 * step:
        times.pop()  # the end is more useful than a nearby round number
    return [*times, total]


def _round_amounts(end: float, most: int) -> list[float]:
    """Return about `most` round amounts in [0, end], including both ends.

    >>> _round_amounts(2.5e9, 3), _round_amounts(0.9, 3)
    ([0.0, 1000000000.0, 2500000000.0], [0.0, 0.5, 0.9])
    """
    step = round_step(end / max(most, 1))
    amounts = [k * step for k in range(math.ceil(end / step - 0.6))]
    return [*(amounts or [0.0]), end]


def round_step(least: float, digits: tuple[float, ...] = (1, 2, 5, 10)) -> float:
    """Return the smallest product of one of the digits and a power of ten that is at least `least`.

    >>> round_step(0.03), round_step(7.0)
    (0.05, 10.0)
    """
    power = math.floor(math.log10(max(least, 1e-300)))
    steps = (float(f"{digit}e{power}") for digit in digits)
    return next((step for step in steps if step >= least * (1 - 1e-9)), least)


TIME_UNITS: Final = (CLOCKS[0], "epochs", *CLOCKS[1:])
"""The units of a time axis."""


@final
@dataclass(frozen=True, slots=True)
class View:
    """Options for the axes of a picture.

    Args:
        log: True for logarithmic value axes, False for linear ones; None (default) chooses a logarithmic axis if the
            values span three decades. On a logarithmic axis 0 is drawn at the bottom edge, and negative values are
            gaps.
        unit: unit of the time axis, such as `"epochs"` or `"tokens"`, if the run facts determine it; the second row
            then shows updates. By default the axis shows updates.

    Raises:
        InvalidArgument: if the unit is unknown.

    >>> from paramsched.show import curves_from_values, picture
    >>> halves = curves_from_values({("lr", ""): [0.4, 0.2, 0.1]})
    >>> picture(halves).panels[0].scale.log
    False
    >>> picture(halves, view=View(log=True)).panels[0].scale.log
    True
    """

    log: bool | None = None
    unit: str = TIME_UNITS[0]

    def __post_init__(self) -> None:
        name = CLOCK_SYNONYMS.get(self.unit, self.unit)
        if name not in TIME_UNITS:
            raise InvalidArgument(
                CallSite("View", "unit", repr(self.unit)),
                did_you_mean(str(self.unit), TIME_UNITS),
                f"Use one of {', '.join(TIME_UNITS)}",
            )
        object.__setattr__(self, "unit", name)


AS_VALUES_ASK: Final = View()


def axis_of_curves(traces: Sequence[Curves], total: int, view: View) -> TimeAxis:
    """Return the time axis for all these curves, from update 0 to update `total`."""
    units = (even_unit("updates", total, 1.0), *_shared_units(traces, total))
    names = [unit.name for unit in units]
    if view.unit not in names:
        if any(unit.name == view.unit for trace in traces for unit in _units_of_curves(trace)):
            message = f"the plans differ in the {view.unit} per update"
            raise InvalidArgument(f'unit "{view.unit}"', message, "Draw each plan separately")
        site = f'unit "{view.unit}"'
        RunFacts().exact(Duration.of(f"1 {view.unit}"), site=site)  # its error names the missing fact
        message = f"the {view.unit} per update are unknown"
        raise MissingFact(site, message, fact="accumulation", example="4")
    second = "epochs"
    (*earlier, trace) = traces
    if not earlier and isinstance(trace, Trace) and trace.total_amount is not None:
        second = trace.clock
    return TimeAxis(units, view.unit, second if second in names else "")


def _units_of_curves(trace: Curves) -> tuple[TimeUnit, ...]:
    if isinstance(trace, Trace):
        return trace.time_units()
    return (even_unit("epochs", trace.total, 1 / trace.steps_per_epoch),) if trace.steps_per_epoch else ()


def _shared_units(traces: Sequence[Curves], total: int) -> Iterator[TimeUnit]:
    """Yield the units of time into which all curves convert updates in the same way.

    Curves without units, such as recorded values, are ignored.
    """
    units_of_traces = [[unit.until(total) for unit in _units_of_curves(trace)] for trace in traces]
    telling = [some for some in units_of_traces if some]
    for name in TIME_UNITS:
        units = [time_unit for some in telling for time_unit in some if time_unit.name == name]
        ends = [unit.amounts[-1] for unit in units]
        alike = all(unit.is_even for unit in units) and np.allclose(ends, ends[:1], rtol=1e-12)
        if units and len(units) == len(telling) and (alike or len(traces) == 1):
            yield units[0]
