"""A clock that a test advances, in place of the machine's clocks."""

import time
from typing import Any


class FakeTime:
    """The two clocks of a machine: `wall` in Unix time, and `monotonic`."""

    def __init__(self, monkeypatch: Any, wall: float = 1_800_000_000.0, monotonic: float = 5000.0) -> None:
        self.wall, self.monotonic = wall, monotonic
        monkeypatch.setattr(time, "time", lambda: self.wall)
        monkeypatch.setattr(time, "monotonic", lambda: self.monotonic)

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds
