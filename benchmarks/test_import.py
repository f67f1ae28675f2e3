"""The cost of `import paramsched`, which imports NumPy and the public names, and of a first plan, beside NumPy."""

import resource
import subprocess
import sys

import pytest

ROUNDS = 15


@pytest.mark.parametrize(
    ("name", "code", "target"),
    [
        ("import paramsched", "import paramsched", 1.6),
        ("import and a first schedule", "import paramsched as ps; ps.cosine()", 1.6),
        ("import and a first plan", "import paramsched as ps; ps.Plan(lr=ps.warmup('5%') >> ps.cosine())", 2.2),
    ],
)
def test_import(report, name, code, target):
    best = {"import numpy": float("inf"), code: float("inf")}
    for _ in range(ROUNDS):
        for program in best:
            start = _children()
            subprocess.run([sys.executable, "-c", program], check=True)
            best[program] = min(best[program], (_children() - start) * 1e3)

    report(f"{name}, vs import numpy", best[code], best["import numpy"], target=target, unit="ms")


def _children() -> float:
    """Return the processor time of the finished child processes, in seconds."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)  # in microseconds; `os.times` counts in hundredths of a second
    return spent.ru_utime + spent.ru_stime
