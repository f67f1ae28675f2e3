"""Timings are ratios to a floor that is measured in the same run.

The rounds of all loops are interleaved, and the minimum over the rounds counts. Processor time is measured, because it
does not include other processes. `make bench` prints one line for each benchmark: its name, its ratio to the floor, and
the target, and writes them to a file that `benchmarks/compare.py` reads.
"""

import datetime as dt
import gc
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
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


def pytest_benchmark_update_json(output_json: dict[str, Any]) -> None:
    """Replace the report of pytest-benchmark, which contains no ratios, by what `report` has stored."""
    cpu = output_json["machine_info"]["cpu"]
    figures = {one["extra_info"].pop("what"): one["extra_info"] for one in output_json["benchmarks"]}
    output_json.clear()
    output_json.update(
        date=dt.datetime.now(dt.UTC).date().isoformat(),
        machine=f"{cpu.get('brand_raw', platform.machine())}, {cpu['count']} cores",
        versions={"python": platform.python_version()} | {name: version(name) for name in ("numpy", "torch")},
        figures=figures,
    )


@pytest.fixture
def least() -> Callable[..., dict[str, float]]:
    """Return `_least`: call `least({name: loop}, calls=…)`."""
    return _least


@pytest.fixture
def report(benchmark: Any, capsys: Any) -> Callable[..., None]:
    """Return a function that prints a ratio and its target, and MISSED if the target is exceeded by over 10%."""

    def report_ratio(
        name: str, measured: float, floor: float, *, target: float, unit: str = "µs", **more: float
    ) -> None:
        ratio = measured / floor
        remarks = "".join(f", {key} {value:.3g}" for key, value in more.items())
        remarks += "  MISSED" if ratio > 1.1 * target else ""
        with capsys.disabled():
            print(
                f"\n{name:<56} {measured:9.3f} {unit} / {floor:9.3f} = {ratio:6.2f}, target {target:g}{remarks}", end=""
            )
        figures = {"measured": measured, "floor": floor, "ratio": ratio, "target": target}
        benchmark.extra_info.update(what=name, **{key: float(f"{value:.4g}") for key, value in figures.items()})
        benchmark.pedantic(lambda: None, rounds=1)

    return report_ratio
