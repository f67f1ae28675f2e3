"""Warnings for likely mistakes in a list of schedulers."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final, Literal, TypeAlias, final

from paramsched.mmengine.reader.config_run import (
    RunLength,
    ticks_by_epoch,
    windows_overlap,
)
from paramsched.mmengine.reader.row import (
    INF,
    Arguments,
    SchedulerRow,
)
from paramsched.mmengine.reader.rows import COSINE_ANNEALING, MULTI_STEP

RowWithArguments: TypeAlias = tuple[SchedulerRow, Arguments]
"""A row and its complete arguments."""


_MAX_WARNINGS: Final = 10


@final
@dataclass(frozen=True, slots=True)
class _ListWarning:
    """A warning about a scheduler in a list.

    Args:
        index: the index of the scheduler.
        text: the message, with a fix.
        kind: the kind of mistake.
    """

    index: int
    text: str
    kind: Literal["late steps", "late milestones", "rises again"]


def list_warnings(schedulers: Iterable[RowWithArguments], length: RunLength) -> Iterator[_ListWarning]:
    """Yield warnings for likely mistakes in a list: of each kind the first ten, and the number of the rest.

    Args:
        schedulers: the schedulers of one optimizer.
        length: the length of the run.
    """
    by_kind = dict[str, list[_ListWarning]]()
    for one in _step_warnings(list(schedulers), length):
        by_kind.setdefault(one.kind, []).append(one)
    for several in by_kind.values():
        yield from several[: _MAX_WARNINGS - 1]
        for last in several[_MAX_WARNINGS - 1 : _MAX_WARNINGS]:
            more = len(several) - _MAX_WARNINGS
            yield replace(last, text=f"{last.text} (and {more} more like this)") if more else last


def _step_warnings(schedulers: Sequence[RowWithArguments], length: RunLength) -> Iterator[_ListWarning]:
    """Yield the warnings of each scheduler, in their order."""
    for index in range(len(schedulers)):
        yield from _late_steps(schedulers, index, length)
        yield from _late_milestones(schedulers, index, length)
        yield from _rises_again(schedulers, index, length)


def _late_steps(schedulers: Sequence[RowWithArguments], index: int, length: RunLength) -> Iterator[_ListWarning]:
    """Yield a warning for a scheduler by epoch in a run by iterations."""
    _, arguments = schedulers[index]
    if length.max_epochs is None and length.max_iters is not None and ticks_by_epoch(arguments):
        period = f"every {length.epoch_length} iterations" if length.epoch_length else "per epoch"
        text = (
            f"by_epoch=True in a run by iterations steps at most once {period}, and in MMEngine only after it; "
            "write by_epoch=False and counts of iterations"
        )
        yield _ListWarning(index, text, "late steps")


def _late_milestones(schedulers: Sequence[RowWithArguments], index: int, length: RunLength) -> Iterator[_ListWarning]:
    """Yield a warning for milestones after the end of the run. They count from the start of their window."""
    row, arguments = schedulers[index]
    last = length.end(bool(arguments["by_epoch"]))
    if row is not MULTI_STEP or last is None:
        return
    late = sorted(milestone for milestone in arguments["milestones"] if arguments["begin"] + milestone > last)
    if late:
        numbers = ", ".join(f"{milestone:g}" for milestone in late[:_MAX_WARNINGS])
        run = f"{last} {'epochs' if arguments['by_epoch'] else 'iterations'}"
        text = (
            f"milestones={numbers} are after the end of the run of {run} and are never reached; write milestones "
            "within the run"
        )
        yield _ListWarning(index, text, "late milestones")


def _rises_again(schedulers: Sequence[RowWithArguments], index: int, length: RunLength) -> Iterator[_ListWarning]:
    """Yield a warning for a cosine that ends before its window, and discards what other schedulers changed."""
    row, arguments = schedulers[index]
    if row is not COSINE_ANNEALING or arguments["end"] >= INF:
        return
    if arguments["T_max"] >= arguments["end"] - arguments["begin"] - 1:
        return
    others = (
        f"[{other}]"
        for other, (_, other_arguments) in enumerate(schedulers)
        if other != index
        and other_arguments.get("param_name") == arguments.get("param_name")
        and windows_overlap(arguments, other_arguments, length)
    )
    discarded = ", ".join(islice(others, _MAX_WARNINGS))
    if discarded:
        text = (
            f"the cosine reaches its floor at T_max={arguments['T_max']}, before its window ends at "
            f"{arguments['end']}, and then rises to the base value, which discards the changes of "
            f"{discarded}; write end={arguments['begin'] + arguments['T_max'] + 1}"
        )
        yield _ListWarning(index, text, "rises again")
