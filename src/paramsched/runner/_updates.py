"""Updates of an optimizer that really happened."""

from collections.abc import Callable
from typing import Any

from torch.optim import Optimizer

from paramsched.scheduler._updates import skipped_by_scaler


def watch_updates(
    optimizer: Optimizer, before: Callable[[Any], None] | None, after: Callable[[], None]
) -> Callable[[], None]:
    """Call `before` with the optimizer ahead of each step, and `after` behind those that a loss scaler did not skip.

    A subclass whose `step` calls its parent's fires torch's hooks twice; here it counts once.

    Returns:
        What stops it.
    """
    depth = 0

    def entered(stepped: Any, args: Any, kwargs: Any) -> None:
        nonlocal depth
        del args, kwargs
        depth += 1
        if depth == 1 and before is not None:
            before(stepped)

    def left(stepped: Any, args: Any, kwargs: Any) -> None:
        nonlocal depth
        del args, kwargs
        depth -= 1
        if not depth and not skipped_by_scaler(stepped):
            after()

    handles = [optimizer.register_step_pre_hook(entered), optimizer.register_step_post_hook(left)]

    def stop() -> None:
        for handle in handles:
            handle.remove()

    return stop
