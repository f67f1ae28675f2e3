"""How long updates take, for a plan whose clock counts seconds."""

import time
from typing import final


def seconds_now() -> float:
    """The time on a clock that never goes back."""
    return time.monotonic()


@final
class Stopwatch:
    """Measures from update to update; the first from when it was made."""

    def __init__(self) -> None:
        self._since = seconds_now()

    def lap(self) -> float:
        """The seconds since the last lap."""
        now = seconds_now()
        since, self._since = self._since, now
        return now - since
