"""The log of what was really used, read from the optimizer just before each of its steps."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import torch

import paramsched as ps
from folder import Damaged

Key = tuple[str, int | str]
Series = tuple[np.ndarray, np.ndarray]


class Record:
    """One line for each update: `{"t": 17, "groups": [{"lr": ..., ...}, ...]}`.

    Knows neither plan nor scheduler: `t` counts the lines, the values are the optimizer's.
    """

    def __init__(self, file: Path, fields: tuple[str, ...], *, kept: bytes) -> None:
        """Continue `file` after what is `kept` of it: what came after the checkpoint happens again."""
        self.fields = fields
        self.t = kept.count(b"\n")
        self.latest: list[dict[str, float]] = []
        self._written = hashlib.sha256(kept)
        file.touch()
        os.truncate(file, len(kept))  # in place, so that a kill in between loses none of it
        self._stream = file.open("a", newline="\n")

    def watch(self, optimizer: torch.optim.Optimizer) -> None:
        """Write a line before every step of `optimizer`."""
        optimizer.register_step_pre_hook(lambda stepped, _args, _kwargs: self._write(stepped))

    def _write(self, optimizer: torch.optim.Optimizer) -> None:
        self.latest = [{field: entry(group, field) for field in self.fields} for group in optimizer.param_groups]
        line = json.dumps({"t": self.t, "groups": self.latest}) + "\n"
        self._stream.write(line)
        self._written.update(line.encode())
        self.t += 1

    def flush(self) -> str:
        """Put the lines on the disk, where a kill or a power cut leaves them; return the SHA-256 of all of them."""
        self._stream.flush()
        os.fsync(self._stream.fileno())
        return self._written.hexdigest()


def entry(group: dict, field: str) -> float:
    """Read `lr`, `betas[0]` or another number of a param group; `momentum` is `betas[0]` where there are betas."""
    if field == "momentum" and "betas" in group:
        field = "betas[0]"
    name, _, index = field.rstrip("]").partition("[")
    return float(group[name][int(index)] if index else group[name])


def first_lines(file: Path, lines: int, digest: str | None) -> bytes:
    """Return what of `file` stands before a checkpoint, whose SHA-256 is `digest` where the checkpoint knows it."""
    found = file.read_bytes().splitlines(keepends=True)[:lines] if file.exists() else []
    if len(found) < lines or not all(line.endswith(b"\n") for line in found):
        raise Damaged(f"{file} is damaged: {len(found)} lines, and the checkpoint stands after update {lines}")
    kept = b"".join(found)
    if digest not in (None, hashlib.sha256(kept).hexdigest()):
        raise Damaged(f"{file} is damaged: its first {lines} lines are not those that the run wrote")
    return kept


def read(file: Path, keys: tuple[Key, ...], names: list[str]) -> dict[Key, Series]:
    """Return times and values of each field and group in `keys`; `names` are those of the groups, in order."""
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    t = np.array([line["t"] for line in lines])

    def values(field: str, group: int | str) -> np.ndarray:
        index = names.index(group) if isinstance(group, str) else group
        return np.array([line["groups"][index][field] for line in lines])

    return {(field, group): (t, values(field, group)) for field, group in keys}


def agreeing(trace: ps.Trace, log: dict[Key, Series]) -> int:
    """Count the updates that used exactly what was planned, in every field of every group."""
    equal = [trace[key] == values[: trace.total] for key, (_, values) in log.items()]
    return int(np.all(equal, axis=0).sum())
