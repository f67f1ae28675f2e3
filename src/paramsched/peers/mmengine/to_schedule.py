"""From MMEngine's schedulers of one field to one schedule; and what several do together that is hardly meant."""

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import Final, TypeAlias, final

import numpy as np

from paramsched.base.codes import CLIMBS_AGAIN, GAP_OF_ONE, MILESTONE_AFTER_END, TICKS_TOO_LATE, TWO_DECAYS
from paramsched.errors import InvalidArgument
from paramsched.peers.mmengine.config_run import (
    RunLength,
    apart_from,
    missing_epoch_length,
    ticks_by_epoch,
    windows_overlap,
)
from paramsched.peers.mmengine.row import (
    CONVERTED,
    INF,
    Arguments,
    ClosedForm,
    FormNeeds,
    SchedulerRow,
    SchedulerTicks,
)
from paramsched.peers.mmengine.rows import COSINE_ANNEALING, DECAYS, MULTI_STEP
from paramsched.schedules import absolute, chain, constant, recurrence, rules, window
from paramsched.schedules.affine import Absolute
from paramsched.schedules.base import Schedule
from paramsched.schedules.rules import CosineRestartsRule, CosineRule, OneCycleRule, Rule
from paramsched.time import DurationLike

RowWithArguments: TypeAlias = tuple[SchedulerRow, Arguments]
"""A row and its complete arguments."""


@final
@dataclass(frozen=True, slots=True)
class _WindowedPiece:
    """A scheduler as a closed form in its window, on the clock of the run."""

    schedule: Schedule
    form: ClosedForm
    arguments: Arguments
    to_base: bool  # whether its floor is a multiple of the base, and others change the field too


@final
@dataclass(frozen=True, slots=True)
class Combined:
    """What a list of schedulers gives.

    Args:
        epoch_length: the least iterations an epoch with which it does; windows in iterations and in epochs are then one
            after the other.
    """

    schedule: Schedule
    epoch_length: int = 1


def combine_schedulers(
    schedulers: Sequence[RowWithArguments], length: RunLength, *, any_epoch: bool = False
) -> Combined:
    """One schedule that gives the values of a list of schedulers of one field, plateaus aside.

    Args:
        schedulers: in the order of the list; every `eta_max` a number.
        any_epoch: whether it has to hold for epochs of any length, where that is not known.

    Raises:
        MissingFact: how the list combines hangs on the length of an epoch, which nothing says.
    """
    # Where a length is not known, rules cannot be written, and closed forms are looked for that otherwise are not.
    unknown = any(arguments.get(CONVERTED) for _, arguments in schedulers)
    alone = len(schedulers) == 1
    pieces = [_windowed_piece(row, arguments, length, alone=alone, unknown=unknown) for row, arguments in schedulers]
    exact = [piece for piece in pieces if piece is not None]
    if len(exact) == len(pieces):
        if alone:
            return Combined(exact[0].schedule)
        if all(piece.form.multiplies for piece in exact):
            return Combined(chain(*(piece.schedule for piece in exact)))
        ordered = _one_after_another(exact, length, any_epoch=any_epoch)
        if ordered is not None:
            return ordered
    if unknown:
        found = "what it means beside the others hangs on the iterations of an epoch, which nothing says"
        raise missing_epoch_length(f"{CONVERTED}=True", found)
    return Combined(recurrence(*_recurrence_rules(schedulers)))


def _one_after_another(pieces: Sequence[_WindowedPiece], length: RunLength, *, any_epoch: bool) -> Combined | None:
    """The pieces in the order of time, if no two have a common tick."""
    least = 1
    for index, piece in enumerate(pieces):
        for other in pieces[index + 1 :]:
            if not windows_overlap(piece.arguments, other.arguments, length):
                continue
            guessed = length.epoch_length is None and not any_epoch
            enough = apart_from(piece.arguments, other.arguments) if guessed else None
            if enough is None:
                return None
            least = max(least, enough)

    def begin(piece: _WindowedPiece) -> tuple[bool, float]:
        # Windows in epochs come last where nothing says how long one is.
        given = piece.arguments
        at = length.in_iterations(given["begin"], given["by_epoch"])
        return (False, at) if at is not None else (True, given["begin"])

    ordered = sorted(pieces, key=begin)
    for index, piece in enumerate(ordered):
        if piece.to_base and not all(before.form.undone for before in ordered[:index]):
            return None
    return Combined(chain(*(piece.schedule for piece in ordered)), least)


def _windowed_piece(
    row: SchedulerRow, arguments: Arguments, length: RunLength, *, alone: bool, unknown: bool
) -> _WindowedPiece | None:
    """A scheduler as a closed form in its window; None where the form says something else somewhere."""
    by_epoch = bool(arguments["by_epoch"])
    begin, end = arguments["begin"], arguments["end"]
    run = length.end(by_epoch)
    ticks = SchedulerTicks(by_epoch, bool(arguments.get(CONVERTED)))
    if _counts_parts(row, arguments, ticks):
        return None
    try:
        form = row.schedule(arguments, FormNeeds(ticks, end - begin, end >= INF, alone, run, alone or unknown))
    except InvalidArgument:
        return None  # a number our shape refuses and the rule does not, gamma=0 say
    if form is None:
        return None
    schedule = form.schedule
    covers_run = begin == 0 and (form.ends_itself or end >= INF or (run is not None and end >= run))
    if not covers_run:
        last = run if run is not None and alone and end > run else end
        stop: DurationLike | None = ticks.count(last) if form.cut_at_end else ticks.last(last)
        schedule = window(schedule, ticks.count(begin), None if last >= INF else stop)
    return _WindowedPiece(schedule, form, arguments, form.to_base and not alone)


