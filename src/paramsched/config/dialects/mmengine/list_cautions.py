"""What a list of schedulers does together that is hardly meant: rows 9 and 25 of docs/compat/divergences.md."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, final

from paramsched._fault_codes import CLIMBS_AGAIN, GAP_OF_ONE, MILESTONE_AFTER_END, TICKS_TOO_LATE, TWO_DECAYS
from paramsched.config.dialects.mmengine.rows.arguments import CONVERTED, INF, Arguments
from paramsched.config.dialects.mmengine.rows.cosine_annealing import COSINE_ANNEALING
from paramsched.config.dialects.mmengine.rows.exponential import EXPONENTIAL
from paramsched.config.dialects.mmengine.rows.multi_step import MULTI_STEP
from paramsched.config.dialects.mmengine.rows.poly import POLY
from paramsched.config.dialects.mmengine.rows.row import SchedulerRow
from paramsched.config.dialects.mmengine.rows.step import STEP
from paramsched.config.dialects.mmengine.run_length import RunLength, ticks_by_epoch, windows_overlap

_DECAYS = (COSINE_ANNEALING, EXPONENTIAL, MULTI_STEP, POLY, STEP)
"""Schedulers that lower a value in all of their window."""

_Listed: TypeAlias = Sequence[tuple[SchedulerRow, Arguments]]


@final
@dataclass(frozen=True, slots=True)
class ListCaution:
    """What is hardly meant, with cause and cure.

    Args:
        index: of the scheduler in the list.
        text: the sentence.
        code: of `paramsched check`.
    """

    index: int
    text: str
    code: str


def list_cautions(schedulers: Iterable[tuple[SchedulerRow, Arguments]], length: RunLength) -> Iterator[ListCaution]:
    """What a list does that is hardly meant.

    Args:
        schedulers: the rows and their complete arguments, in the order of the list.
        length: of the run.
    """
    together = list(schedulers)
    for index, (row, arguments) in enumerate(together):
        if length.max_epochs is None and length.max_iters is not None and ticks_by_epoch(arguments):
            yield ListCaution(index, _ticks_too_late(length), TICKS_TOO_LATE)
        turns = row is COSINE_ANNEALING and arguments["T_max"] < arguments["end"] - arguments["begin"] - 1
        if turns and arguments["end"] < INF:
            others = _indices_beside(together, index, length)
            if others:
                yield ListCaution(index, _climbs_again(arguments, others), CLIMBS_AGAIN)


def window_cautions(schedulers: Iterable[tuple[SchedulerRow, Arguments]], length: RunLength) -> Iterator[ListCaution]:
    """What the windows of a list hardly can be meant to be; arguments as of `list_cautions`."""
    together = list(schedulers)
    for index, (row, arguments) in enumerate(together):
        late = _milestones_too_late(arguments, length) if row is MULTI_STEP else []
        if late:
            yield ListCaution(index, _behind_the_end(late, length), MILESTONE_AFTER_END)
        others = [(other, *pair) for other, pair in enumerate(together) if _same_field(arguments, pair[1])]
        before = [theirs for other, _, theirs in others if other != index and _ends_one_before(theirs, arguments)]
        meets = any(theirs["begin"] < arguments["begin"] <= theirs["end"] for _, _, theirs in others)
        if before and not meets:
            yield ListCaution(index, _one_tick_between(before[0], arguments), GAP_OF_ONE)
        for other, theirs_row, theirs in others:
            if (
                other < index
                and row in _DECAYS
                and theirs_row in _DECAYS
                and windows_overlap(arguments, theirs, length)
            ):
                yield ListCaution(index, _both_decay(theirs_row, row, other), TWO_DECAYS)


def _milestones_too_late(arguments: Arguments, length: RunLength) -> list[float]:
    """The milestones behind the end of the run; they count from the begin of their window."""
    last = None if arguments.get(CONVERTED, False) else length.end(bool(arguments["by_epoch"]))
    return [] if last is None else sorted(one for one in arguments["milestones"] if arguments["begin"] + one > last)


def _behind_the_end(late: list[float], length: RunLength) -> str:
    numbers = ", ".join(f"{one:g}" for one in late)
    run = f"{length.max_epochs} epochs" if length.max_epochs is not None else f"{length.max_iters} iterations"
    return f"milestones={numbers} lie behind the end of the run of {run}, and never come; name times of this run"


def _same_field(one: Arguments, other: Arguments) -> bool:
    return bool(one.get("param_name") == other.get("param_name") and one["by_epoch"] == other["by_epoch"])


def _ends_one_before(first: Arguments, second: Arguments) -> bool:
    """Whether a window ends one tick before another one begins."""
    return bool(first["end"] < INF and second["begin"] == first["end"] + 1 and first["end"] - first["begin"] > 1)


def _one_tick_between(first: Arguments, second: Arguments) -> str:
    return (
        f"one window ends at {first['end']} and the next begins at {second['begin']}: nothing moves between them, for "
        f"the end of a window is outside of it; write begin={first['end']}"
    )


def _both_decay(first: SchedulerRow, second: SchedulerRow, other: int) -> str:
    return (
        f"{second.name} and {first.name} of [{other}] lower one value at the same time, each what the other one made "
        "of it; let one begin where the other ends"
    )


def _ticks_too_late(length: RunLength) -> str:
    return (
        f"by_epoch=True in a run by iterations ticks once in {length.epoch_length or 'an unknown number of'} "
        "iterations at most, in MMEngine never before the end; write by_epoch=False and counts of iterations"
    )


def _climbs_again(arguments: Arguments, others: Iterable[int]) -> str:
    places = ", ".join(f"[{index}]" for index in others)
    return (
        f"the cosine turns round at T_max={arguments['T_max']}, before its window ends at {arguments['end']}, and "
        f"climbs back to the base value: what {places} made of it is forgotten; write "
        f"end={arguments['begin'] + arguments['T_max'] + 1}"
    )


def _indices_beside(together: _Listed, index: int, length: RunLength) -> list[int]:
    """The schedulers of the same field whose windows meet this one's."""
    _, arguments = together[index]
    return [
        other
        for other, (_, theirs) in enumerate(together)
        if other != index
        and theirs.get("param_name") == arguments.get("param_name")
        and windows_overlap(arguments, theirs, length)
    ]
