"""A lock on the folder of a run, which prevents two runs from writing to the same folder.

The system releases the lock when the process ends, even after `kill -9`. The lock file names the process that holds
the lock; if that process has ended, the file does not lock the folder.
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

from paramsched.core.base.files import kind_of_file
from paramsched.errors import FolderInUse

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    fcntl = None  # type: ignore[assignment]  # checked below

log = logging.getLogger("paramsched.mmengine")

LOCK = "run.lock"

_open: WeakSet[IO[str]] = WeakSet()
"""The open lock files of this process; a forked child closes its copies."""


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: [file.close() for file in list(_open)])


@final
class FolderLock:
    """The lock of one folder, held from `take` to `release`.

    Args:
        folder: the folder of the run.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK
        self._file: IO[str] | None = None

    @property
    def held(self) -> bool:
        """True if this object holds the lock."""
        return self._file is not None and not self._file.closed

    @property
    def holder(self) -> str | None:
        """The name of the process that holds the lock, possibly this process; None if no process holds it."""
        if fcntl is None or not self.path.is_file():  # opening a pipe would block
            return None
        with self.path.open(encoding="utf-8", errors="replace") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # released when the file is closed below
            except OSError:
                return _name_in(file)
        return None

    def take(self) -> None:
        """Acquire the lock.

        Raises:
            FolderInUse: another run holds the lock; the message names the process.
            OSError: the file cannot be opened, or is not a regular file.
        """
        if fcntl is None:
            log.warning(
                "%s: this system does not support locks; do not start two runs in this folder", self.path.parent
            )
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
            except OSError as error:  # some network disks do not support locks
                file.close()
                log.warning(
                    "%s: the file cannot be locked (%s); do not start two runs in this folder", self.path, error
                )
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
            else:  # the previous run removed the file between open and flock
                file.close()

    def release(self) -> None:
        """Release the lock and remove its file."""
        if self._file is not None and not self._file.closed:
            with contextlib.suppress(OSError):
                self.path.unlink()  # before the release, while no other process holds the lock
            self._file.close()

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Hold the lock inside a `with` statement; create the folder if it is missing.

        Raises:
            FolderInUse: another run holds the lock; the message names the process.
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
