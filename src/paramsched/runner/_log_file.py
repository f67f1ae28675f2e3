"""Logs of JSON lines that a run can go on with, and that of the values that were really used.

By the lines, bytes and SHA-256 that a checkpoint keeps, a log that is not the run's own is refused before anything is
loaded.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, TextIO, TypeAlias, final

from torch.optim import Optimizer

from paramsched.base.files import naming_errors
from paramsched.errors import StateError
from paramsched.fields import Field
from paramsched.scheduler.updates import watch_updates

_LONGEST = 10**8  # bytes of a line


@final
@dataclass(frozen=True, slots=True)
class KeptLines:
    """The part of a log that a checkpoint was saved after.

    Args:
        lines: how many.
        size: bytes; None where an earlier version saved the checkpoint.
        digest: their SHA-256; None as above.
    """

    lines: int = 0
    size: int | None = 0
    digest: str | None = hashlib.sha256().hexdigest()

    @classmethod
    def of(cls, state: Mapping[str, Any], name: str) -> Self:
        lines = state.get(name)
        if not isinstance(lines, int) or isinstance(lines, bool) or lines < 0:
            raise StateError(f"LoggerHook: the checkpoint says {lines!r} lines of {name}.jsonl")
        more = state.get("written", {}).get(name)
        return cls(lines, None, None) if more is None else cls(lines, more["bytes"], more["sha256"])


def require_kept_lines(file: Path, kept: KeptLines) -> int:
    """How many bytes of a log are kept, if they are there."""
    if not kept.lines:
        return 0
    if not file.is_file():
        raise StateError(f"{file}: it is missing, and the checkpoint was saved after {kept.lines} lines. {_ADVICE}")
    size, problem = _size_of_lines(file, kept.lines) if kept.size is None else _size_of_bytes(file, kept)
    if problem:
        raise StateError(f"{file}: {problem}. {_ADVICE}")
    return size


_ADVICE = "Bring it back, go on without logs by default_hooks=dict(logger=None), or leave resume out to begin anew"


def _size_of_bytes(file: Path, kept: KeptLines) -> tuple[int, str]:
    """The bytes that are kept, or 0 and what is wrong."""
    with file.open("rb") as stream:
        digest, left = hashlib.sha256(), kept.size or 0
        while left and (read := stream.read(min(left, 2**20))):
            digest.update(read)
            left -= len(read)
    if left:
        return 0, f"it has {file.stat().st_size:,} bytes, and the checkpoint was saved after {kept.size:,}"
    if digest.hexdigest() != kept.digest:
        return 0, f"its first {kept.lines} lines are not those the checkpoint was saved after (their SHA-256 differs)"
    return kept.size or 0, ""


def _size_of_lines(file: Path, lines: int) -> tuple[int, str]:
    """The same for checkpoints of the first version, which kept only the number of lines."""
    size = 0
    with file.open("rb") as stream:
        for number in range(lines):
            line = stream.readline(_LONGEST)
            if not line.endswith(b"\n"):
                return 0, f"{number} lines, but the checkpoint was saved after {lines}"
            try:
                said = json.loads(line)
            except (ValueError, RecursionError):
                said = None
            if not isinstance(said, dict):
                return 0, f"line {number + 1} is no line of a log"
            size += len(line)
    return size, ""


@final
class LogFile:
    """A log that is written to, after what is kept; without a file it only counts."""

    def __init__(self, file: Path | None, kept: KeptLines) -> None:
        self.lines, self._size, self._digest = kept.lines, 0, hashlib.sha256()
        self._stream: TextIO | None = None
        if file is None:
            return
        self._size = require_kept_lines(file, kept)
        file.touch()
        os.truncate(file, self._size)  # in place, so that a kill in between loses no line that is kept
        with file.open("rb") as stream:
            self._digest = hashlib.file_digest(stream, "sha256")
        self._stream = file.open("a", encoding="utf-8", newline="\n")

    @property
    def written(self) -> dict[str, Any]:
        """What a checkpoint keeps besides the number of lines."""
        return {"bytes": self._size, "sha256": self._digest.hexdigest()}

    def write(self, line: Mapping[str, Any]) -> None:
        """Write a line, which the system keeps if the process dies."""
        self.lines += 1
        if self._stream is not None:
            text = json.dumps(line) + "\n"
            with naming_errors(self._stream.name):
                self._stream.write(text)
                self._stream.flush()
            self._size += len(text)  # JSON is ASCII
            self._digest.update(text.encode())

    def to_disk(self) -> None:
        """Put everything written on the disk, for a power cut."""
        if self._stream is not None:
            with naming_errors(self._stream.name):
                os.fsync(self._stream.fileno())

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None


ConsumedSoFar: TypeAlias = Callable[[], Mapping[str, float]]

LOGS: Final = ("values", "metrics")
"""Names of the logs, without `.jsonl`."""


@final
class ValuesLog:
    """Writes `values.jsonl` and `metrics.jsonl`, in the main process."""

    def __init__(self, folder: Path | None, kept: Mapping[str, KeptLines]) -> None:
        self.latest: dict[str, list[dict[str, float]]] = {}
        self._waiting: list[dict[str, Any]] = []
        self._stops: list[Callable[[], None]] = []
        self._logs = {name: LogFile(None if folder is None else folder / f"{name}.jsonl", kept[name]) for name in LOGS}

    def watch_optimizer(
        self, optimizer: Optimizer, fields: tuple[str, ...], name: str, updates: int, consumed: ConsumedSoFar
    ) -> None:
        """Note these fields of every group at each update of an optimizer.

        Args:
            name: of the optimizer; empty where there is one.
            updates: how many it has taken so far.
            consumed: says what the run has consumed so far, by the name of the clock; empty where that is by updates.
        """
        t = updates
        found: list[dict[str, float]] = []
        so_far: dict[str, float] = {}

        # Read before the step, noted after it: a step that is skipped or raises leaves no line.
        def before(stepped: Any) -> None:
            so_far.clear()
            so_far.update(consumed())
            found[:] = [_numbers_of_group(group, fields) for group in stepped.param_groups]

        def after(stepped: Any) -> None:
            nonlocal t
            del stepped
            self.latest[name] = list(found)
            whose = {"optimizer": name} if name else {}
            self._waiting.append({"t": t} | so_far | whose | {"groups": self.latest[name]})
            t += 1

        self._stops.append(watch_updates(optimizer, before, after))

    def write_updates(self, *, epoch: int, iteration: int, loss: float | None) -> None:
        for line in self._waiting:
            whole = line | {"epoch": epoch, "iter": iteration} | ({} if loss is None else {"loss": loss})
            self._logs["values"].write(whole)
        self._waiting.clear()

    def write_metrics(self, *, epoch: int, iteration: int, metrics: dict[str, float]) -> None:
        self._logs["metrics"].write({"epoch": epoch, "iter": iteration} | metrics)

    def saved_state(self) -> dict[str, Any]:
        lines = {name: log.lines for name, log in self._logs.items()}
        return lines | {"written": {name: log.written for name, log in self._logs.items()}}

    def to_disk(self) -> None:
        """A checkpoint must never be ahead of the logs."""
        for log in self._logs.values():
            log.to_disk()

    def close(self) -> dict[str, Any]:
        for stop in self._stops:
            stop()
        for log in self._logs.values():
            log.close()
        return self.saved_state()


def _numbers_of_group(group: dict[str, Any], fields: tuple[str, ...]) -> dict[str, float]:
    named = {name: field_of_group(group, name) for name in fields}
    return {name: float(field.read(group)) for name, field in named.items() if field.key in group}


def field_of_group(group: Mapping[str, Any], name: str) -> Field:
    """The field, which for momentum is the first beta in a group that has betas."""
    return Field.of("betas[0]" if name == "momentum" and "betas" in group else name)
