"""The work folder of a run: locked while something is written, and asked which checkpoint to begin with."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

from paramsched.run_files.folder_lock import FolderLock
from paramsched.runner._all_processes import in_main_process
from paramsched.runner._checkpoints import Checkpoints
from paramsched.runner._whole_checkpoints import require_whole

log = logging.getLogger("paramsched.runner")


@final
class RunFolder:
    """A work folder, which the processes of one run share.

    Args:
        checkpoints: those in the folder.
        accelerator: Accelerate's; its main process holds the lock for all.
    """

    def __init__(self, checkpoints: Checkpoints, accelerator: Any) -> None:
        self.path, self._checkpoints, self._accelerator = checkpoints.folder, checkpoints, accelerator
        self._lock = FolderLock(self.path)
        self._locked = False  # the same in every process, though only the main one has the lock

    @property
    def is_there(self) -> bool:
        """Whether there is a folder, as the main process sees it."""
        return in_main_process(self._accelerator, self.path.is_dir)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder and keep other runs out; inside another `locked` it does nothing.

        Raises:
            FolderInUse: another run has it.
        """
        if self._locked:
            yield
            return
        in_main_process(self._accelerator, self._take_lock)
        self._locked = True
        try:
            yield
        finally:
            self._locked = False
            self._lock.release()

    def first_checkpoint(self, load_from: Path | None, *, resume: bool) -> Path | None:
        """What a run loads before its first batch, whole where it goes on from it; None: it begins as it is.

        Raises:
            StateError: the checkpoint to go on from is damaged.
        """
        if not resume:
            return load_from
        return in_main_process(self._accelerator, lambda: self._to_go_on_from(load_from))

    def _to_go_on_from(self, load_from: Path | None) -> Path | None:
        if load_from is not None:
            require_whole(load_from)
            return load_from
        found = self._checkpoints.newest()
        if found is None:
            log.info("resume: there is no checkpoint in %s; the run begins", self.path)
        return found

    def _take_lock(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock.take()
