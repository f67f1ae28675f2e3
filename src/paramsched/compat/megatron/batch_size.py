"""The batch size of a run of Megatron: constant, or rising at numbers of tokens."""

from itertools import pairwise
from typing import Any, Final

from paramsched.compat.megatron.arguments import MegatronArguments, written_options
from paramsched.core.base.codes import UNUSED_SETTING
from paramsched.core.base.problem import Problem, warn_user
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.leaves import constant
from paramsched.core.schedules.sequence import in_order

_MOST: Final = 16  # entries of a suggested schedule


def planned_batch_size(arguments: MegatronArguments) -> Schedule | None:
    """Return the schedule of the batch size, a target whose base is 1; None if the batch size is unknown."""
    if steps := arguments.batch_size_steps:
        return _stages(steps)
    return None if arguments.batch_size is None else constant(float(arguments.batch_size))


def _stages(steps: list[tuple[int, int]]) -> Schedule:
    """Return the batch sizes in `steps`, pairs of the consumed samples at which a size begins and the size."""
    held = [constant(float(size), f"{end - begin} samples") for (begin, size), (end, _) in pairwise(steps)]
    return in_order([*held, constant(float(steps[-1][1]))])


def begins_of_rises(rises: int, samples: int) -> list[int]:
    """Return the consumed samples at which the batch size has increased 1, 2, … times.

    Megatron divides floats. If the quotient is rounded down, the increase is one sample later.

    >>> begins_of_rises(3, 99), begins_of_rises(15, 2_000_000)[2:4]
    ([33, 66, 99], [400000, 533334])
    """
    exact = (-(-rise * samples // rises) for rise in range(1, rises + 1))
    return [at + (int(at / (samples / rises)) < rise) for rise, at in enumerate(exact, 1)]


def samples_of_updates(steps: list[tuple[int, int]], updates: int) -> int:
    """Return the samples that a number of updates consumes, with the batch sizes in `steps`.

    >>> samples_of_updates([(0, 16), (488, 32), (1464, 64)], 117)
    5008
    """
    consumed = 0
    for (_, size), (end, _) in pairwise(steps):
        taken = min(updates, max(0, -(-(end - consumed) // size)))
        consumed, updates = consumed + taken * size, updates - taken
    return consumed + updates * steps[-1][1]


def consumed_in_all(arguments: MegatronArguments, batch: int, total: int) -> int:
    """Return the samples that a run consumes, without a last partial batch, which Megatron drops.

    Under `step_batch_size_schedule`, Megatron runs the last batch completely.
    """
    if arguments.batch_size_steps:
        return total
    return total // batch * batch if total >= batch else total


def warn_of_ramp(data: Any, arguments: MegatronArguments) -> None:
    """Warn of `rampup_batch_size`, which has no effect, with the schedule that replaces it."""
    ramp, batch, tokens = arguments.rampup_batch_size, arguments.batch_size, arguments.seq_length
    if ramp is None:
        return
    entries = "0:256 100B:512"
    if batch is not None and tokens is not None and ramp[2] and 0 < (rises := (batch - ramp[0]) // ramp[1]) <= _MOST:
        begins = [0, *begins_of_rises(rises, ramp[2])]
        entries = " ".join(f"{begin * tokens}:{ramp[0] + rise * ramp[1]}" for rise, begin in enumerate(begins))
    found = "it has no effect since Megatron-LM core 0.18 (532ad926, 2026-04-21)"
    instead = f'Use step_batch_size_schedule: "{entries}" in place of it and global_batch_size'
    _, path = written_options(data)["rampup_batch_size"]
    warn_user(Problem(path, found, instead, at_key=True, code=UNUSED_SETTING))