def _counts_parts(row: SchedulerRow, arguments: Arguments, ticks: SchedulerTicks) -> bool:
    """Where a count is no whole number, a closed form cannot say what MMEngine makes of it."""
    counts = [arguments["begin"], arguments["end"]]
    for name in row.counted:
        value = arguments.get(name)
        if isinstance(value, (int, float)):
            counts.append(value)
        elif ticks.converted and isinstance(value, (list, tuple, Counter)):
            counts += value
    if ticks.converted and row.length_from == () and (arguments["end"] * 8) % 1 == 0:
        counts.remove(arguments["end"])  # an eighth of an epoch, say, is exact in any arithmetic
    return any(isinstance(one, float) and not one.is_integer() for one in counts)


def _recurrence_rules(schedulers: Sequence[RowWithArguments]) -> list[Rule]:
    """Return the kernel's rules, in the order of the list.

    The numbers that a OneCycle writes into the groups apply to the others too. Each OneCycle is drawn through those
    that the one built last wrote; at the first tick through its own (row 7 of docs/compat/divergences.md).
    """
    made = [row.rule(arguments) for row, arguments in schedulers if not row.reacts_to_metric]
    cycles = [rule for rule in made if isinstance(rule, OneCycleRule)]
    found: list[Rule] = []
    base: Absolute | None = None
    for rule in made:
        if isinstance(rule, OneCycleRule):
            base = absolute(rule.peak / rule.div)
            drawn = replace(rule, peak=cycles[-1].peak, div=cycles[-1].div, final_div=cycles[-1].final_div)
            found.append(_without_endless_end(drawn))
            if rule.begin == 0 and drawn != rule:
                first = rule.step_columns(np.zeros(1)).c[0]
                found.append(rules.schedule(constant(absolute(float(first))), begin=0, end=1, by=rule.by))
        elif base is not None and isinstance(rule, (CosineRule, CosineRestartsRule)):
            floor = absolute(rule.to * base.value) if isinstance(rule.to, float) else rule.to
            found.append(_without_endless_end(replace(rule, base=base, to=floor)))
        else:
            found.append(_without_endless_end(rule))
    return found


def _without_endless_end(rule: Rule) -> Rule:
    """The rule without the end that means none, where its shape does not hang on it."""
    if rule.end is not None and rule.end >= INF and not isinstance(rule, (rules.ConstantRule, rules.LinearRule)):
        return replace(rule, end=None)  # type: ignore[type-var]  # every rule is a dataclass
    return rule


_MOST_CAUTIONS: Final = 10


@final
@dataclass(frozen=True, slots=True)
class _ListCaution:
    """What is hardly meant of a scheduler in a list, with cause and cure."""

    index: int
    text: str
    code: str


def list_cautions(
    schedulers: Iterable[RowWithArguments], length: RunLength, *, windows: bool = False
) -> Iterator[_ListCaution]:
    """What a list does that is hardly meant; of each kind the first ten, and the number of the others.

    Args:
        windows: whether the windows are looked at too, which hardly can be meant so.
    """
    together, by_code = list(schedulers), dict[str, list[_ListCaution]]()
    for one in (*_cautions_of_ticks(together, length), *(_cautions_of_windows(together, length) if windows else ())):
        by_code.setdefault(one.code, []).append(one)
    for several in by_code.values():
        yield from several[: _MOST_CAUTIONS - 1]
        for last in several[_MOST_CAUTIONS - 1 : _MOST_CAUTIONS]:
            more = len(several) - _MOST_CAUTIONS
            yield replace(last, text=f"{last.text} (and {more} more like this)") if more else last


def _cautions_of_ticks(together: Sequence[RowWithArguments], length: RunLength) -> Iterator[_ListCaution]:
    windows: dict[object, _Windows] = {}
    for _, arguments in together:
        if "begin" in arguments:  # a class of the user's need not have a window
            windows.setdefault(arguments.get("param_name"), _Windows(length)).add(arguments)
    for index, (row, arguments) in enumerate(together):
        if length.max_epochs is None and length.max_iters is not None and ticks_by_epoch(arguments):
            text = (
                f"by_epoch=True in a run by iterations ticks once in {length.epoch_length or 'an unknown number of'} "
                "iterations at most, in MMEngine never before the end; write by_epoch=False and counts of iterations"
            )
            yield _ListCaution(index, text, TICKS_TOO_LATE)
        turns = row is COSINE_ANNEALING and arguments["T_max"] < arguments["end"] - arguments["begin"] - 1
        if not turns or arguments["end"] >= INF or windows[arguments.get("param_name")].overlapping(arguments) < 2:
            continue  # the window itself is one of them
        places = (
            f"[{other}]"
            for other, (_, theirs) in enumerate(together)
            if other != index
            and theirs.get("param_name") == arguments.get("param_name")
            and windows_overlap(arguments, theirs, length)
        )
        text = (
            f"the cosine turns round at T_max={arguments['T_max']}, before its window ends at "
            f"{arguments['end']}, and climbs back to the base value: what {', '.join(islice(places, _MOST_CAUTIONS))} "
            f"made of it is forgotten; write end={arguments['begin'] + arguments['T_max'] + 1}"
        )
        yield _ListCaution(index, text, CLIMBS_AGAIN)


