"""The folder of a run: its files, how far the run in it got, and who may write there.

A run is there from its first moment, by the file `starting`, and until its last, by `unfinished`. So one that was
killed can be told from one that ended, and what the run before left is only cleared away by one whose plan is good.
Imports nothing slow, to be there early.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

try:
    import fcntl
except ModuleNotFoundError:  # Windows: nothing keeps two runs apart there
    fcntl = None


class Damaged(Exception):  # it reads better in `except`
    """A file of the run is not as the run left it; what the error says names it."""


class InUse(Exception):  # as above
    """Another process trains in the folder; what the error says names both."""


class Folder:
    """`runs/digits` and what is in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoint = path / "checkpoint.pt"
        self.values = path / "values.jsonl"
        self.report = path / "report.html"
        self.plan = path / "plan.svg"
        self.lock = path / "run.lock"
        self._starting = path / "starting"
        self._unfinished = path / "unfinished"

    @property
    def is_starting(self) -> bool:
        """Whether a run began and has not cleared the folder yet: what else is here belongs to the run before."""
        return self._starting.exists()

    @property
    def is_unfinished(self) -> bool:
        """Whether a run began here and did not end."""
        return self.is_starting or self._unfinished.exists()

    @property
    def has_run(self) -> bool:
        """Whether there is a run to resume. One that is finished resumes to its end at once."""
        return self.is_unfinished or self.checkpoint.exists()

    def begin(self) -> None:
        """Say that a run begins."""
        self.path.mkdir(parents=True, exist_ok=True)
        self._starting.touch()
        flush(self.path)

    def refuse(self) -> None:
        """Take that back: the plan is bad, and all is as it was."""
        self._starting.unlink(missing_ok=True)

    def clear(self) -> None:
        """Clear away the run before, so that this one starts at update 0."""
        for file in (self.checkpoint, self.values, self.report, self.plan):
            file.unlink(missing_ok=True)
        self._unfinished.touch()
        flush(self.path)  # so that no power cut brings the old checkpoint back once `starting` is gone
        self._starting.unlink()

    def finish(self) -> None:
        """Say that everything is written."""
        self._unfinished.unlink(missing_ok=True)

    @property
    def holder(self) -> str | None:
        """The process that trains here now."""
        if fcntl is None or not self.lock.exists():
            return None
        with self.lock.open() as file:
            return None if _locked(file) else file.read().strip() or "another process"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out. The system lets go of the lock when this one ends, also by `kill -9`."""
        self.path.mkdir(parents=True, exist_ok=True)
        with self.lock.open("a+") as file:
            # A run that ended between our two calls has removed the file that we opened: then the next has another.
            if (
                not _locked(file)
                or not self.lock.exists()
                or not os.path.samestat(os.fstat(file.fileno()), self.lock.stat())
            ):
                raise InUse(f"{self.path}: {self.holder or 'another process'} trains in it (lock: {self.lock})")
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
            file.flush()
            try:
                yield
            finally:
                self.lock.unlink(missing_ok=True)


def _locked(file: IO[str]) -> bool:
    """Take the lock of an open file until it is closed; False where another process has it."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def flush(path: Path) -> None:
    """Put a file, or the list of names in a folder, on the disk; returns when it is there."""
    if os.name == "nt" and path.is_dir():  # Windows does that by itself, and opens no folder
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
