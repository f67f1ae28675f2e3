"""MMEngine's message hub while a scheduler is asked for its values: it says how far the run is, as in a real run."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_PROGRESS = ("epoch", "iter")


@contextmanager
def run_progress(by_epoch: Callable[[], bool]) -> Iterator[Callable[[int], None]]:
    """A function that tells the hub which epoch or iteration has just ended; afterwards the hub says what it said.

    Some schedulers ask the hub how far the run is. What an earlier run left there would give them wrong values, so it
    is taken away. A scheduler that counts epochs finds no iteration, because nothing says which one it would be.

    Args:
        by_epoch: whether the scheduler counts epochs.
    """
    logging = sys.modules.get("mmengine.logging")
    if logging is None:  # no scheduler can ask it
        yield lambda _: None
        return
    hub = logging.MessageHub.get_current_instance()
    before = {name: hub.runtime_info[name] for name in _PROGRESS if name in hub.runtime_info}
    for name in _PROGRESS:
        hub.pop_info(name)
    try:
        yield lambda done: hub.update_info("epoch" if by_epoch() else "iter", done)
    finally:
        for name in _PROGRESS:
            hub.pop_info(name)
        for name, value in before.items():
            hub.update_info(name, value)
