"""Small files of text: read whole and bounded, written whole or not at all."""

import errno
import os
import tempfile
from pathlib import Path

from paramsched._fault import printable
from paramsched.config.text_limits import MOST_BYTES
from paramsched.config.text_lines import TextLines
from paramsched.errors import ConfigError, Fault


def read_bounded_text(file: Path) -> str:
    """What a file says: at most 1 MB of UTF-8.

    Raises:
        ConfigError: it is larger, no UTF-8, or a pipe that may never end.
    """
    if file.is_fifo() and file.absolute().parts[1:2] not in (("dev",), ("proc",)):  # a shell's own pipes are there
        raise ConfigError(str(file), [Fault("", "it is a pipe, which may never end", "Copy its content into a file")])
    with file.open("rb") as stream:  # one byte more than allowed: also of a file that never ends
        data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ConfigError(str(file), [f"more than {MOST_BYTES:,} bytes; a plan is a short text"])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(str(file), [no_utf8_fault(data, error)]) from None


def no_utf8_fault(data: bytes, error: UnicodeDecodeError) -> Fault:
    """The fault of a file that is no UTF-8, at its first byte that is none."""
    before = data[: error.start].decode("utf-8", "replace")
    line, column = TextLines(before).of(len(before))
    found = f"byte {error.start} is {data[error.start]:#04x}, which is no UTF-8"
    return Fault("", found, "Save the file as UTF-8", line=line, column=column)


def write_whole_file(file: Path, text: str | bytes) -> None:
    """Write beside the file and rename: it is there as a whole or not at all."""
    data = text.encode() if isinstance(text, str) else text
    path_of_file(file)
    target = Path(os.path.realpath(file))  # a link stays a link
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder", str(file.parent))
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))
    try:
        mode = target.stat().st_mode & 0o777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        mode = 0o666 & ~mask
    handle, beside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:50]}.")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
        Path(beside).chmod(mode)
        Path(beside).replace(target)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def path_of_file(path: str | os.PathLike[str]) -> Path:
    """The path, if a file can have this name: of text without a zero byte and without half characters."""
    try:
        if b"\0" in os.fsencode(path):
            raise ValueError
    except ValueError:
        raise FileNotFoundError(errno.ENOENT, "no file can have this name", printable(str(path))) from None
    return Path(path)
