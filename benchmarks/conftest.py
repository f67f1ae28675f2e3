"""Timings are ratios to a floor that is measured in the same run.

The rounds of all loops are interleaved, and the minimum over the rounds counts. Processor time is measured, because it
does not include other processes. `make bench` prints one line for each benchmark: its name, its ratio to the floor, and
the target.
"""

import gc
import time
from collections.abc import Callable
from typing import Any

import pytest

Loop = Callable[[], object]


def _least(loops: dict[str, Loop], *, calls: int, rounds: int = 15) -> dict[str, float]:
    """Return the microseconds per call of each loop, which makes `calls` calls: the minimum over the rounds."""
    best = dict.fromkeys(loops, float("inf"))
    enabled = gc.isenabled()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, loop in loops.items():
                start = time.process_time()
                loop()
                best[name] = min(best[name], (time.process_time() - start) / calls * 1e6)
    finally:
        if enabled:
            gc.enable()
    return best


@pytest.fixture
def least() -> Callable[..., dict[str, float]]:
    """Return `_least`: call `least({name: loop}, calls=…)`."""
    return _least


@pytest.fixture
def report(benchmark: Any, capsys: Any) -> Callable[..., None]:
    """Return a function that prints a ratio and its target, and MISSED if the target is exceeded by over 10%."""

    def report_ratio(name: str, ours: float, floor: float, *, target: float, unit: str = "µs", **more: float) -> None:
        ratio = ours / floor
        remarks = "".join(f", {key} {value:.3g}" for key, value in more.items())
        remarks += "  MISSED" if ratio > 1.1 * target else ""
        with capsys.disabled():
            print(f"\n{name:<56} {ours:9.3f} {unit} / {floor:9.3f} = {ratio:6.2f}, target {target:g}{remarks}", end="")
        benchmark.extra_info.update(what=name, ours=ours, floor=floor, ratio=ratio, target=target)
        benchmark.pedantic(lambda: None, rounds=1)

    return report_ratio
