"""Print the files that a plain run executes at its start, in an update and at a resume.

    python tools/executed_files.py [--write]

`--write` replaces the table in docs/contributing/how-it-works.md. The files are in the order of their first call.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import torch

import paramsched as ps

ROOT = Path(__file__).parents[1]
LIBRARY = Path(ps.__file__).parent
PAGE = ROOT / "docs" / "contributing" / "how-it-works.md"
BEGIN, END = "<!-- written by tools/executed_files.py -->\n", "<!-- end of the table -->\n"


def files_called_in(action: Callable[[], object]) -> list[str]:
    """Return the files of the library with a function that is called, in the order of their first call."""
    called: dict[str, None] = {}

    def note(frame: object, event: str, _: object) -> None:
        if event == "call":
            called.setdefault(frame.f_code.co_filename)  # type: ignore[attr-defined]

    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(None)
    return [Path(one).relative_to(LIBRARY).as_posix() for one in called if one.startswith(str(LIBRARY))]


def executed_files() -> dict[str, list[str]]:
    """Return the files of each part of a run of AdamW with two groups, whose lr and weight decay are planned."""
    plan = ps.Plan(lr="warmup(10) >> cosine(to=0.1)", weight_decay="linear(1, 0.5)", horizon=5000)

    def made() -> torch.optim.Optimizer:
        one, other = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
        return torch.optim.AdamW([{"params": [one]}, {"params": [other], "lr": 0.02}], lr=0.01)

    def train(optimizer: torch.optim.Optimizer, updates: int) -> None:
        for _ in range(updates):
            for group in optimizer.param_groups:
                group["params"][0].grad = torch.ones(2)
            optimizer.step()

    def resume() -> None:
        again.load_state_dict(states[0])
        scheduler.load_state_dict(states[1])

    first = made()
    scheduler = ps.Scheduler(first, plan)  # imports what the others would import
    train(first, 3)
    states = first.state_dict(), scheduler.state_dict()
    optimizer = made()
    start = files_called_in(lambda: ps.Scheduler(optimizer, plan))
    train(optimizer, 1)
    update = files_called_in(lambda: train(optimizer, 3000))  # also the end of a block of values
    again = made()
    scheduler = ps.Scheduler(again, plan)
    return {"an update": update, "a start": start, "a resume": files_called_in(resume)}


def table() -> str:
    """Return the table of the page. A file stands in the first part that executes it."""
    rows, above = ["| executed in | files |", "|---|---|"], set[str]()
    for part, files in executed_files().items():
        new = [one.removeprefix("core/") for one in files if one not in above]
        rows.append(f"| {'' if not above else 'besides, '}{part} | {', '.join(f'`{one}`' for one in new)} |")
        above.update(files)
    return "\n".join(rows) + "\n"


def main() -> None:
    """Print the table, or write it into the page."""
    if "--write" in sys.argv:
        before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}", encoding="utf-8")
    else:
        print(table())


if __name__ == "__main__":
    main()
