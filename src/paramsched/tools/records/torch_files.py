"""Reader of the files of `torch.save`, which executes no code from them."""

import re
from pathlib import Path
from typing import IO, Any, BinaryIO
from zipfile import ZIP_STORED, ZipFile, is_zipfile

from paramsched.core.base.files import open_to_read
from paramsched.core.base.printing import printable
from paramsched.errors import MissingDependency, UnreadableLog
from paramsched.tools.records.log_values import path_text

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
        packed = any(one.compress_type != ZIP_STORED for one in records)
        if packed or sum(one.file_size for one in records) > size:
            found = "the records of the zip archive are compressed or overlap"
            raise UnreadableLog(where, found, _TORCH_SAVE)
        pickled = [archive.open(one) for one in records if one.filename.lower().endswith(".pkl")]
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
