"""The folder of a run: its files, how far the run in it got, and who may write there.

A run is there from its first moment, by the file `starting`, and until its last, by `unfinished`. So one that was
killed can be told from one that ended, and what the run before left is only cleared away by one whose plan is good.
Does not import torch, to be there early.
"""

from contextlib import AbstractContextManager
from pathlib import Path

from paramsched.run_files.disk import flush_path
from paramsched.run_files.folder_lock import FolderLock


class Damaged(Exception):  # it reads better in `except`
    """A file of the run is not as the run left it; what the error says names it."""


class Folder:
    """`runs/digits` and what is in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoint = path / "checkpoint.pt"
        self.values = path / "values.jsonl"
        self.report = path / "report.html"
        self.plan = path / "plan.svg"
        self._lock = FolderLock(path)
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
        flush_path(self.path)

    def refuse(self) -> None:
        """Take that back: the plan is bad, and all is as it was."""
        self._starting.unlink(missing_ok=True)

    def clear(self) -> None:
        """Clear away the run before, so that this one starts at update 0."""
        for file in (self.checkpoint, self.values, self.report, self.plan):
            file.unlink(missing_ok=True)
        self._unfinished.touch()
        flush_path(self.path)  # so that no power cut brings the old checkpoint back once `starting` is gone
        self._starting.unlink()

    def finish(self) -> None:
        """Say that everything is written."""
        self._unfinished.unlink(missing_ok=True)

    @property
    def holder(self) -> str | None:
        """The process that trains here now."""
        return self._lock.holder

    def locked(self) -> AbstractContextManager[None]:
        """Keep other processes out. The system lets go of the lock when this one ends, also by `kill -9`."""
        return self._lock.hold()
