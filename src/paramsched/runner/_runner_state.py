"""runner.pt: what a checkpoint holds of a Runner besides Accelerate's files, read without running code."""

from pathlib import Path
from typing import Any, Final

from paramsched.errors import StateError

STATE: Final = "runner.pt"
VERSION: Final = 2
"""Of `runner.pt`. Version 1 had no manifest beside it."""


def read_runner_state(folder: Path) -> dict[str, Any]:
    """Our part of a checkpoint.

    Raises:
        StateError: it is none, cannot be read, or is of another version.
    """
    file = folder / STATE
    if not file.is_file():
        raise StateError(f"{folder}: no checkpoint of a Runner; it has no {STATE}")
    state = read_torch(file)
    if not isinstance(state, dict) or state.get("version") not in (1, VERSION):
        raise StateError(f"{file}: not of this version")
    wrong = [path for path, kind in _PARTS_READ.items() if not isinstance(_entry_at(state, path), kind)]
    if wrong:
        raise StateError(f"{file}: it cannot be read; nothing usable at {', '.join(wrong)}")
    return state


_PARTS_READ: Final[dict[str, type]] = {
    **dict.fromkeys(("meta", "clock", "run", "param_schedulers", "optimizers", "hooks"), dict),
    **dict.fromkeys(("meta.seed", "meta.iter", "clock.epoch", "clock.batch", "clock.iter", "run.processes"), int),
    "clock.validated": bool,
}
"""What a Runner reads of its state, and what that is."""


def _entry_at(state: Any, path: str) -> Any:
    """The entry at `clock.epoch`; None where there is none."""
    for name in path.split("."):
        state = state.get(name) if isinstance(state, dict) else None
    return state


def read_torch(file: Path) -> Any:
    """What torch saved in a file; nothing in it runs code.

    Raises:
        StateError: it is missing, or cannot be read.
    """
    from accelerate.utils import load  # knows which of NumPy's types random states are made of

    if not file.is_file():
        raise StateError(f"{file}: it is missing")
    try:
        return load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001  # torch raises a dozen kinds, and all mean this
        raise StateError(f"{file}: it cannot be read ({type(error).__name__}: {_first_sentence(error)})") from None


def _first_sentence(error: Exception) -> str:
    return str(error).partition("\n")[0].partition(". ")[0][:200]
