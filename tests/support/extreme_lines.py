"""Random short lines with extreme numbers, and the operations on them within limits of time and memory.

`python extreme_lines.py SEED COUNT` prints each line and operation that takes more than two seconds, more memory than
the limit, or that raises an error of another kind than those of paramsched.
"""

import pathlib
import random
import resource
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch

import paramsched as ps
from paramsched.errors import ParamschedError

LONGEST = 300
SECONDS = 2.0  # a second on an idle machine; another process on the same core takes half of its time
MEGABYTES = 200

_COUNTS = ["1", "2", "7", "97", "4096", "4097", "1000000007", "1000000000000", "1000000000000000000"]
_LENGTHS = [
    *(
        '"1.5 steps"',
        '"10/3 steps"',
        '"1000000007/1000003 steps"',
        '"1e-9 steps"',
        '"12345678901234567/99999967 steps"',
    ),
    *('"0.001%"', '"33.3%"', '"100%"', '"1e-9%"', '"50% - 1 epoch"', '"until 90%"'),
    *('"1 epoch"', '"1.75 epochs"', '"1e-9 epochs"', '"1/7 epochs"', '"1.1M tokens"', '"1/3 tokens"', '"1e12 tokens"'),
]
_LEVELS = ["0", "1", "1e-300", "1e9", "1e300", "absolute(0.1)"]
_GROWTHS = ["1", "1.001", "1.01", "1.0123456789012345", "1.5", "2", "1e9", "1e18"]
_FACTORS = ["0.5", "0.999", "1.001", "1e-9", "1e9"]
_TIMES = ["1", "3", "100", "50000", "1000000000000000000"]

_SHAPES = [
    *("cosine(to={level})", "linear({level}, over={time})", "warmup({time})", "constant({level}, {time})"),
    *("step({period}, {factor})", "stairs({level}, 1, {count}, {time})", "cyclic({period}, {period})"),
    *(
        "multistep([{period}, {period}])",
        "table([1.0, 0.5, 0.1], {period}, curves.linear)",
        "table([1.0, 0.5], {period})",
    ),
    *(
        "exponential({factor}, {period})",
        "inverse_sqrt({period})",
        "cosine_restarts({period}, {growth}, times={times})",
    ),
    *(
        "cosine_restarts({count}, 1.001)",
        "piecewise([(0, 1.0), ({period}, 0.1)])",
        'cyclic({period}, mode="triangular2")',
    ),
]
_AROUND = [
    *("restarts({line}, {period})", "restarts({line}, {period}, mult={growth})", "restarts({line}, times={times})"),
    *("restarts({line}, times={times}, mult={growth})", "restarts({line}, {period}, {times}, {growth})"),
    *("every({line}, {period})", "shift({line}, {period})", "skip({line}, {period})", "take({line}, {period})"),
    *("window({line}, {period})", "window({line}, {period}, {period})", "with_lengths({line})", "clamp({line}, low=0)"),
    *(
        "({line}) >> {shape}",
        "{shape} >> ({line})",
        "({line}) * {shape}",
        "({line}) + {shape}",
        "chain({line}, {shape})",
    ),
    *("overlay({shape}, {line})", "maximum({line}, {shape})"),
]
_RUNS: list[dict[str, Any]] = [
    *({"total": total} for total in (1000, 100_000, 10**7, 10**12)),
    *({"total": total, "clock": "tokens"} for total in (10**7, 10**12)),
    {"total": "1e12 tokens", "clock": "tokens"},
]
_FACTS: dict[str, Any] = {"steps_per_epoch": 12345, "tokens_per_step": 1000}


def lines(seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield lines of up to 300 characters, each with the total and the clock of its run."""
    draw = random.Random(seed)

    def filled(text: str, line: str = "") -> str:
        while "{" in text:
            for key, several in _NAMES.items():
                text = text.replace(f"{{{key}}}", draw.choice(several), 1)
            text = text.replace("{line}", line)
        return text

    while True:
        line = filled("{shape}")
        same = draw.choice([*_AROUND, None, None])
        for _ in range(draw.choice([1, 3, 100])):
            longer = filled(same or draw.choice(_AROUND), line)
            if len(longer) > LONGEST:
                break
            line = longer
        yield line, draw.choice(_RUNS)


_NAMES = {
    "shape": _SHAPES,
    "level": _LEVELS,
    "count": _COUNTS,
    "growth": _GROWTHS,
    "factor": _FACTORS,
    "times": _TIMES,
    "time": [*_COUNTS, *_LENGTHS],
    "period": [*_COUNTS, *(length for length in _LENGTHS if "until" not in length)],
}


def operations(line: str, run: dict[str, Any]) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield the operations on a line by name. After one that is refused, the others may be refused too."""
    plan = ps.Plan(lr=line, **run)
    resolved = plan.resolve(**_FACTS)
    yield "text", lambda: str(plan)
    yield "resolve", lambda: plan.resolve(**_FACTS)
    yield "read", lambda: _require_equal(ps.loads(ps.dump(resolved)), resolved)
    yield "check", lambda: ps.check(plan, **_FACTS)
    yield "start", lambda: ps.Scheduler(_optimizer(), plan, **_FACTS)
    yield "diff", lambda: ps.diff(plan, ps.Plan(lr="cosine()", **run), **_FACTS)
    yield "trace", lambda: ps.trace(ps.Plan(lr=line, total=1000), {"lr": 1.0}, **_FACTS)


def _require_equal(actual: object, expected: object) -> None:
    assert actual == expected, f"read as {actual}"


def _optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)


def _problem(operation: Callable[[], object]) -> str:
    """Return the problem of an operation; empty if it is done or refused within the limits."""
    begin = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, 5 * SECONDS)
    try:
        operation()
    except ParamschedError:
        pass
    except Exception as error:  # noqa: BLE001  # all kinds are problems
        return f"{type(error).__name__}: {error}"[:200]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    taken = time.process_time() - begin
    return f"{taken:.1f} s" if taken > SECONDS else ""


def _stop(*_: object) -> None:
    raise TimeoutError(f"more than {5 * SECONDS} s")


def main(seed: int, count: int) -> None:
    """Print the problems of some lines, and the number of lines that start."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGPROF, _stop)
    ps.check(ps.Plan(lr="cosine()", total=10))  # imports
    ps.Scheduler(_optimizer(), "cosine()", total=10)
    with pathlib.Path("/proc/self/statm").open(encoding="ascii") as file:
        present = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (present + MEGABYTES * 2**20,) * 2)
    resolved = 0
    for _, (line, run) in zip(range(count), lines(seed), strict=False):
        several: list[tuple[str, Callable[[], object]]] = []

        def read(line: str = line, run: dict[str, Any] = run, several: list[Any] = several) -> None:
            several.extend(operations(line, run))

        if problem := _problem(read):
            print(f"parse and resolve: {problem}: {line} {run}")
        for name, operation in several:
            if problem := _problem(operation):
                print(f"{name}: {problem}: {line} {run}")
        resolved += bool(several)
    print(f"{resolved} of {count} lines are resolved")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
