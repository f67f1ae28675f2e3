"""The log of a run: the values read from the optimizer just before each of its steps, and the metrics."""

import hashlib
import json
import os
from collections.abc import Callable
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import torch

import paramsched as ps
from folder import Damaged
from paramsched.show import Log, LoggedRun

Key = tuple[str, int | str]
Series = tuple[np.ndarray, np.ndarray]


class Record:
    """One line for each update: `{"t": 17, "loss": 0.31, "groups": [{"lr": ..., ...}, ...]}`.

    It reads neither plan nor scheduler: `t` counts the lines, and the values come from the optimizer.
    """

    def __init__(self, file: Path, fields: tuple[str, ...], *, kept: bytes) -> None:
        """Continue `file` after its first bytes, `kept`; the updates after the checkpoint happen again."""
        self.fields = fields
        self.t = kept.count(b"\n")
        self.latest: list[dict[str, float]] = []
        self._written = hashlib.sha256(kept)
        file.touch()
        os.truncate(file, len(kept))  # in place, so that a kill at this moment loses none of it
        self._stream = file.open("a", encoding="utf-8", newline="\n")

    def watch(self, optimizer: torch.optim.Optimizer) -> None:
        """Read the values of `optimizer` before every step."""
        optimizer.register_step_pre_hook(lambda stepped, _args, _kwargs: self._read(stepped))

    def _read(self, optimizer: torch.optim.Optimizer) -> None:
        self.latest = [{field: entry(group, field) for field in self.fields} for group in optimizer.param_groups]

    def write(self, **metrics: float) -> None:
        """Write the line of the update whose step just ended."""
        line = json.dumps({"t": self.t, **metrics, "groups": self.latest}) + "\n"
        self._stream.write(line)
        self._written.update(line.encode())
        self.t += 1

    def flush(self) -> str:
        """Write the lines, so that they survive a kill; return the SHA-256 of all of them."""
        self._stream.flush()
        return self._written.hexdigest()


def entry(group: dict[str, Any], field: str) -> float:
    """Read `lr`, `betas[0]` or another number of a param group; `momentum` is `betas[0]` if the group has betas."""
    if field == "momentum" and "betas" in group:
        field = "betas[0]"
    name, _, index = field.rstrip("]").partition("[")
    return float(group[name][int(index)] if index else group[name])


def first_lines(file: Path, lines: int, digest: str | None) -> bytes:
    """Return the lines of `file` up to a checkpoint.

    Args:
        file: the log.
        lines: the number of updates before the checkpoint.
        digest: the SHA-256 of these lines; None if the checkpoint does not contain it.
    """
    found = file.read_bytes().splitlines(keepends=True)[:lines] if file.exists() else []
    if len(found) < lines or not all(line.endswith(b"\n") for line in found):
        raise Damaged(f"{file} is damaged: {len(found)} lines, and the checkpoint was written after update {lines}")
    kept = b"".join(found)
    if digest not in (None, hashlib.sha256(kept).hexdigest()):
        raise Damaged(f"{file} is damaged: its first {lines} lines have changed since the run wrote them")
    return kept


def read(file: Path, keys: tuple[Key, ...], names: list[str]) -> LoggedRun:
    """Return the logged run: the values of each field and group in `keys`, the loss and the accuracy.

    Args:
        file: the log.
        keys: fields and groups, as in a trace.
        names: the names of the groups, in order.
    """
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]

    def series(rows: list[dict[str, Any]], value: Callable[[dict[str, Any]], float]) -> Series:
        return np.array([row["t"] for row in rows]), np.array([value(row) for row in rows])

    def used(field: str, group: int | str) -> Series:
        index = names.index(group) if isinstance(group, str) else group
        return series(lines, lambda row: row["groups"][index][field])

    metrics = {name: [row for row in lines if name in row] for name in ("loss", "accuracy")}
    return LoggedRun(
        used={(field, group): used(field, group) for field, group in keys},
        measured={name: series(rows, itemgetter(name)) for name, rows in metrics.items() if rows},
    )


def agreeing(trace: ps.extend.Trace, log: Log) -> int:
    """Count the updates that used exactly the planned values, in every field of every group."""
    equal = [trace[key] == np.asarray(values)[: trace.total] for key, (_, values) in log.items()]
    return int(np.all(equal, axis=0).sum())
