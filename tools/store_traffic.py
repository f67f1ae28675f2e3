"""Write the figures of docs/how-to/several-machines.md: python tools/store_traffic.py

Two ranks of a job train in this process, one after the other, with a store that counts its operations and a clock that
the script advances. All ranks but the first do the same, so the figures of a job follow from these two.
"""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
import torch.distributed as dist

import paramsched as ps
from paramsched.core.files.plan_files import PlanText
from paramsched.core.run.ranks import Ranks

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "several-machines.md"
BEGIN, END = "<!-- tools/store_traffic.py writes these tables -->\n", "<!-- end of the tables -->\n"
SIZES = (8, 1000, 16_000)
UPDATES, SECONDS = 2000, 0.5  # the updates of the run, and the duration of each
CLOCKS = {
    "updates": "updates, or amounts from the run facts",
    "tokens": "reported tokens or samples",
    "progress": "reported progress",
    "stop_before": "`stop_before`",
    "stop_on": "`stop_on`",
}


@dataclass
class Counts:
    """What one rank does in the run: store operations at each update, reads of files, and lines by level."""

    operations: list[int] = field(default_factory=list)
    files: int = 0
    lines: dict[str, int] = field(default_factory=lambda: {"WARNING": 0, "INFO": 0})


class World:
    """The ranks of a job of `size` processes, of which some run in this process, one after another."""

    def __init__(self, size: int) -> None:
        self.size, self.rank, self.now, self.store = size, 0, 1_800_000_000.0, dist.HashStore()
        self.count, self.counts = 0, {0: Counts(), 1: Counts(), 2: Counts()}

    def __getattr__(self, name: str) -> Any:
        """Return a function of the store that counts its calls."""
        function = getattr(self.store, name)

        def call(*arguments: Any) -> Any:
            self.count += 1
            return function(*arguments)

        return call

    def emit(self, record: logging.LogRecord) -> None:
        self.counts[self.rank].lines[record.levelname] += 1

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Let the code of this process run as the ranks."""
        loaded = PlanText.loaded

        def counted(file: PlanText, *options: Any) -> Any:
            self.counts[self.rank].files += 1
            return loaded(file, *options)

        log, handler = logging.getLogger("paramsched"), logging.Handler()
        handler.emit = self.emit  # type: ignore[method-assign]
        with ExitStack() as stack:
            for owner, name, value in (
                (Ranks, "here", lambda: Ranks(self.rank, self, "paramsched")),
                (dist, "is_initialized", lambda: True),
                (dist, "get_backend", lambda *_: ""),
                (dist, "get_world_size", lambda *_: self.size),
                (dist, "get_rank", lambda *_: self.rank),
                (time, "time", lambda: self.now),
                (time, "monotonic", lambda: self.now),
                (PlanText, "loaded", counted),
                (log, "handlers", [handler]),
                (log, "propagate", False),
            ):
                stack.enter_context(patch.object(owner, name, value))
            stack.callback(log.setLevel, log.level)
            log.setLevel(logging.INFO)  # it also clears the logger's cache of enabled levels
            yield


def counted_run(clock: str, size: int) -> dict[int, Counts]:
    """Train with three ranks of a job on a clock; return the counts of each of them."""
    world, end = World(size), UPDATES * SECONDS
    with world.entered():
        unit = "updates" if clock in ("stop_before", "stop_on") else clock
        plan: Any = ps.Plan(lr="linear(1, 0)", clock=unit)
        if clock != "progress":
            amount = {"updates": UPDATES, "tokens": f"{UPDATES} tokens"}[unit]
            plan = ps.Plan(lr="linear(1, 0)", clock=unit, horizon=amount)
        facts: dict[str, Any] = {
            "stop_before": {"stop_before": f"in {end + SECONDS} s"},
            "stop_on": {"stop_on": "SIGTERM"},
        }.get(clock, {})
        schedulers = {}
        for rank in world.counts:
            world.rank = rank
            optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
            schedulers[rank] = ps.Scheduler(optimizer, plan, **facts)
        for t in range(UPDATES):
            world.now += SECONDS
            for rank, scheduler in schedulers.items():
                world.rank, before = rank, world.count
                if clock == "tokens":
                    scheduler.consumed(tokens=1)
                elif clock == "progress":
                    scheduler.report(progress=t / UPDATES)
                scheduler.optimizer.step()
                world.counts[rank].operations.append(world.count - before)
            if schedulers[0].should_stop:
                break
    return world.counts


def tables() -> str:
    """Return the tables of the page."""
    runs = {clock: {size: counted_run(clock, size) for size in SIZES} for clock in CLOCKS}
    rows = ["| the plan uses | rank 0 | another rank | files | INFO lines | warnings |", "|---|---|---|---|---|---|"]
    for clock, what in CLOCKS.items():
        first, other, _ = runs[clock][8].values()
        per_rank = [f"{1000 * sum(one.operations) / len(one.operations):.3g}" for one in (first, other)]
        files = f"{first.files} and {other.files}"
        lines, warnings = (f"{first.lines[level]} and {other.lines[level]}" for level in ("INFO", "WARNING"))
        rows.append(f"| {what} | {' | '.join(per_rank)} | {files} | {lines} | {warnings} |")
    sizes = " | ".join(f"{size:,} ranks" for size in SIZES)
    rows += ["", f"| the plan uses | {sizes} |", f"|---|{'---|' * len(SIZES)}"]
    for clock, what in CLOCKS.items():
        cells = []
        for size in SIZES:
            first, other, third = runs[clock][size].values()
            mean = (sum(first.operations) + (size - 1) * sum(other.operations)) / len(first.operations)
            used = [{t for t, count in enumerate(one.operations) if count and t > 1} for one in (other, third)]
            once = 0 if not used[0] else size if used[0] & used[1] else -(-size // 64)
            cells.append(f"{mean:,.3g}; {once:,}" if mean < 1000 else f"{mean:,.0f}; {once:,}")
        rows.append(f"| {what} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def with_tables(page: str) -> str:
    """Return a page with its tables computed again."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{tables()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    new = with_tables(PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(new, encoding="utf-8")
    sys.stdout.write(new)
