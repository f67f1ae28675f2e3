"""The errors and problems of the arguments of an adapter, and of the run facts of an engine."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, final

from paramsched.base import codes
from paramsched.base.problem import Problem
from paramsched.core.time import Duration
from paramsched.errors import CallSite, InvalidArgument, InvalidCall, MissingFact, shown

_PAGE: Final = "docs/how-to/growing-batch.md"


# ---------------------------------------------------------------- arguments


def too_many_arguments(line: str) -> InvalidCall:
    """Return the error for an optimizer that is passed to an adapter whose engine has one; `line` is the call."""
    message = "too many arguments; the Trainer has the optimizer"
    return InvalidCall(f"{line.partition('(')[0]}(…)", message, f"Write {line}")


def wrong_order(call: str, names: Iterable[str], texts: Iterable[str]) -> InvalidArgument:
    """Return the error for arguments in another order.

    Args:
        call: the user's call.
        names: the names of the arguments, in order.
        texts: their texts in the corrected call.
    """
    message = f"the order of the arguments is {', '.join(names)}"
    return InvalidArgument(f"{call}(…)", message, example=f"{call}({', '.join(texts)})")


def wrong_kind(call: str, name: str, value: object, expected: str) -> InvalidArgument:
    """Return the error for an argument of a wrong kind."""
    message = f"expected {expected}, got {type(value).__name__}"
    return InvalidArgument(CallSite(call, name, shown(value)), message)


def tokens_not_positive(tokens: object) -> InvalidArgument:
    """Return the error for a length of sequences that is not a number greater than 0."""
    site = f"tokens_per_sample={shown(tokens)}"
    return InvalidArgument(site, "expected a number greater than 0", "For example: tokens_per_sample=1024")


# ---------------------------------------------------------------- planned sizes


@final
@dataclass(frozen=True, slots=True)
class PlannedSize:
    """A size of batches that a plan schedules.

    Args:
        name: its name: `batch_size` or `accumulation`.
        low, high: its lowest and its highest value.
        follows_metric: True if a metric changes it.
    """

    name: str
    low: float
    high: float
    follows_metric: bool

    def __str__(self) -> str:
        """Return what the plan schedules."""
        sizes = f"{self.low:g} to {self.high:g}" if self.low < self.high else f"{self.low:g}"
        return f"the plan schedules {self.name}={sizes}{' until a metric changes it' if self.follows_metric else ''}"


def size_not_trained(call: str, planned: PlannedSize, size: int) -> InvalidArgument:
    """Return the error for a planned size if the engine trains another one."""
    message = f"{planned}, but the engine trains {planned.name}={size} at every update"
    return InvalidArgument(call, message, _omit_or_train(planned))


def size_unknown(call: str, planned: PlannedSize) -> InvalidArgument:
    """Return the error for a planned size if that of the engine is unknown."""
    name = planned.name
    advice = _omit_or_train(planned)
    if planned.low == planned.high and not planned.follows_metric:
        advice = f"Omit the target {name}, or pass the run fact {name}={planned.low:g} if the loader has this size"
    return InvalidArgument(call, f"{planned}, but the engine trains one {name}, which is unknown here", advice)


def _omit_or_train(planned: PlannedSize) -> str:
    return f"Omit the target {planned.name}, or train the planned sizes in a loop of your own, as in {_PAGE}"


# ---------------------------------------------------------------- the length of a run and of an epoch


def longer_than_run(total: Duration, updates: int, call: str, engine: int) -> Problem:
    """Return the problem of a plan that is longer than the run of the engine.

    Args:
        total: the total of the plan.
        updates: the same in updates.
        call: the user's call.
        engine: the updates that the engine counts.
    """
    message = f'total "{total}" of the plan is {updates} updates, but {call} counts {engine}: the run ends first'
    return Problem(code=codes.BEYOND_TOTAL, found=message, advice="Omit the total, to take that of the engine")


TOTALS_DIFFER: Final = 'total "%s" of the plan is %d updates, but %s counts %d; the plan takes precedence'
"""The line of the log about a total of the plan that is shorter than the run of the engine."""


def batches_as_updates(call: str, batches: int, accumulation: int) -> Problem:
    """Return the problem of an epoch with as many updates as batches, although several batches are one update."""
    message = (
        f"steps_per_epoch={batches} counts updates, but {call} has {batches} batches in an epoch, and "
        f"{accumulation} of them are one update"
    )
    advice = f"Omit it, or write steps_per_epoch={-(-batches // accumulation)}"
    return Problem(code=codes.ACCUMULATION_UNUSED, found=message, advice=advice)


def missing_fact(call: str, error: MissingFact, reason: str, *, has_tokens_per_sample: bool) -> MissingFact:
    """Return an error about a missing run fact with the reason why the engine lacks it, and the argument to pass."""
    message = f"{error.problem.found}; {reason}"
    takes_samples = error.fact == "tokens_per_step" and has_tokens_per_sample
    argument = "tokens_per_sample=1024" if takes_samples else f"{error.fact}={error.example}"
    return _missing(call, error.problem.site, message, argument, error.fact, error.example)


def length_unknown(call: str, site: str, reason: str) -> MissingFact:
    """Return the error for a plan that needs the length of the run, which the engine does not know."""
    return _missing(call, site, reason, "total=10_000", "total", "10_000")


def batch_size_unknown(call: str, tokens_per_sample: float, reason: str) -> MissingFact:
    """Return the error for a length of sequences whose number in a batch is unknown."""
    site = f"{call}(..., tokens_per_sample={tokens_per_sample})"
    return _missing(call, site, reason, "tokens_per_step=4096", "tokens_per_step", "4096")


def _missing(call: str, site: str, message: str, argument: str, fact: str, example: str) -> MissingFact:
    return MissingFact(site, message, f"For example: {call}(..., {argument})", fact=fact, example=example)


def not_provided(call: str, fact: str) -> str:
    """Return the reason why a run fact is unknown, for an engine that does not have it."""
    return f"{call.partition('.')[0]} does not provide {fact}"
