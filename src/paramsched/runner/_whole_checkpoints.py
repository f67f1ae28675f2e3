"""Whether a checkpoint is whole, and which other one to offer where it is not."""

import logging
import shlex
from pathlib import Path

from paramsched.errors import StateError
from paramsched.run_files.manifest import MANIFEST, damaged_files, read_manifest
from paramsched.runner._runner_state import STATE, read_runner_state

log = logging.getLogger("paramsched.runner")


def require_whole(folder: Path) -> None:
    """Refuse a checkpoint that is not what was saved.

    Raises:
        StateError: every file that is missing or differs, and an older checkpoint that is whole.
    """
    problems = _problems_of(folder)
    if problems:
        raise error_with_offer("\n".join(problems), folder.parent, besides=folder)
    if not (folder / MANIFEST).exists():
        log.warning("%s: an earlier version saved it, without checksums; only what can be read is checked", folder)


def _problems_of(folder: Path) -> list[str]:
    """What is wrong with a checkpoint."""
    try:
        if (folder / MANIFEST).exists():
            return damaged_files(folder, read_manifest(folder))
        old = read_runner_state(folder)["version"] == 1
    except StateError as error:
        return [str(error)]
    return [] if old else [f"{folder / MANIFEST}: it is missing"]


def error_with_offer(problem: str, home: Path, besides: Path | None = None) -> StateError:
    """An error that also names an older checkpoint that is whole, for the user to choose.

    Args:
        problem: what was found.
        home: where checkpoints are looked for.
        besides: the damaged one.
    """
    older = _latest_whole(home, besides)
    if older is None:
        advice = f"No checkpoint in {home} is whole. To begin anew leave resume out"
    else:
        advice = (
            f"{older} is whole. To go on from there write resume=True, load_from={str(older)!r}; "
            f"on the command line --resume --load-from {shlex.quote(str(older))}"
        )
    return StateError(f"{problem}\nNothing was changed. {advice}")


def _latest_whole(home: Path, besides: Path | None) -> Path | None:
    """The latest whole checkpoint in a folder, of the same run as the damaged one if that can be told."""
    places = {
        path: place
        for path in checkpoints_in(home)
        if path != besides and (place := _run_and_iteration(path)) is not None
    }
    mine = None if besides is None else _run_and_iteration(besides)
    latest = max((path / STATE for path in places if (path / STATE).exists()), key=_time_saved, default=None)
    run = mine[0] if mine else places[latest.parent][0] if latest else ""
    order = sorted(places, key=lambda path: (places[path][0] == run, places[path][1]), reverse=True)
    return next((path for path in order if not _problems_of(path)), None)


def checkpoints_in(folder: Path) -> list[Path]:
    """Folders that are checkpoints, whole or not."""
    if not folder.is_dir():
        return []
    unfinished = (".part", ".removed")
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix not in unfinished and any((path / name).exists() for name in (STATE, MANIFEST))
    ]


def _run_and_iteration(folder: Path) -> tuple[str, int] | None:
    """The run of a checkpoint, and the iteration it was saved at; None where that cannot be read."""
    try:
        if (folder / MANIFEST).exists():
            manifest = read_manifest(folder)
            return manifest.run, manifest.iteration
        return "", int(read_runner_state(folder)["meta"]["iter"])
    except StateError:
        return None


def _time_saved(file: Path) -> int:
    return file.stat().st_mtime_ns


def place_before(target: Path) -> Path:
    """Where a checkpoint waits while another takes its name."""
    return target.with_name(f".{target.name}.before")
