"""Print the files that a plain run executes at its start, in an update and at a resume, and how many lines.

    python tools/executed_files.py [--write | --walks]

`--write` replaces the tables in docs/contributing/how-it-works.md. The files are in the order of their first call.
`--walks` prints the lines and files of each walk as JSON; `tests/whole/test_walks.py` compares them with the page.
"""

import json
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


GREW = {
    "an attach": "lines, a resolved plan and values have files of their own; all rules look at one array of values",
    "a save": "the first save makes the history of the run, with its facts; a start did this before",
    "a load of the optimizer": "the first load makes the history of the run, as a save does",
    "a load of the Scheduler's state": "a state is read by the code that reads a checkpoint",
}
"""Why a walk is longer than it was in 1.0.0rc3. A walk that grows needs a reason here."""


def walked_in(action: Callable[[], object]) -> dict[str, int]:
    """Return the number of lines of the library that are executed, and that of their files."""
    lines = set[tuple[str, int]]()

    def note(frame: object, event: str, _: object) -> object:
        code = frame.f_code  # type: ignore[attr-defined]
        if not code.co_filename.startswith(str(LIBRARY)):
            return None
        if event == "line":
            lines.add((code.co_filename, frame.f_lineno))  # type: ignore[attr-defined]
        return note

    sys.settrace(note)  # type: ignore[arg-type]
    try:
        action()
    finally:
        sys.settrace(None)
    return {"lines": len(lines), "files": len({file for file, _ in lines})}


def walks() -> dict[str, dict[str, int]]:
    """Return the walks of a run of SGD with one group, after a first run has filled the caches."""

    def made() -> tuple[torch.optim.Optimizer, ps.Scheduler]:
        one = torch.nn.Parameter(torch.ones(2))
        one.grad = torch.ones(2)
        optimizer = torch.optim.SGD([one], lr=0.1)
        return optimizer, ps.Scheduler(optimizer, "cosine()", total=5)

    for _ in range(2):
        optimizer, scheduler = made()
        optimizer.step()
        states = optimizer.state_dict(), scheduler.state_dict()
        for one, state in zip(made(), states, strict=True):
            one.load_state_dict(state)
    (optimizer, _), (of_optimizer, _), (_, of_scheduler) = made(), made(), made()
    optimizer.step()
    return {
        "an attach": walked_in(made),
        "a step": walked_in(optimizer.step),
        "a save": walked_in(optimizer.state_dict),
        "a load of the optimizer": walked_in(lambda: of_optimizer.load_state_dict(states[0])),
        "a load of the Scheduler's state": walked_in(lambda: of_scheduler.load_state_dict(states[1])),
    }


def table_of_walks() -> str:
    """Return the table of the walks, with the reasons for those that grew."""
    rows = ["| of one group | lines | files | why it grew |", "|---|---|---|---|"]
    rows += [f"| {name} | {one['lines']:,} | {one['files']} | {GREW.get(name, '')} |" for name, one in walks().items()]
    return "\n".join(rows) + "\n"


def table() -> str:
    """Return the table of the page. Each file is in the first part that executes it."""
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
        tables = f"{table_of_walks()}\n{table()}"
        PAGE.write_text(f"{before}{BEGIN}\n{tables}\n{END}{rest.split(END)[1]}", encoding="utf-8")
    elif "--walks" in sys.argv:
        print(json.dumps(walks()))
    else:
        print(table_of_walks())
        print(table())


if __name__ == "__main__":
    main()
