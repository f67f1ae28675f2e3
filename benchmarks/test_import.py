"""What `import paramsched` costs over NumPy."""

import os
import subprocess
import sys

ROUNDS = 9
LIMIT = 60.0  # ms


def _children() -> float:
    """Processor time of the processes that have ended, in seconds."""
    spent = os.times()
    return spent.children_user + spent.children_system


def test_import(told):
    best = {"numpy": float("inf"), "paramsched": float("inf")}
    for _ in range(ROUNDS):
        for name in best:
            begin = _children()
            subprocess.run([sys.executable, "-c", f"import {name}"], check=True)
            best[name] = min(best[name], (_children() - begin) * 1e3)

    told(
        "import paramsched, more than numpy, vs 60 ms", best["paramsched"] - best["numpy"], LIMIT, target=1.0, unit="ms"
    )
