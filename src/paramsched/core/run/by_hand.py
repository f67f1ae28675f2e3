"""Updates that the user's code counts, with `scheduler.step()`."""

from collections.abc import Callable, Sequence
from operator import is_not
from typing import Any

from paramsched.core.run.attached import AttachedOptimizer
from paramsched.core.run.run import Run


def counter(run: Run, optimizers: Sequence[tuple[AttachedOptimizer, Any]]) -> Callable[[], None]:
    """Return the function that counts one update of all optimizers, before which no hook ran."""
    if len(optimizers) > 1:
        return lambda: _count(run, optimizers)
    ((attached, optimizer),) = optimizers
    state = run.state

    def count() -> None:
        """Count an update; groups that are unchanged, and need no check, are written at once."""
        if not state.is_plain or attached.table.tensors is not None or not attached.is_unchanged(optimizer):
            _count(run, optimizers)
            return
        groups = optimizer.param_groups
        state.t += 1
        attached.write_next(groups)
        # Equal copies of groups passed the check above, but lack the values that were written just now.
        if groups != attached.bound.groups:
            attached.sync(groups)
        if state.needs_check:
            run.refuse_not_finite_by_hand()

    return count


def _count(run: Run, optimizers: Sequence[tuple[AttachedOptimizer, Any]]) -> None:
    """Count one update of all optimizers, also if the groups of one are invalid."""
    run.require_attached("step()")
    state = run.state
    first = optimizers[0][0]
    if state.needs_check:
        state.check_update(first.t, starts=first.starts_update())
    errors: list[Exception] = []  # raised after all optimizers are counted
    for attached, optimizer in optimizers:
        if not attached.is_unchanged(optimizer):
            try:
                attached.bind_changed(optimizer)
            except Exception as error:
                if run.shared is None:
                    raise
                errors.append(error)
    try:
        state.begin_update(first.name)
    finally:
        for attached, optimizer in optimizers:
            try:
                if attached.bound:
                    attached.write_next(optimizer.param_groups)
            except Exception as error:  # noqa: BLE001
                errors.append(error)
            attached.t = run.t
    if errors:
        raise errors[0]
    for attached, optimizer in optimizers:
        # A copied group lacks the values that were written just now, or contains another tensor.
        groups = optimizer.param_groups
        is_copied = any(map(is_not, groups, attached.bound.groups))
        if is_copied or (attached.table.tensors is not None and not attached.is_unchanged(optimizer)):
            attached.sync(groups)
    run.refuse_not_finite_by_hand()
