"""What a list of schedulers does together that is hardly meant: rows 9 and 25 of docs/compat/divergences.md."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, final

from paramsched.config.dialects.mmengine.rows.arguments import INF, Arguments
from paramsched.config.dialects.mmengine.rows.cosine_annealing import COSINE_ANNEALING
from paramsched.config.dialects.mmengine.rows.row import SchedulerRow
from paramsched.config.dialects.mmengine.run_length import RunLength, ticks_by_epoch, windows_overlap

_Listed: TypeAlias = Sequence[tuple[SchedulerRow, Arguments]]


@final
@dataclass(frozen=True, slots=True)
class ListCaution:
    """What is hardly meant, with cause and cure.

    Args:
        index: of the scheduler in the list.
        text: the sentence.
    """

    index: int
    text: str


def list_cautions(schedulers: Iterable[tuple[SchedulerRow, Arguments]], length: RunLength) -> Iterator[ListCaution]:
    """What a list does that is hardly meant.

    Args:
        schedulers: the rows and their complete arguments, in the order of the list.
        length: of the run.
    """
    together = list(schedulers)
    for index, (row, arguments) in enumerate(together):
        if length.max_epochs is None and length.max_iters is not None and ticks_by_epoch(arguments):
            yield ListCaution(index, _ticks_too_late(length))
        turns = row is COSINE_ANNEALING and arguments["T_max"] < arguments["end"] - arguments["begin"] - 1
        if turns and arguments["end"] < INF:
            others = _indices_beside(together, index, length)
            if others:
                yield ListCaution(index, _climbs_again(arguments, others))


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
