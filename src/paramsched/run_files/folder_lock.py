"""A lock on the folder of a run, so that two runs do not write into each other.

The system holds it for the process, and lets go of it when the process ends, also by `kill -9`. The file names the
process that has it; a file that was left behind locks nothing.
"""

import contextlib
import errno
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import IO, final
from weakref import WeakSet

from paramsched.base.files import kind_of_file
from paramsched.errors import FolderInUse

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    fcntl = None  # type: ignore[assignment]  # its absence is asked for below

log = logging.getLogger("paramsched.runner")

LOCK = "run.lock"

_open: WeakSet[IO[str]] = WeakSet()
"""The files of locks that are held; a forked child would keep a copy."""


def _close_copies() -> None:
    for file in list(_open):
        file.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_copies)


@final
class FolderLock:
    """The lock of one folder, held from `take` to `release`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK
        self._file: IO[str] | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds it."""
        return self._file is not None and not self._file.closed

    @property
    def holder(self) -> str | None:
        """The process that has the lock, be it this one; None where nobody has it."""
        if fcntl is None or not self.path.is_file():  # opening a pipe would wait
            return None
        with self.path.open(encoding="utf-8", errors="replace") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # until the file is closed, at once
            except OSError:
                return _name_in(file)
        return None

    def take(self) -> None:
        """Take the lock.

        Raises:
            FolderInUse: another run has it; the message names the process.
            OSError: the file cannot be opened, or is not a regular file.
        """
        if fcntl is None:
            log.warning("%s: this system has no locks, so do not start two runs in this folder", self.path.parent)
            return
        if self.path.exists() and not self.path.is_file():
            found = f"expected a regular file, got {kind_of_file(self.path.stat().st_mode)}"
            raise OSError(errno.EINVAL, found, str(self.path))
        while not self.held:
            file = self.path.open("a+", encoding="utf-8", errors="replace")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                who = _name_in(file)
                file.close()
                raise FolderInUse(str(self.path.parent), who, str(self.path)) from None
            except OSError as error:  # some network disks
                file.close()
                log.warning("%s: it cannot be locked (%s), so do not start two runs in this folder", self.path, error)
                return
            try:
                is_still_there = os.path.samestat(os.fstat(file.fileno()), self.path.stat())
            except FileNotFoundError:
                is_still_there = False
            if is_still_there:
                file.truncate(0)
                file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
                file.flush()
                self._file = file
                _open.add(file)
            else:  # the run before removed it between our two calls
                file.close()

    def release(self) -> None:
        """Let go of the lock, and remove its file."""
        if self._file is not None and not self._file.closed:
            with contextlib.suppress(OSError):
                self.path.unlink(missing_ok=True)  # while it is held: nobody else has it
            self._file.close()
        self._file = None

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Hold the lock inside a `with`; the folder is made if there is none.

        Raises:
            FolderInUse: another run has it; the message names the process.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.take()
        try:
            yield
        finally:
            self.release()


def _name_in(file: IO[str]) -> str:
    file.seek(0)
    return file.read(200).strip() or "another process"
