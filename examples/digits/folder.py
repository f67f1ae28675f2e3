"""The folder of a run: its files, and the progress of its run.

The file `starting` exists from the first moment of a run, and `unfinished` until its last. They distinguish a killed
run from a finished one. The files of the previous run are deleted only by a run whose plan is valid.
This module does not import torch, so that it loads quickly.
"""

from pathlib import Path


class Damaged(Exception):  # it reads better in `except`
    """A file of the run has changed since the run wrote it; the message names the file."""


class Folder:
    """`runs/digits` and its files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoint = path / "checkpoint.pt"
        self.values = path / "values.jsonl"
        self.report = path / "report.html"
        self.plan = path / "plan.svg"
        self._starting = path / "starting"
        self._unfinished = path / "unfinished"

    @property
    def is_starting(self) -> bool:
        """True if a run has started but not cleared the folder: the other files belong to the previous run."""
        return self._starting.exists()

    @property
    def is_unfinished(self) -> bool:
        """True if a run has started here and not finished."""
        return self.is_starting or self._unfinished.exists()

    @property
    def has_run(self) -> bool:
        """True if there is a run to resume. A finished run resumes at its end."""
        return self.is_unfinished or self.checkpoint.exists()

    def begin(self) -> None:
        """Mark the start of a run."""
        self.path.mkdir(parents=True, exist_ok=True)
        self._starting.touch()

    def refuse(self) -> None:
        """Undo `begin` because the plan is invalid."""
        self._starting.unlink(missing_ok=True)

    def clear(self) -> None:
        """Delete the files of the previous run, so that this one starts at update 0."""
        for file in (self.checkpoint, self.values, self.report, self.plan):
            file.unlink(missing_ok=True)
        self._unfinished.touch()
        self._starting.unlink()

    def finish(self) -> None:
        """Mark the run as finished."""
        self._unfinished.unlink(missing_ok=True)
