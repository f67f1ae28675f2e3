"""Files and folders of checkpoints, read without running code in them."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import IO, Any, BinaryIO, Final, final
from zipfile import ZIP_STORED, ZipFile, is_zipfile

from paramsched.base.files import open_to_read
from paramsched.base.words import names_listed, printable
from paramsched.core.fields import RECORD, finite_or_none
from paramsched.errors import MissingDependency, UnreadableLog
from paramsched.tools.records.log_values import MOST_GROUPS, MOST_UPDATES, nearest_in_file, path_text

_TORCH_SAVE = "Pass a file saved with torch.save"


def import_torch() -> Any:
    """Import torch.

    Raises:
        MissingDependency: torch is not installed.
    """
    try:
        import torch
    except ModuleNotFoundError:
        raise MissingDependency("a checkpoint", "torch") from None
    return torch


def load_torch_file(file: Path) -> Any:
    """Load a file of `torch.save` without executing code from it.

    Raises:
        MissingDependency: torch is not installed.
        UnreadableLog: torch cannot read the file.
    """
    with open_to_read(file) as stream:
        return load_stream(stream, file.stat().st_size, path_text(file))


def load_stream(stream: BinaryIO, size: int, where: str) -> Any:
    """Load what `torch.save` has written, without executing code from it.

    Args:
        stream: the content.
        size: its length in bytes.
        where: its name, for messages.
    """
    torch = import_torch()
    try:
        _require_checkpoint(stream, size, where)
        # weights_only: a pickle may run code, and a checkpoint may come from an untrusted source.
        return torch.load(stream, map_location="cpu", weights_only=True)
    except UnreadableLog:
        raise
    except Exception as error:  # noqa: BLE001  # zipfile and torch raise many kinds of errors for damaged files
        # Lines about weights_only advise to execute code of the file, so they are not shown.
        lines = str(error).replace("WeightsUnpickler error:", "\n").splitlines()
        reasons = (line.partition(" Please ")[0].strip() for line in lines if not _ADVICE.search(line))
        shown = next(filter(None, reasons), "its pickle is damaged")
        raise UnreadableLog(where, f"torch cannot read it ({printable(shown)[:120]})", _TORCH_SAVE) from None


_ADVICE = re.compile("weights.only", re.IGNORECASE)


def _require_checkpoint(stream: BinaryIO, size: int, where: str) -> None:
    """Raise an error for a file that torch.save cannot have written.

    A zip archive with compressed or overlapping records could expand to much more data than the file contains.
    """
    head = stream.read(2)
    pickled: list[IO[bytes]] = [stream]
    if is_zipfile(stream):
        archive = ZipFile(stream)
        records = archive.infolist()
        packed = any(record.compress_type != ZIP_STORED for record in records)
        if packed or sum(record.file_size for record in records) > size:
            message = "the records of the zip archive are compressed or overlap"
            raise UnreadableLog(where, message, _TORCH_SAVE)
        pickled = [archive.open(record) for record in records if record.filename.lower().endswith(".pkl")]
    # Before torch 1.6 a checkpoint was a pickle. A tar archive of 2017 is refused here, because torch unpacks it into a
    # temporary folder before it refuses to load it with weights_only.
    elif not b"\x80" <= head <= b"\x80\x05":
        raise UnreadableLog(where, "not a PyTorch checkpoint", _TORCH_SAVE)
    stream.seek(0)
    if any(map(_creates_bytearray, pickled)):
        raise UnreadableLog(where, "its pickle creates a bytearray, which the state of an optimizer never contains")
    stream.seek(0)


def _creates_bytearray(stream: IO[bytes]) -> bool:
    """Return whether a pickle refers to bytearray, which allocates memory by a number in the file.

    torch.load allows no other call that does.
    """
    tail = b""
    while chunk := stream.read(_CHUNK):
        if _BYTEARRAY.search(tail + chunk):
            return True
        tail = chunk[-_LONGEST:]
    return False


_BYTEARRAY = re.compile(rb"c(?:__builtin__|builtins)\nbytearray\n")
_LONGEST = 32  # bytes of such a name, or more
_CHUNK = 2**20  # bytes that are read at a time


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or the name of its class."""
    return (str(error).splitlines() or [type(error).__name__])[0]


_TRAINER_STATE: Final = "trainer_state.json"
_PARTS = re.compile(r"(optimizer|scheduler)(_\d+)?\.(bin|pt)|custom_checkpoint_\d+\.pkl|runner\.pt")
"""The files with states in the folders of the Hugging Face Trainer, of Accelerate and of the Runner."""


_CONVERT: Final = "python -m torch.distributed.checkpoint.format_utils dcp_to_torch"


