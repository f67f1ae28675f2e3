"""The causes that are tried on a plan that counts an amount: the schedule counted another one than the log."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import final

from paramsched.audit.amount_times import AmountTimes

_FACTORS = (2, 3, 4, 8, 16, 32, 64)


@final
@dataclass(frozen=True, slots=True)
class AmountCause:
    """One explanation to try.

    Args:
        name: for programs.
        text: for people.
        counted: what the schedule counted, from what the run consumed.
    """

    name: str
    text: str
    counted: Callable[[AmountTimes], AmountTimes]


def amount_causes_to_try(clock: str, processes: int | None, accumulation: int | None) -> Iterator[AmountCause]:
    """Explanations to try, the simplest first.

    Args:
        clock: what the plan counts.
        processes: how many there were, if known.
        accumulation: batches to an update, if known.
    """
    text = f"the schedule counted updates, where the plan counts {clock}"
    yield AmountCause("another clock", text, AmountTimes.counting_updates)
    known = [n for n in (processes, accumulation) if n is not None and n > 1]
    for n in dict.fromkeys([*known, *_FACTORS]):
        name, whose = "processes or accumulation", f"one of {n} processes, or one batch of {n}"
        if n == processes and n != accumulation:
            name, whose = "processes", f"one of {n} processes"
        elif n == accumulation and n != processes:
            name, whose = "accumulation", f"one batch of {n}"
        text = f"the schedule counted one {clock[:-1]} in {n}: the {clock} of {whose}"
        yield AmountCause(name, text, lambda times, n=n: times.scaled(1, n))  # type: ignore[misc]  # n is bound now
        text = f"the schedule counted each of the {clock} {n} times, or the log has those of {whose}"
        yield AmountCause(name, text, lambda times, n=n: times.scaled(n, 1))  # type: ignore[misc]  # as above
