"""What `import paramsched` costs over NumPy, and what it costs together with a first plan."""

import os
import subprocess
import sys

import pytest

ROUNDS = 9


@pytest.mark.parametrize(
    ("name", "code", "limit"),
    [
        ("import paramsched", "import paramsched", 60.0),
        ("import and a first plan", "import paramsched as ps; ps.Plan(lr=ps.warmup('5%') >> ps.cosine())", 300.0),
    ],
)
def test_import(told, name, code, limit):
    best = {"import numpy": float("inf"), code: float("inf")}
    for _ in range(ROUNDS):
        for program in best:
            begin = _children()
            subprocess.run([sys.executable, "-c", program], check=True)
            best[program] = min(best[program], (_children() - begin) * 1e3)

    told(f"{name}, more than numpy, vs {limit:g} ms", best[code] - best["import numpy"], limit, target=1.0, unit="ms")


def _children() -> float:
    """Processor time of the processes that have ended, in seconds."""
    spent = os.times()
    return spent.children_user + spent.children_system