@final
class _Windows:
    """The windows of one field, sorted, so that those that overlap another are counted without a look at each."""

    def __init__(self, length: RunLength) -> None:
        self._length = length
        self._bounds: dict[bool, tuple[list[float], list[float]]] = {True: ([], []), False: ([], [])}

    def add(self, arguments: Arguments) -> None:
        begins, ends = self._bounds[bool(arguments["by_epoch"])]
        insort(begins, arguments["begin"])
        insort(ends, arguments["end"])

    def overlapping(self, arguments: Arguments) -> int:
        """How many of them have a common tick with a window, or may have; the window itself is one of them."""
        by_epoch = bool(arguments["by_epoch"])
        begins, ends = self._bounds[by_epoch]
        same = bisect_left(begins, arguments["end"]) - bisect_right(ends, arguments["begin"])

        def in_other_unit(tick: float) -> float | None:
            if by_epoch or tick >= INF or tick == 0:
                return self._length.in_iterations(tick, by_epoch)
            return None if self._length.epoch_length is None else tick / self._length.epoch_length

        begins, ends = self._bounds[not by_epoch]
        begin, end = in_other_unit(arguments["begin"]), in_other_unit(arguments["end"])
        if begin is None or end is None:
            return same + len(begins)
        return same + bisect_left(begins, end) - bisect_right(ends, begin)


def _cautions_of_windows(together: Sequence[RowWithArguments], length: RunLength) -> Iterator[_ListCaution]:
    for index, (row, arguments) in enumerate(together):
        last = None if arguments.get(CONVERTED, False) else length.end(bool(arguments["by_epoch"]))
        # Milestones count from the begin of their window.
        milestones = arguments["milestones"] if row is MULTI_STEP and last is not None else ()
        late = sorted(one for one in milestones if arguments["begin"] + one > last)
        if late:
            numbers = ", ".join(f"{one:g}" for one in late[:_MOST_CAUTIONS])
            run = f"{length.max_epochs} epochs" if length.max_epochs is not None else f"{length.max_iters} iterations"
            text = (
                f"milestones={numbers} lie behind the end of the run of {run}, and never come; name times of this run"
            )
            yield _ListCaution(index, text, MILESTONE_AFTER_END)
    alike: dict[object, list[tuple[int, SchedulerRow, Arguments]]] = {}
    for index, (row, arguments) in enumerate(together):
        alike.setdefault((arguments.get("param_name"), bool(arguments["by_epoch"])), []).append((index, row, arguments))
    for windows in alike.values():
        windows.sort(key=lambda one: one[2]["begin"])
        yield from _gaps_of_one(windows)
        yield from _decays_at_once([one for one in windows if one[1] in DECAYS])


def _gaps_of_one(windows: Sequence[tuple[int, SchedulerRow, Arguments]]) -> Iterator[_ListCaution]:
    """A window that begins one tick after others are over; the windows are sorted by their begin."""
    ends = {one["end"] for _, _, one in windows if one["end"] < INF and one["end"] - one["begin"] > 1}
    reached = -1  # the last end of a window that began before
    for begin, several in groupby(windows, key=lambda one: one[2]["begin"]):
        found = list(several)
        if begin - 1 in ends and reached < begin:
            text = (
                f"one window ends at {begin - 1} and the next begins at {begin}: nothing moves between them, "
                f"for the end of a window is outside of it; write begin={begin - 1}"
            )
            yield from (_ListCaution(index, text, GAP_OF_ONE) for index, _, _ in found)
        reached = max(reached, *(one["end"] for _, _, one in found))


def _decays_at_once(windows: Sequence[tuple[int, SchedulerRow, Arguments]]) -> Iterator[_ListCaution]:
    """A decay that begins before an earlier one is over; the windows are sorted by their begin."""
    last = None  # of those before, the one that ends last
    for one in windows:
        if last is not None and one[2]["begin"] < last[2]["end"] and one[2]["begin"] < one[2]["end"]:
            (other, theirs, _), (index, row, _) = sorted((last, one), key=lambda each: each[0])
            text = (
                f"{row.name} and {theirs.name} of [{other}] lower one value at the same time, each what the "
                "other one made of it; let one begin where the other ends"
            )
            yield _ListCaution(index, text, TWO_DECAYS)
        if last is None or one[2]["end"] > last[2]["end"]:
            last = one
