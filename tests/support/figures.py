"""The figures of the long runs: the number of tried and failed cases. `tests/README.md` shows them.

A test that tries many cases calls `record`. The figure is written only when PARAMSCHED_FIGURES=1, so that an
ordinary run changes no file.
"""

import fcntl
import json
import os
from pathlib import Path
from typing import Any

ROOM = Path(__file__).parents[1]
DATA, PAGE = ROOM / "support" / "figures.json", ROOM / "README.md"
BEGIN, END = "<!-- the table below is written by the runs -->\n", "<!-- end of the table -->\n"


def record(run: str, *, tried: int, failed: int = 0, what: str) -> None:
    """Record the numbers of tried and failed cases of `run`; `what` describes the cases."""
    if os.environ.get("PARAMSCHED_FIGURES") != "1":
        return
    with DATA.with_suffix(".lock").open("w") as lock:  # several workers may finish at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        figures = json.loads(DATA.read_text(encoding="utf-8")) if DATA.exists() else {}
        figures[run] = {"what": what, "tried": tried, "failed": failed}
        _replace(DATA, json.dumps(dict(sorted(figures.items())), indent=2, ensure_ascii=False) + "\n")
        _replace(PAGE, with_table(PAGE.read_text(encoding="utf-8"), figures))


def with_table(page: str, figures: dict[str, Any]) -> str:
    """Return the page with the old table replaced by a table of these figures."""
    before, rest = page.split(BEGIN)
    rows = [f"| {run} | {one['what']} | {one['tried']:,} | {one['failed']:,} |" for run, one in sorted(figures.items())]
    table = "\n".join(["| run | what is tried | tried | failed |", "|---|---|---|---|", *rows])
    return f"{before}{BEGIN}\n{table}\n\n{END}{rest.split(END)[1]}"


def _replace(file: Path, text: str) -> None:
    scratch = file.with_suffix(".tmp")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(file)
