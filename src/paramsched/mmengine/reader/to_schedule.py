"""Conversion of MMEngine's schedulers of one field to one schedule, and warnings for likely mistakes in a list."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final, TypeAlias, final

import numpy as np

from paramsched.core.base.codes import MILESTONE_AFTER_END
from paramsched.core.schedules import absolute, rules
from paramsched.core.schedules.affine import Absolute
from paramsched.core.schedules.base import Schedule
from paramsched.core.schedules.leaves import constant
from paramsched.core.schedules.recurrence import recurrence
from paramsched.core.schedules.retimed import chain, window
from paramsched.core.schedules.rules import Rule
from paramsched.core.schedules.rules.descents import CosineRestartsRule, CosineRule, OneCycleRule
from paramsched.core.schedules.rules.scaling import ConstantRule, LinearRule
from paramsched.core.time import DurationLike
from paramsched.errors import InvalidArgument
from paramsched.mmengine.codes import CLIMBS_AGAIN, TICKS_TOO_LATE
from paramsched.mmengine.reader.config_run import (
    RunLength,
    min_epoch_length_apart,
    missing_epoch_length,
    ticks_by_epoch,
    windows_overlap,
)
from paramsched.mmengine.reader.row import (
    CONVERTED,
    INF,
    Arguments,
    ClosedForm,
    FormNeeds,
    SchedulerRow,
    SchedulerTicks,
)
from paramsched.mmengine.reader.rows import COSINE_ANNEALING, MULTI_STEP

RowWithArguments: TypeAlias = tuple[SchedulerRow, Arguments]
"""A row and its complete arguments."""


@final
@dataclass(frozen=True, slots=True)
class _WindowedPiece:
    """A scheduler as a closed form in its window; time counts from the start of the run."""

    schedule: Schedule
    form: ClosedForm
    arguments: Arguments
    to_base: bool  # True if its floor is a multiple of the base and other schedulers change the field too


@final
@dataclass(frozen=True, slots=True)
class Combined:
    """The schedule of a list of schedulers.

    Args:
        schedule: the schedule.
        epoch_length: the least number of iterations per epoch for which it is exact, because windows in iterations
            then end before windows in epochs begin.
    """

    schedule: Schedule
    epoch_length: int = 1


def combine_schedulers(
    schedulers: Sequence[RowWithArguments], length: RunLength, *, any_epoch: bool = False
) -> Combined:
    """Return one schedule with the values of a list of schedulers of one field.

    Args:
        schedulers: the schedulers without plateaus, in the order of the list; every `eta_max` is a number.
        length: the length of the run.
        any_epoch: if True and the length of an epoch is unknown, the schedule must be exact for each length.

    Raises:
        MissingFact: the result depends on the length of an epoch, which is unknown.
    """
    # Without the length of an epoch rules cannot be written, so more closed forms are tried.
    unknown = any(arguments.get(CONVERTED) for _, arguments in schedulers)
    alone = len(schedulers) == 1
    pieces = [_windowed_piece(row, arguments, length, alone=alone, unknown=unknown) for row, arguments in schedulers]
    exact = [piece for piece in pieces if piece is not None]
    if len(exact) == len(pieces):
        if alone:
            return Combined(exact[0].schedule)
        if all(piece.form.multiplies for piece in exact):
            return Combined(chain(*(piece.schedule for piece in exact)))
        ordered = _chain_in_time_order(exact, length, any_epoch=any_epoch)
        if ordered is not None:
            return ordered
    if unknown:
        found = "how it combines with the other schedulers depends on the length of an epoch, which is unknown"
        raise missing_epoch_length(f"{CONVERTED}=True", found)
    return Combined(recurrence(*recurrence_rules(schedulers)))


def _chain_in_time_order(pieces: Sequence[_WindowedPiece], length: RunLength, *, any_epoch: bool) -> Combined | None:
    """Return a chain of the pieces in the order of their windows, or None if it is not exact, e.g. if two overlap."""
    least = 1
    for index, piece in enumerate(pieces):
        for other in pieces[index + 1 :]:
            if not windows_overlap(piece.arguments, other.arguments, length):
                continue
            guessed = length.epoch_length is None and not any_epoch
            enough = min_epoch_length_apart(piece.arguments, other.arguments) if guessed else None
            if enough is None:
                return None
            least = max(least, enough)

    def begin(piece: _WindowedPiece) -> tuple[bool, float]:
        # Windows in epochs come last if the length of an epoch is unknown.
        arguments = piece.arguments
        at = length.in_iterations(arguments["begin"], arguments["by_epoch"])
        return (False, at) if at is not None else (True, arguments["begin"])

    ordered = sorted(pieces, key=begin)
    for index, piece in enumerate(ordered):
        if piece.to_base and not all(earlier.form.undone for earlier in ordered[:index]):
            return None
    return Combined(chain(*(piece.schedule for piece in ordered)), least)


def _windowed_piece(
    row: SchedulerRow, arguments: Arguments, length: RunLength, *, alone: bool, unknown: bool
) -> _WindowedPiece | None:
    """Return a scheduler as a closed form in its window, or None if no closed form is exact."""
    by_epoch = bool(arguments["by_epoch"])
    begin, end = arguments["begin"], arguments["end"]
    run = length.end(by_epoch)
    ticks = SchedulerTicks(by_epoch, bool(arguments.get(CONVERTED)))
    if _has_fractional_counts(row, arguments, ticks):
        return None
    try:
        form = row.schedule(arguments, FormNeeds(ticks, end - begin, end >= INF, alone, run, alone or unknown))
    except InvalidArgument:
        return None  # an argument that the rule accepts and the shape does not, e.g. gamma=0
    if form is None:
        return None
    schedule = form.schedule
    covers_run = begin == 0 and (form.ends_itself or end >= INF or (run is not None and end >= run))
    if not covers_run:
        last = run if run is not None and alone and end > run else end
        stop: DurationLike | None = ticks.count(last) if form.cut_at_end else ticks.last(last)
        schedule = window(schedule, ticks.count(begin), None if last >= INF else stop)
    return _WindowedPiece(schedule, form, arguments, form.to_base and not alone)


def _has_fractional_counts(row: SchedulerRow, arguments: Arguments, ticks: SchedulerTicks) -> bool:
    """Return whether a count is fractional, because MMEngine's rounding has no closed form."""
    counts = [arguments["begin"], arguments["end"]]
    for name in row.counted:
        value = arguments.get(name)
        if isinstance(value, (int, float)):
            counts.append(value)
        elif ticks.converted and isinstance(value, (list, tuple, Counter)):
            counts += value
    if ticks.converted and row.length_from == () and (arguments["end"] * 8) % 1 == 0:
        counts.remove(arguments["end"])  # multiples of 1/8 are exact in binary arithmetic
    return any(isinstance(one, float) and not one.is_integer() for one in counts)


