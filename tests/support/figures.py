"""The figures of the long runs: how much was tried, and what was found. `docs/how-we-test.md` shows them.

A test that tries many cases calls `record`. The figure is written only when PARAMSCHED_FIGURES=1, so that an
ordinary run changes no file.
"""

import json
import os
from pathlib import Path

FILE = Path(__file__).parents[2] / "docs" / "figures.json"


def record(run: str, *, tried: int, failed: int = 0, what: str) -> None:
    """Write down that `run` tried so many cases and so many of them failed; `what` names the cases."""
    if os.environ.get("PARAMSCHED_FIGURES") != "1":
        return
    figures = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    figures[run] = {"what": what, "tried": tried, "failed": failed}
    text = json.dumps(dict(sorted(figures.items())), indent=2, ensure_ascii=False) + "\n"
    scratch = FILE.with_suffix(".tmp")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(FILE)
