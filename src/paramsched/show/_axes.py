"""The axes of a panel: of values, and of time."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, final

import numpy as np
from numpy.typing import ArrayLike

from paramsched.base.near_names import did_you_mean
from paramsched.errors import CallSite, InvalidArgument, MissingFact
from paramsched.plan.resolve import TimeUnit, even_unit
from paramsched.plan.trace import Trace
from paramsched.show._curves import Curves, Envelope, Floats, Times
from paramsched.show._words import short_amount, short_number, tick_label
from paramsched.time import Calendar, Duration
from paramsched.time.calendar import CLOCK_SYNONYMS, CLOCKS

_DECADES = 3.0  # a spread of this many decades asks for a logarithmic axis
_STRIP = 0.12  # room below a logarithmic axis for 0, as a share of its decades: a label needs so much
_FLOOR = 3.0  # decades below the bulk of the values; smaller values are drawn at the edge


@final
@dataclass(frozen=True, slots=True)
class Scale:
    """A linear or logarithmic axis from `low` to `high`; `ticks` are (value, text).

    >>> Scale(0.01, 1.0, True, ()).fraction(np.array([0.1, 0.0, -1.0]))
    array([0.5, 0. , nan])
    """

    low: float
    high: float
    log: bool
    ticks: tuple[tuple[float, str], ...]

    def fraction(self, values: Floats) -> Floats:
        """Map values to 0 (bottom) … 1 (top); beyond, infinities included, to the edge; nan stays.

        A negative value has no place on a logarithmic axis: it becomes nan.
        """
        if self.log:
            with np.errstate(divide="ignore", invalid="ignore"):
                exponents = np.log10(values)
            bottom, top = math.log10(self.low), math.log10(self.high)
            fractions = (exponents - bottom) / (top - bottom)
        else:
            # Halved first: high - low would overflow for the largest floats.
            fractions = (values / 2 - self.low / 2) / (self.high / 2 - self.low / 2)
        clipped: Floats = np.clip(fractions, 0.0, 1.0)
        return clipped


@final
@dataclass(frozen=True, slots=True)
class Scales:
    """The axes that values can be drawn on.

    Args:
        log: the other; None where no value is above 0.
        asks_for_log: whether the values are better seen on that.
    """

    linear: Scale
    log: Scale | None
    asks_for_log: bool

    def choose(self, log: bool | None) -> Scale:
        """The axis that someone asks for, where there is such a one; None: the one that the values ask for."""
        return self.log if self.log and (self.asks_for_log if log is None else log) else self.linear


def choose_scale(envelopes: Sequence[Envelope]) -> Scale:
    """The axis that curves of a panel ask for.

    >>> decay = 0.9 ** np.arange(100.0)
    >>> choose_scale([Envelope(decay, decay)]).log, choose_scale([Envelope(decay + 1, decay + 1)]).log
    (True, False)
    """
    return scales_of(envelopes).choose(None)


def least_above_zero(curves: Iterable[Floats]) -> float:
    """The smallest value above 0 of some curves; inf where there is none.

    >>> least_above_zero([np.array([0.0, 3.0]), np.array([-1.0, 2.0])])
    2.0
    """
    with np.errstate(invalid="ignore"):
        return min((float(values[values > 0].min()) for values in curves if (values > 0).any()), default=math.inf)


def scales_of(envelopes: Sequence[Envelope], least: float = math.inf) -> Scales:
    """The axes for curves that share a panel.

    They ask for a logarithmic one if no value is negative and there are three decades either between the curves'
    maxima or within nineteen in twenty of one curve's positive values: one update at 1e-9, or the tail of a cosine,
    does not ask for it. Zeros are drawn at its bottom edge. The linear one begins at 0 if the values come near it.

    Args:
        least: their smallest value above 0, which an envelope hides in a column with a 0.
    """
    every = np.concatenate([side for e in envelopes for side in e] or [np.zeros(0)])
    finite = every[np.isfinite(every)]
    if finite.size == 0:
        return Scales(_linear_scale(0.0, 1.0), None, asks_for_log=False)
    lowest, most = float(finite.min()), float(finite.max())
    if np.isinf(every).any() and lowest == most:
        lowest, most = min(lowest, 0.0), max(most, 0.0)
    room = max(most - lowest, abs(most)) / 4  # for infinities, which are drawn at the edges
    if np.isposinf(every).any() and math.isfinite(most + room):
        most += room
    if np.isneginf(every).any() and math.isfinite(lowest - room):
        lowest -= room
    # The lowest value of each column stands for its updates: as good as all of them, and far fewer.
    lows = [np.where(e.low >= 0, e.low, e.high) for e in envelopes]
    positive = [np.sort(low[np.isfinite(low) & (low > 0)]) for low in lows]
    positive = [values for values in positive if values.size]
    linear = _linear_scale(lowest, most)
    if not positive:
        return Scales(linear, None, asks_for_log=False)
    # (twentieth part, maximum) of each curve, in decades
    spreads = [(math.log10(v[v.size // 20]), math.log10(v[-1])) for v in positive]
    own = max(top - bulk for bulk, top in spreads)
    between = max(top for _, top in spreads) - min(top for _, top in spreads)
    floor = 10 ** (min(bulk for bulk, _ in spreads) - _FLOOR)
    least = min(least, *(float(v[0]) for v in positive))
    log = _log_scale(bool((finite == 0).any()), least, max(least, floor), most)
    return Scales(linear, log, lowest >= 0 and max(own, between) >= _DECADES)


def _log_scale(has_zero: bool, least: float, bottom: float, top: float) -> Scale:
    """A logarithmic axis from `bottom` to `top`, with room for 0 and for a `least` value below them.

    It has whole decades; values within two of them have one from and to a 1, 2 or 5.
    """
    begin, end = math.floor(math.log10(bottom) + 1e-9), math.ceil(math.log10(top) - 1e-9)
    end = max(end, begin + 1)
    every = max(1, math.ceil((end - begin) / 6))
    powers = [p for p in range(end, begin - 1, -every) if -308 <= p <= 308][::-1]
    plain = begin >= -3 and end <= 4
    ticks = [(float(f"1e{p}"), f"{10.0**p:g}" if plain or p == 0 else f"1e{p}") for p in powers]
    low = float(f"1e{max(begin, -308)}")
    high = float(f"1e{end}") if end <= 308 else top
    if end - begin <= 2 and begin > -300 and end < 300:
        low, high = _marks_around(bottom, top)
        ticks = [(mark, short_number(mark)) for mark in _marks_within(low, high)]
    hidden = least < low * (1 - 1e-9)
    if has_zero or hidden:  # a strip below the lowest mark, for what a logarithm cannot show
        lowest = next((text for value, text in ticks if value == low), short_number(low, 1))
        ticks = [(0.0, f"<{lowest}" if hidden else "0"), *ticks]
        low = max(low / 10 ** (_STRIP * (math.log10(high) - math.log10(low))), 1e-320)
    return Scale(low, high, True, tuple(ticks))


def _marks_within(low: float, high: float) -> list[float]:
    """The numbers 1, 2 and 5 times a power of ten in [low, high]."""
    powers = range(math.floor(math.log10(low) - 1e-9), math.ceil(math.log10(high) + 1e-9) + 1)
    marks = [float(f"{digit}e{power}") for power in powers for digit in (1, 2, 5)]
    return [mark for mark in marks if low * (1 - 1e-9) <= mark <= high * (1 + 1e-9)]


def _marks_around(bottom: float, top: float) -> tuple[float, float]:
    """The closest such numbers that have two values between them.

    >>> _marks_around(0.85, 0.95), _marks_around(0.1, 0.1)
    ((0.5, 1.0), (0.1, 0.2))
    """
    low = _marks_within(bottom / 10, bottom)[-1]
    above = [mark for mark in _marks_within(top, top * 10) if mark > low]
    return low, above[0]


def _linear_scale(least: float, most: float) -> Scale:
    """An axis with about four round steps; it begins or ends at 0 where the values come near it."""
    size = max(abs(least), abs(most))
    if most / 2 - least / 2 <= 1e-12 * size:  # one value, or nothing that could be told apart
        least, most = (min(0.0, least), max(0.0, most)) if size else (0.0, 1.0)
    elif 0 < least <= 0.4 * most:
        least = 0.0
    elif 0 > most >= 0.4 * least:
        most = 0.0
    step = round_step(most / 4 - least / 4, (1, 2, 2.5, 5, 10))
    begin, end = math.floor(least / step + 1e-9), math.ceil(most / step - 1e-9)
    values = [k * step for k in range(begin, max(end, begin + 1) + 1)]
    if step == 0 or not all(map(math.isfinite, values)):
        values = [least, most]
    ticks = tuple((v, tick_label(v, step)) for v in values)
    return Scale(values[0], values[-1], False, ticks)


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
        return f"{round(amount):,}" if whole else short_number(amount, 3)
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


TIME_UNITS: Final = (CLOCKS[0], "epochs", *CLOCKS[1:])
"""The units that an axis of time can be told in."""


@final
@dataclass(frozen=True, slots=True)
class View:
    """The axes that someone asks for.

    Args:
        log: whether the axes of values are logarithmic; None: where the values span three decades. On such an axis 0 is
            drawn at the bottom edge, and negative values are gaps.
        log_time: whether the axis of time is. It begins where the first update ends.
        unit: of the axis of time: `"epochs"`, `"tokens"` … where the facts of the run tell it. The second row has
            updates then.

    Raises:
        InvalidArgument: no unit of time.

    >>> from paramsched.show import curves_from_values, picture
    >>> halves = curves_from_values({("lr", ""): [0.4, 0.2, 0.1]})
    >>> picture(halves).panels[0].scale.log, picture(halves, view=View(log=True)).panels[0].scale.log
    (False, True)
    """

    log: bool | None = None
    log_time: bool = False
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
    """The axis of some curves that share it, up to an update."""
    units = (even_unit("updates", total, 1.0), *_shared_units(traces, total))
    names = [one.name for one in units]
    if view.unit not in names:
        if any(one.name == view.unit for trace in traces for one in _units_of_curves(trace)):
            found = f"not all plans tell the same {view.unit} of an update"
            raise InvalidArgument(f'View(unit="{view.unit}")', found, "Draw each alone")
        site = f'unit "{view.unit}"'
        Calendar().exact(Duration.of(f"1 {view.unit}"), site=site)  # it names the fact that is missing
        found = f"nothing says how many {view.unit} an update takes"  # one, where nobody says more
        raise MissingFact(site, found, fact="accumulation", example="4")
    if view.log_time and total < 2:
        raise InvalidArgument("View(log_time=True)", f"the picture has {total} update", "Leave it out")
    second = "epochs"
    (*others, trace) = traces
    if not others and isinstance(trace, Trace) and trace.horizon_amount is not None:
        second = trace.clock
    return TimeAxis(units, view.unit, second if second in names else "", view.log_time)


def _units_of_curves(trace: Curves) -> tuple[TimeUnit, ...]:
    if isinstance(trace, Trace):
        return trace.time_units()
    return (even_unit("epochs", trace.total, 1 / trace.steps_per_epoch),) if trace.steps_per_epoch else ()


def _shared_units(traces: Sequence[Curves], total: int) -> Iterator[TimeUnit]:
    """The units that tell the time of all curves in the same way.

    One that tells no unit, such as recorded values, has no say.
    """
    found = [[one.until(total) for one in _units_of_curves(trace)] for trace in traces]
    telling = [some for some in found if some]
    for name in TIME_UNITS:
        units = [one for some in telling for one in some if one.name == name]
        ends = [one.amounts[-1] for one in units]
        alike = all(one.is_even for one in units) and np.allclose(ends, ends[:1], rtol=1e-12)
        if units and len(units) == len(telling) and (alike or len(traces) == 1):
            yield units[0]
