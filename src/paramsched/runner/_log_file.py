"""A log of JSON lines that a run can go on with: it is cut back to what a checkpoint was saved after.

A checkpoint keeps how many lines there were, how many bytes, and their SHA-256. So a log that is not the run's own is
refused before anything is loaded.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TextIO, final

from paramsched.errors import StateError

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
        """From what `LoggerHook` saved, for the log of this name.

        Raises:
            StateError: it says no number of lines.
        """
        lines = state.get(name)
        if not isinstance(lines, int) or isinstance(lines, bool) or lines < 0:
            raise StateError(f"LoggerHook: the checkpoint says {lines!r} lines of {name}.jsonl")
        more = state.get("written", {}).get(name)
        return cls(lines, None, None) if more is None else cls(lines, more["bytes"], more["sha256"])


def require_kept_lines(file: Path, kept: KeptLines) -> int:
    """How many bytes of a log are kept.

    Raises:
        StateError: they are not there, or others are.
    """
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
    """The bytes that are kept, or 0 and what is wrong: the checksum says that they are the run's own."""
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
    """The same for checkpoints of the first version, which kept only how many lines there were."""
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
    """A log that is written to.

    Args:
        file: where it is; None writes nothing, and only counts (processes other than the main one).
        kept: what stays of it.

    Raises:
        StateError: that part is not there.
    """

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
        """Write a line, and hand it to the system, which keeps it if the process dies."""
        self.lines += 1
        if self._stream is not None:
            text = json.dumps(line) + "\n"
            self._stream.write(text)
            self._stream.flush()
            self._size += len(text)  # JSON is ASCII
            self._digest.update(text.encode())

    def to_disk(self) -> None:
        """Put everything written on the disk, so that it is there after a power cut too."""
        if self._stream is not None:
            os.fsync(self._stream.fileno())

    def close(self) -> None:
        """Stop writing."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None
