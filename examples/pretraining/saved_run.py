"""The files of a run: a checkpoint that is whole at any moment, and a log of what every update really used.

A checkpoint knows how long the log was, and its SHA-256. So after a kill the log is cut back to the checkpoint, and the
updates after it happen again in the same way.
"""

import hashlib
import io
import json
import os
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
import torch

from paramsched.run_files.disk import flush_path, replace_bytes
from paramsched.run_files.folder_lock import FolderLock

VERSION = 1

State = dict[str, Any]
Key = tuple[str, int | str]
Series = tuple[np.ndarray, np.ndarray]


class Damaged(Exception):  # it reads better in `except`
    """A file of the run is not as the run left it; what the error says names it."""


class RunFolder:
    """`runs/pretraining` and what is in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoint = path / "checkpoint.pt"
        self.values = path / "values.jsonl"
        self.plan = path / "plan.yaml"
        self.report = path / "report.html"
        self._lock = FolderLock(path)

    def locked(self) -> AbstractContextManager[None]:
        """Keep other processes out. The system lets go of the lock when this one ends, also by `kill -9`."""
        return self._lock.hold()

    @property
    def has_run(self) -> bool:
        """Whether a run began here."""
        return self.values.exists()

    def clear(self) -> None:
        """Clear away the run before, its checkpoint first: without it a run begins at update 0."""
        for file in (self.checkpoint, self.plan, self.report):
            file.unlink(missing_ok=True)
        flush_path(self.path)
        self.values.touch()

    def save(self, state: State, log: "ValuesLog") -> None:
        """Write a checkpoint, behind the log, which must never be shorter than it says."""
        buffer = io.BytesIO()
        torch.save(state | {"version": VERSION, "log": log.on_disk()}, buffer)
        replace_bytes(self.checkpoint, buffer.getvalue())  # a kill or a power cut leaves the old file or the new one

    def read(self) -> tuple[State | None, bytes]:
        """Return the last checkpoint, None where there is none yet, and the log before it; nothing has changed."""
        if not self.checkpoint.exists():
            return None, b""
        try:
            with ZipFile(self.checkpoint) as parts:  # torch.load does not look at their checksums
                if damaged := parts.testzip():
                    raise BadZipFile(f"{damaged} has another checksum")
            state: State = torch.load(self.checkpoint, weights_only=True)
        except Exception as error:  # noqa: BLE001  # zipfile and torch raise a dozen kinds, and all mean this
            raise Damaged(f"{self.checkpoint} is damaged: {type(error).__name__} while it is read") from None
        length, digest_of_log = state["log"]
        kept = self.values.read_bytes()[:length]
        if hashlib.sha256(kept).hexdigest() != digest_of_log:
            raise Damaged(f"{self.values} is damaged: its first {length} bytes are not those that the run wrote")
        return state, kept


class ValuesLog:
    """One line for each update: `{"t": 17, "tokens": 4352, "batch_size": 4, "groups": [{"lr": …}, …]}`.

    It knows neither plan nor scheduler: `t` counts the lines, the values are those in the optimizer's groups.
    """

    def __init__(self, file: Path, *, kept: bytes) -> None:
        """Go on after what is `kept` of the file: what came after the checkpoint happens again."""
        self.t = kept.count(b"\n")
        self._length, self._digest = len(kept), hashlib.sha256(kept)
        os.truncate(file, len(kept))  # in place, so that a kill in between loses none of it
        self._file, self._stream = file, file.open("ab")

    def write(self, optimizer: torch.optim.Optimizer, **of_the_batch: int) -> dict[str, float]:
        """Add what the coming step of the optimizer will use; return it for the first group."""
        groups = [{"lr": group["lr"], "weight_decay": group["weight_decay"]} for group in optimizer.param_groups]
        line = json.dumps({"t": self.t} | of_the_batch | {"groups": groups}).encode() + b"\n"
        self._stream.write(line)
        self._length += len(line)
        self._digest.update(line)
        self.t += 1
        return groups[0]

    def on_disk(self) -> tuple[int, str]:
        """Put the lines on the disk, where a kill leaves them; return how many bytes, and their SHA-256."""
        self._stream.flush()
        os.fsync(self._stream.fileno())
        return self._length, self._digest.hexdigest()

    def read(self, keys: Iterable[Key], names: list[str]) -> dict[Key, Series]:
        """Return times and values of each field and group in `keys`; `names` are those of the groups, in order."""
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
