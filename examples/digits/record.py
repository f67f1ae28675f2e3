"""The log of what was really used, read from the optimizer just before each of its steps."""

import json
import os
from pathlib import Path

import numpy as np
import torch

import paramsched as ps

Key = tuple[str, int | str]
Series = tuple[np.ndarray, np.ndarray]


class Record:
    """One line for each update: `{"t": 17, "groups": [{"lr": ..., ...}, ...]}`.

    Knows neither plan nor scheduler: `t` counts the lines, the values are the optimizer's.
    """

    def __init__(self, file: Path, fields: tuple[str, ...], *, lines: int) -> None:
        """Continue `file` after its first `lines` lines: what came after the checkpoint happens again."""
        self.fields = fields
        self.t = lines
        self.latest: list[dict[str, float]] = []
        keep_lines(file, lines)
        self._stream = file.open("a")

    def watch(self, optimizer: torch.optim.Optimizer) -> None:
        """Write a line before every step of `optimizer`."""
        optimizer.register_step_pre_hook(lambda stepped, _args, _kwargs: self._write(stepped))

    def _write(self, optimizer: torch.optim.Optimizer) -> None:
        self.latest = [{field: entry(group, field) for field in self.fields} for group in optimizer.param_groups]
        self._stream.write(json.dumps({"t": self.t, "groups": self.latest}) + "\n")
        self.t += 1

    def flush(self) -> None:
        """Hand the lines to the system, which keeps them when this process is killed."""
        self._stream.flush()


def entry(group: dict, field: str) -> float:
    """Read `lr`, `betas[0]` or another number of a param group; `momentum` is `betas[0]` where there are betas."""
    if field == "momentum" and "betas" in group:
        field = "betas[0]"
    name, _, index = field.rstrip("]").partition("[")
    return float(group[name][int(index)] if index else group[name])


def keep_lines(file: Path, lines: int) -> None:
    """Cut `file` after its first `lines` lines, in place, so that a kill in between loses none of them."""
    file.touch()
    with file.open("rb") as stream:
        kept = [len(line) for _, line in zip(range(lines), stream, strict=False)]
    if len(kept) < lines:
        raise ValueError(f"{file}: {len(kept)} lines, but the checkpoint stands after update {lines}. Start over.")
    os.truncate(file, sum(kept))


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
