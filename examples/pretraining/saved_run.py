"""The files of a run: a checkpoint that is complete at any moment, and a log of the values that every update used.

A checkpoint contains the length and the SHA-256 of the log. After a kill the log is truncated to the checkpoint, and
the updates after it are repeated with the same results.
"""

import hashlib
import io
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
import torch

VERSION = 1

State = dict[str, Any]
Key = tuple[str, int | str]
Series = tuple[np.ndarray, np.ndarray]


class Damaged(Exception):  # it reads better in `except`
    """A file of the run has changed since the run wrote it; the message names the file."""


class RunFolder:
    """`runs/pretraining` and its files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoint = path / "checkpoint.pt"
        self.values = path / "values.jsonl"
        self.plan = path / "plan.yaml"
        self.report = path / "report.html"

    @property
    def has_run(self) -> bool:
        """True if a run has started here."""
        return self.values.exists()

    def clear(self) -> None:
        """Delete the files of the previous run, the checkpoint first: without it a run starts at update 0."""
        for file in (self.checkpoint, self.plan, self.report):
            file.unlink(missing_ok=True)
        self.path.mkdir(parents=True, exist_ok=True)
        self.values.touch()

    def save(self, state: State, log: "ValuesLog") -> None:
        """Flush the log, then write a checkpoint, because the log must contain all updates before it."""
        buffer = io.BytesIO()
        torch.save(state | {"version": VERSION, "log": log.written()}, buffer)
        part = self.checkpoint.with_name("checkpoint.part")
        part.write_bytes(buffer.getvalue())
        part.replace(self.checkpoint)  # a kill leaves the old file or the new one

    def read(self) -> tuple[State | None, bytes]:
        """Return the last checkpoint, or None, and the log up to it. Raises Damaged if a file has changed."""
        if not self.checkpoint.exists():
            return None, b""
        try:
            with ZipFile(self.checkpoint) as parts:  # because torch.load does not check the checksums
                if damaged := parts.testzip():
                    raise BadZipFile(f"wrong checksum of {damaged}")
            state: State = torch.load(self.checkpoint, weights_only=True)
        except Exception as error:  # noqa: BLE001  # because zipfile and torch raise a dozen types
            raise Damaged(f"{self.checkpoint} is damaged: reading it raised {type(error).__name__}") from None
        length, digest_of_log = state["log"]
        kept = self.values.read_bytes()[:length]
        if hashlib.sha256(kept).hexdigest() != digest_of_log:
            raise Damaged(f"{self.values} is damaged: its first {length} bytes have changed since the run wrote them")
        return state, kept


class ValuesLog:
    """One line for each update: `{"t": 17, "tokens": 4352, "batch_size": 4, "groups": [{"lr": …}, …]}`.

    It reads neither plan nor scheduler: `t` counts the lines, and the values come from the optimizer.
    """

    def __init__(self, file: Path, *, kept: bytes) -> None:
        """Continue `file` after its first bytes, `kept`; the updates after the checkpoint happen again."""
        self.t = kept.count(b"\n")
        self._length, self._digest = len(kept), hashlib.sha256(kept)
        os.truncate(file, len(kept))  # in place, so that a kill at this moment loses none of it
        self._file, self._stream = file, file.open("ab")

    def write(self, optimizer: torch.optim.Optimizer, **of_the_batch: int) -> dict[str, float]:
        """Write the values for the next step of the optimizer. Return those of the first group."""
        groups = [{"lr": group["lr"], "weight_decay": group["weight_decay"]} for group in optimizer.param_groups]
        line = json.dumps({"t": self.t} | of_the_batch | {"groups": groups}).encode() + b"\n"
        self._stream.write(line)
        self._length += len(line)
        self._digest.update(line)
        self.t += 1
        return groups[0]

    def written(self) -> tuple[int, str]:
        """Write the lines, so that no kill loses them. Return the number of bytes and their SHA-256."""
        self._stream.flush()
        return self._length, self._digest.hexdigest()

    def read(self, keys: Iterable[Key], names: list[int | str]) -> dict[Key, Series]:
        """Return times and values of each field and group in `keys`. `names` are the groups' names in order."""
        self._stream.flush()
        lines = [json.loads(line) for line in self._file.read_bytes().splitlines()]
        t = np.array([line["t"] for line in lines])
        return {
            (field, group): (
                t,
                np.array([line[field] if group == "" else line["groups"][names.index(group)][field] for line in lines]),
            )
            for field, group in keys
        }
