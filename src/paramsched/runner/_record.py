"""The log of what was really used: read from the optimizer just before each of its steps."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO, final

from torch.optim import Optimizer

from paramsched.errors import StateError
from paramsched.fields import Field
from paramsched.runner._updates import watch_updates


@final
class Record:
    """Writes `values.jsonl` and `metrics.jsonl`; knows neither plan nor scheduler.

    Args:
        folder: where they are; None writes nothing (processes other than the main one).
        lines: of each file what is kept: what came after a checkpoint happens again.
    """

    def __init__(self, folder: Path | None, lines: dict[str, int]) -> None:
        self.lines = dict(lines)
        self.latest: dict[str, list[dict[str, float]]] = {}
        self._waiting: list[dict[str, Any]] = []
        self._stops: list[Callable[[], None]] = []
        self._files: dict[str, TextIO] = {}
        if folder is not None:
            for name, kept in self.lines.items():
                file = folder / f"{name}.jsonl"
                keep_lines(file, kept)
                self._files[name] = file.open("a", encoding="utf-8")

    def watch(self, optimizer: Optimizer, fields: tuple[str, ...], name: str, updates: int) -> None:
        """Note these fields of every group at each update of an optimizer, which has taken `updates` so far."""
        t = updates
        found: list[dict[str, float]] = []

        def before(stepped: Any) -> None:
            found[:] = [read(group, fields) for group in stepped.param_groups]

        def after() -> None:
            nonlocal t
            self.latest[name] = list(found)
            whose = {"optimizer": name} if name else {}
            self._waiting.append({"t": t} | whose | {"groups": self.latest[name]})
            t += 1

        self._stops.append(watch_updates(optimizer, before, after))

    def flush(self, *, epoch: int, iteration: int, loss: float | None) -> None:
        """Write the updates of this iteration, and hand them to the system, which keeps them if the process dies."""
        for line in self._waiting:
            self._write("values", line | {"epoch": epoch, "iter": iteration} | ({} if loss is None else {"loss": loss}))
        self._waiting.clear()

    def metrics(self, *, epoch: int, iteration: int, metrics: dict[str, float]) -> None:
        """Write a validation."""
        self._write("metrics", {"epoch": epoch, "iter": iteration} | metrics)

    def close(self) -> dict[str, int]:
        """Stop; returns how many lines there are."""
        for stop in self._stops:
            stop()
        for file in self._files.values():
            file.close()
        return self.lines

    def _write(self, name: str, line: dict[str, Any]) -> None:
        self.lines[name] += 1
        if name in self._files:
            self._files[name].write(json.dumps(line) + "\n")
            self._files[name].flush()


def read(group: dict[str, Any], fields: tuple[str, ...]) -> dict[str, float]:
    """The fields that a group has, as numbers."""
    found = {}
    for name in fields:
        field = Field.of(name)
        if name == "momentum" and "betas" in group:
            field = Field.of("betas[0]")
        if field.key in group:
            found[name] = float(field.read(group))
    return found


def keep_lines(file: Path, lines: int) -> None:
    """Cut a file after its first lines, in place, so that a kill in between loses none of them.

    Raises:
        StateError: it has fewer.
    """
    file.touch()
    with file.open("rb") as stream:
        kept = [len(line) for _, line in zip(range(lines), stream, strict=False)]
    if len(kept) < lines:
        raise StateError(
            f"{file}: {len(kept)} lines, but the checkpoint was saved after {lines}. Start over, or bring it back"
        )
    os.truncate(file, sum(kept))
