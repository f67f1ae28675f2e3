"""Timings are ratios to a floor measured in the same run: rounds are interleaved, and the least of the repeats counts.

Processor time, so that other processes do not count.

`make bench` prints a line for each: what was measured, its ratio to the floor, and the target beside it.
"""

import gc
import time
from collections.abc import Callable
from typing import Any

import pytest

Loop = Callable[[], object]


def _least(loops: dict[str, Loop], *, calls: int, rounds: int = 15) -> dict[str, float]:
    """Microseconds per call of each loop body, which runs `calls` times in a loop; the least of the rounds."""
    best = dict.fromkeys(loops, float("inf"))
    enabled = gc.isenabled()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, loop in loops.items():
                begin = time.process_time()
                loop()
                best[name] = min(best[name], (time.process_time() - begin) / calls * 1e6)
    finally:
        if enabled:
            gc.enable()
    return best


@pytest.fixture
def least() -> Callable[..., dict[str, float]]:
    """`least({name: loop}, calls=…)`: see `_least`."""
    return _least


@pytest.fixture
def told(benchmark: Any, capsys: Any) -> Callable[..., None]:
    """Print a ratio next to its target, and whether it is missed by more than the noise."""

    def tell(what: str, ours: float, floor: float, *, target: float, unit: str = "µs", **more: float) -> None:
        ratio = ours / floor
        beside = "".join(f", {name} {value:.3g}" for name, value in more.items())
        beside += "  MISSED" if ratio > 1.1 * target else ""
        with capsys.disabled():
            print(f"\n{what:<56} {ours:9.3f} {unit} / {floor:9.3f} = {ratio:6.2f}, target {target:g}{beside}", end="")
        benchmark.extra_info.update(what=what, ours=ours, floor=floor, ratio=ratio, target=target)
        benchmark.pedantic(lambda: None, rounds=1)

    return tell