def recurrence_rules(schedulers: Sequence[RowWithArguments]) -> list[Rule]:
    """Return the rules of a recurrence, in the order of the list.

    A OneCycle writes its levels into the param groups, and cosines read them as their base. Each OneCycle reads the
    levels of the one built last, except at the first step (row 7 of docs/reference/divergences.md).
    """
    made = [row.rule(arguments) for row, arguments in schedulers if not row.reacts_to_metric]
    cycles = [rule for rule in made if isinstance(rule, OneCycleRule)]
    found: list[Rule] = []
    base: Absolute | None = None
    for rule in made:
        if isinstance(rule, OneCycleRule):
            base = absolute(rule.peak / rule.div)
            drawn = replace(rule, peak=cycles[-1].peak, div=cycles[-1].div, final_div=cycles[-1].final_div)
            found.append(_without_infinite_end(drawn))
            if rule.begin == 0 and drawn != rule:
                first = rule.step_columns(np.zeros(1)).c[0]
                found.append(rules.schedule(constant(absolute(float(first))), begin=0, end=1, by=rule.by))
        elif base is not None and isinstance(rule, (CosineRule, CosineRestartsRule)):
            floor = absolute(rule.to * base.value) if isinstance(rule.to, float) else rule.to
            found.append(_without_infinite_end(replace(rule, base=base, to=floor)))
        else:
            found.append(_without_infinite_end(rule))
    return found