@final
@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint, as plain data.

    Args:
        file: the file or folder.
        format: `"torch"`, `"lightning"`, `"transformers"` or `"accelerate"`.
        data: the content; for a folder, a dict from the name of each file without its suffix to its content.
        step: the `global_step` of a Trainer; None if there is none.
    """

    file: Path
    format: str
    data: Any
    step: int | None = None

    def optimizers(self) -> dict[str, dict[str, Any]]:
        """Return a dict from path to the state of each optimizer."""
        return find_states(
            self.data,
            lambda one: (
                isinstance(groups := one.get("param_groups"), list)
                and len(groups) > 0
                and all(isinstance(group, dict) for group in groups)
            ),
            "optimizer",
        )

    def schedulers(self) -> dict[str, dict[str, Any]]:
        """Return a dict from path to each state of a `ps.Scheduler`."""
        return find_states(self.data, lambda one: one.keys() == {RECORD} and isinstance(one[RECORD], str), "scheduler")

    def optimizer(self, wanted: str | None) -> tuple[str, dict[str, Any]]:
        """Return the path and the state of the specified optimizer, or of the only one."""
        states = self.optimizers()
        missing = "it contains no state of an optimizer (a dict with param_groups)", "Save optimizer.state_dict()"
        path = choose_state(self.file, states, "--optimizer", wanted, missing)
        if len(states[path]["param_groups"]) > MOST_GROUPS:
            where = f"{printable(path)} in {path_text(self.file)}"
            raise UnreadableLog(where, f"it has more than {MOST_GROUPS} groups", "The checkpoint may be damaged")
        return path, states[path]

    def scheduler(self, wanted: str | None) -> tuple[str, dict[str, Any]]:
        """Return the path and the state of the specified `ps.Scheduler`, or of the only one."""
        states = self.schedulers()
        missing = "it contains no state of a ps.Scheduler", "Save scheduler.state_dict() in your checkpoints"
        path = choose_state(self.file, states, "--scheduler", wanted, missing)
        return path, states[path]


def own_updates(state: Mapping[str, Any]) -> int | None:
    """Return the number of updates that the state of an optimizer counts itself; None if it does not (`SGD`)."""
    entries = state.get("state")
    steps = entries.values() if isinstance(entries, dict) else ()
    counted = [update_count(entry.get("step")) for entry in steps if isinstance(entry, dict)]
    return max((one for one in counted if one is not None), default=None)


def update_count(value: Any) -> int | None:
    """Return a number of updates as an int; None for any other value."""
    number = finite_or_none(value)
    return int(number) if number is not None and number == int(number) and 0 <= number <= MOST_UPDATES else None


def load_checkpoint(file: Path) -> Checkpoint:
    """Load a checkpoint of any format without executing code from it.

    Raises:
        MissingDependency: torch is not installed.
        UnreadableLog: a file cannot be read, or a folder is not a checkpoint.
    """
    if not file.is_dir():
        data = load_torch_file(file)
        is_lightning = isinstance(data, dict) and "pytorch-lightning_version" in data
        return Checkpoint(file, "lightning" if is_lightning else "torch", data)
    data = {path.stem: load_torch_file(path) for path in parts_of_checkpoint(file)}
    state = file / _TRAINER_STATE
    if not state.exists():
        return Checkpoint(file, "accelerate", data)
    with open_to_read(state) as stream:
        try:
            return Checkpoint(file, "transformers", data, update_count(json.load(stream)["global_step"]))
        except (ValueError, KeyError, TypeError, RecursionError):
            message = "it contains no global_step"
            raise UnreadableLog(path_text(state), message, "The checkpoint may be damaged") from None


def parts_of_checkpoint(folder: Path) -> list[Path]:
    """Return the files of a checkpoint in a folder.

    Raises:
        UnreadableLog: the folder is not a checkpoint.
    """
    if (folder / ".metadata").exists():
        message = "a folder of torch.distributed.checkpoint is not read"
        raise UnreadableLog(path_text(folder), message, f"Convert it: {_CONVERT} {quote(str(folder))} checkpoint.pt")
    parts = [path for path in folder.iterdir() if _PARTS.fullmatch(path.name)]
    if not parts:
        message = "expected a folder with optimizer.pt, optimizer.bin or an event file of TensorBoard"
        raise UnreadableLog(path_text(folder), message, "Pass that folder, or a file")
    return sorted(parts, key=lambda path: (len(path.stem), path))


_LONGEST_NAME = 200  # of a state, in characters


def find_states(data: Any, is_state: Callable[[dict[Any, Any]], bool], alone: str) -> dict[str, dict[str, Any]]:
    """Return a dict from the path of each state of one kind in a checkpoint to the state.

    Args:
        data: the checkpoint.
        is_state: returns whether a dict is a state of this kind.
        alone: the path to return if the entire checkpoint is the state.

    >>> find_states({"epoch": 3, "parts": [{"lr": 0.1}]}, lambda one: "lr" in one, "optimizer")
    {'parts[0]': {'lr': 0.1}}
    """
    states: dict[str, dict[str, Any]] = {}
    seen: set[int] = set()
    pending = [("", data)]
    while pending:
        name, one = pending.pop()
        if not isinstance(one, (dict, list)) or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, dict):
            if is_state(one):
                states[name or alone] = one
                continue
            inner = [(f"{name}.{key}" if name else str(key), value) for key, value in one.items()]
        else:
            inner = [(f"{name}[{index}]", value) for index, value in enumerate(one)]
        # Reversed, so that the first value is next. Names are shortened, because their total length would grow
        # quadratically in deeply nested data.
        pending += [(inner_name[-_LONGEST_NAME:], value) for inner_name, value in reversed(inner)]
    return states


def choose_state(
    file: Path, states: Mapping[str, Any], option: str, wanted: str | None, missing: tuple[str, str]
) -> str:
    """Return the name of the specified state, or of the only state in a checkpoint.

    Args:
        file: the checkpoint.
        states: the states by name.
        option: the command line option that specifies the state.
        wanted: the specified name; None for the only state.
        missing: the message and the advice if there is no state.
    """
    if not states:
        raise UnreadableLog(path_text(file), *missing)
    if wanted is None and len(states) > 1:
        message = f"it has several states: {names_listed(states)}"
        raise UnreadableLog(path_text(file), message, f"Write {option} {printable(next(iter(states)))}", option=option)
    if wanted is not None and wanted not in states:
        raise UnreadableLog(f"{option} {printable(wanted)}", nearest_in_file(wanted, states))
    return next(iter(states)) if wanted is None else wanted
