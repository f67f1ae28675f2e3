"""The errors of captured steps, and of a Scheduler that no longer drives its optimizers."""

from collections.abc import Iterable
from typing import Final

from paramsched.core.plan.optimizers import shown_names
from paramsched.core.run.messages import LogCall
from paramsched.core.run.messages.arguments import call_with
from paramsched.errors import InvalidArgument, ParamschedError

_CAPTURED: Final = "this step is captured into a CUDA graph"


def capture_is_not_counted(optimizer: object) -> InvalidArgument:
    """Return the error for a captured step whose replays the Scheduler would not count."""
    message = f"{_CAPTURED}, whose replays call no hooks: the plan would remain at this update"
    advice = 'Use Scheduler(…, drive="manual") before the capture, and call scheduler.step() after each replay'
    return InvalidArgument(call_with(optimizer), message, advice)


def capture_keeps_values(optimizer: object, fields: Iterable[str]) -> InvalidArgument:
    """Return the error for a captured step that would keep the present values of some fields."""
    message = (
        f"{_CAPTURED}, which would keep the value of this update for {' and '.join(fields)}: a replay reads only "
        "tensors on the device again"
    )
    advice = "Pass a tensor on the device to the optimizer. If it accepts none, remove the field from the plan"
    return InvalidArgument(call_with(optimizer), message, advice)


def takes_over_a_part(taken: Iterable[str], left: Iterable[str]) -> LogCall:
    """Return the line about a Scheduler that takes over some optimizers of an earlier one, and leaves the others."""
    text = (
        "a new Scheduler takes over %s from a Scheduler that also drove %s. The earlier Scheduler is detached "
        "from all its optimizers, so no plan drives %s now"
    )
    names = shown_names(left)
    return text, shown_names(taken), names, names


def is_detached(call: str) -> ParamschedError:
    """Return the error for a call of a Scheduler that is detached."""
    advice = "Write ps.Scheduler(optimizer, plan) to continue."
    return ParamschedError(f"scheduler.{call}: this Scheduler is detached. {advice}")


def is_replaced(call: str, t: int) -> ParamschedError:
    """Return the error for a call of a Scheduler that another one has replaced at update `t`."""
    advice = "Use that one, or write ps.Scheduler(optimizer, plan) to continue."
    return ParamschedError(f"scheduler.{call}: another Scheduler has replaced this one at update {t}. {advice}")