def _without_infinite_end(rule: Rule) -> Rule:
    """Remove an infinite end from a rule, unless its shape depends on the end."""
    if rule.end is not None and rule.end >= INF and not isinstance(rule, (ConstantRule, LinearRule)):
        return replace(rule, end=None)  # type: ignore[type-var]  # every rule is a dataclass
    return rule


_MAX_WARNINGS: Final = 10


@final
@dataclass(frozen=True, slots=True)
class _ListWarning:
    """A warning about a scheduler in a list.

    Args:
        index: the index of the scheduler.
        text: the message, with a fix.
        code: the code of the diagnostic.
    """

    index: int
    text: str
    code: str


def list_warnings(schedulers: Iterable[RowWithArguments], length: RunLength) -> Iterator[_ListWarning]:
    """Yield warnings for likely mistakes in a list: of each kind the first ten, and the number of the rest.

    Args:
        schedulers: the schedulers of one optimizer.
        length: the length of the run.
    """
    by_code = dict[str, list[_ListWarning]]()
    for one in _tick_warnings(list(schedulers), length):
        by_code.setdefault(one.code, []).append(one)
    for several in by_code.values():
        yield from several[: _MAX_WARNINGS - 1]
        for last in several[_MAX_WARNINGS - 1 : _MAX_WARNINGS]:
            more = len(several) - _MAX_WARNINGS
            yield replace(last, text=f"{last.text} (and {more} more like this)") if more else last


def _tick_warnings(together: Sequence[RowWithArguments], length: RunLength) -> Iterator[_ListWarning]:
    for index, (row, arguments) in enumerate(together):
        if length.max_epochs is None and length.max_iters is not None and ticks_by_epoch(arguments):
            period = f"every {length.epoch_length} iterations" if length.epoch_length else "per epoch"
            text = (
                f"by_epoch=True in a run by iterations steps at most once {period}, and in MMEngine only after it; "
                "write by_epoch=False and counts of iterations"
            )
            yield _ListWarning(index, text, TICKS_TOO_LATE)
        last = length.end(bool(arguments["by_epoch"]))
        # They count from the start of their window. The plan lacks late ones, so that no rule of a plan sees them.
        milestones = arguments["milestones"] if row is MULTI_STEP and last is not None else ()
        late = sorted(one for one in milestones if last is not None and arguments["begin"] + one > last)
        if late:
            numbers = ", ".join(f"{one:g}" for one in late[:_MAX_WARNINGS])
            run = f"{last} {'epochs' if arguments['by_epoch'] else 'iterations'}"
            text = (
                f"milestones={numbers} are after the end of the run of {run} and are never reached; write milestones "
                "within the run"
            )
            yield _ListWarning(index, text, MILESTONE_AFTER_END)
        if row is not COSINE_ANNEALING or arguments["end"] >= INF:
            continue
        if arguments["T_max"] >= arguments["end"] - arguments["begin"] - 1:
            continue
        others = (
            f"[{other}]"
            for other, (_, other_arguments) in enumerate(together)
            if other != index
            and other_arguments.get("param_name") == arguments.get("param_name")
            and windows_overlap(arguments, other_arguments, length)
        )
        if not (places := ", ".join(islice(others, _MAX_WARNINGS))):
            continue
        text = (
            f"the cosine reaches its floor at T_max={arguments['T_max']}, before its window ends at "
            f"{arguments['end']}, and then rises to the base value, which discards the changes of "
            f"{places}; write end={arguments['begin'] + arguments['T_max'] + 1}"
        )
        yield _ListWarning(index, text, CLIMBS_AGAIN)
