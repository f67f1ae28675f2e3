"""Reading files without blocking and writing them atomically, with the name of the file in every error."""

import errno
import os
import re
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import IO

from paramsched.core.base.near_names import closest
from paramsched.core.base.printing import printable
from paramsched.errors import InvalidArgument, shown

_DESCRIPTORS = re.compile(r"/dev/fd|/proc/(?P<process>\d+)(/task/\d+)?/fd")
_MOST_LINKS = 40  # Linux follows at most 40 symbolic links in a path
_MOST_TRIES, _SECONDS_BETWEEN_TRIES = 200, 0.01  # to open a pipe that nobody reads yet
_NOT_REPLACEABLE = (errno.EACCES, errno.EPERM, errno.EBUSY)  # EBUSY: a file that is mounted into a container


@contextmanager
def naming_errors(file: object) -> Iterator[None]:
    """Add the name of the file to an OSError of the `with` block without a name, such as "No space left on device"."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = str(file)
        raise


def path_of_file(path: str | os.PathLike[str]) -> Path:
    """Return the path. Raise an error if no file can have this name, as with a null byte or a lone surrogate."""
    try:
        if b"\0" in os.fsencode(path):
            raise ValueError
        return Path(path)
    except TypeError:
        found = f"expected a path, got {type(path).__name__}"
        raise InvalidArgument(f"the file {shown(path)}", found, 'For example: "plan.yaml"') from None
    except ValueError:
        raise FileNotFoundError(errno.ENOENT, "invalid file name", printable(str(path))) from None


def own_descriptor(file: Path) -> int | None:
    """Return the open descriptor of this process to which a path such as `/dev/stdout` resolves; None if there is none.

    If the descriptor is redirected to a regular file, the text must be written at the current position of the
    descriptor, and the file must not be replaced.
    """
    for _ in range(_MOST_LINKS):
        found = _DESCRIPTORS.fullmatch(os.path.realpath(file.parent))
        if found and file.name.isdigit() and found["process"] in (None, str(os.getpid())):
            return int(file.name)
        if not file.is_symlink():
            return None
        file = file.parent / file.readlink()
    return None


@contextmanager
def open_to_read(file: Path, *, bounded: bool = False) -> Iterator[BufferedReader]:
    """Open a regular file so that reading never blocks and errors contain its name.

    Args:
        bounded: also open devices and pipes of this process, such as `/dev/fd/63` of a shell. They may be endless, so
            the caller must limit how much it reads.

    Raises:
        OSError: the file cannot be opened, or reading it could wait forever.
    """
    with naming_errors(file):
        about = path_of_file(file).stat()
        own = own_descriptor(file) is not None
        if stat.S_ISDIR(about.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(about.st_mode) and not (bounded and (own or stat.S_ISCHR(about.st_mode))):
            raise OSError(errno.EINVAL, f"expected a regular file, got {kind_of_file(about.st_mode)}")
        with file.open("rb") if own else os.fdopen(_open_without_waiting(file, os.O_RDONLY), "rb") as stream:
            if not own and not about.st_size:  # files such as /proc/kmsg have the mode of a regular file, but may block
                if stream.raw.read(1) is None:
                    raise OSError(errno.EINVAL, "expected a regular file, got one that waits for data")
                stream.seek(0)
            yield stream


def near_file(path: Path) -> Path | None:
    """Return the only file beside a missing one whose name differs by a slip, or by another suffix of YAML."""
    other = {".yml": ".yaml", ".yaml": ".yml"}.get(path.suffix, path.suffix)
    try:
        # The missing file itself is listed if it is a link to nothing.
        beside = [one.name for one in path.parent.iterdir() if one.name != path.name]
        same = path.with_suffix(other).name
    except (OSError, ValueError):
        return None
    near = same if same in beside else closest(path.name, beside)
    return None if near is None else path.parent / near


def kind_of_file(mode: int) -> str:
    """Return the kind of a file, such as "a pipe", from its `st_mode`."""
    kinds = {
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFREG: "a regular file",
        stat.S_IFBLK: "a block device",
    }
    return kinds.get(stat.S_IFMT(mode), "a device")


def _open_without_waiting(file: Path, flags: int) -> int:
    return os.open(file, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))  # not on all systems


def write_whole_file(file: Path, data: bytes) -> None:
    """Write a file atomically: at any moment it has either the entire old content or the entire new content.

    The content is written to a temporary file in the same folder, flushed to the disk and renamed. Links, owner, group
    and mode are preserved. If renaming would lose the name or the owner, the file itself is written. Only regular files
    are replaced. Pipes and character devices are written into; `/dev/stdout` is written at its current position.

    A process that is killed while writing `plan.yaml` may leave a hidden file: `.plan.yaml.` and 16 digits.

    Raises:
        OSError: the file cannot be written. The error contains its name, or the name of the missing folder.
    """
    path_of_file(file)
    own, target = own_descriptor(file), Path(os.path.realpath(file))
    if own is None:
        _check_folder(target, file)
    with _errors_of(file):
        mode = file.stat().st_mode if own is None and file.exists() else stat.S_IFREG
        if own is not None:
            for stream in (sys.stdout, sys.stderr):  # write the buffered output first
                if stream is not None:
                    stream.flush()
            with os.fdopen(os.dup(own), "wb") as opened:
                opened.write(data)
        elif stat.S_ISREG(mode):
            _write_regular(target, data)
        elif stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
            with os.fdopen(_open_pipe_or_device(file), "wb") as opened:
                opened.write(data)
        elif stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        else:
            raise OSError(errno.EINVAL, f"expected a regular file, a pipe or a device, got {kind_of_file(mode)}")


def rewrite_file(file: Path, data: bytes, *, over: bytes) -> bool:
    """Write a regular file as `write_whole_file` does, if its content is still `over`. Return whether it was written.

    Raises:
        OSError: the file cannot be written. The error contains its name.
    """
    path_of_file(file)
    with _errors_of(file):
        return file.is_file() and _write_regular(Path(os.path.realpath(file)), data, over)


def create_file(file: Path, data: bytes) -> bool:
    """Write a new file, unless the name exists, also as a link to a missing file.

    Returns:
        True if the file was created.

    Raises:
        OSError: the file cannot be written. The error contains its name, or the name of the missing folder.
    """
    path_of_file(file)
    _check_folder(file, file)
    with _errors_of(file):
        try:
            stream = file.open("xb")
        except FileExistsError:
            return False
        try:
            with stream:
                _write_to_disk(stream, data)
        except BaseException:
            file.unlink(missing_ok=True)
            raise
    return True


def _check_folder(target: Path, file: Path) -> None:
    """Raise an error if the folder of a file to write does not exist."""
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder", str(file.parent))


@contextmanager
def _errors_of(file: Path) -> Iterator[None]:
    """Name the file in each error of the operating system, instead of no file or the temporary one."""
    try:
        yield
    except OSError as error:
        if error.errno is not None:
            error.filename = str(file)
        raise


def _open_pipe_or_device(file: Path) -> int:
    """Open a pipe or a device for writing. The program that reads a pipe may start at the same time, so retry."""
    for _ in range(_MOST_TRIES):
        try:
            handle = _open_without_waiting(file, os.O_WRONLY)
        except OSError as error:
            if error.errno != errno.ENXIO or not file.is_fifo():
                raise
            time.sleep(_SECONDS_BETWEEN_TRIES)
        else:
            if os.name != "nt":  # where no file is opened without blocking
                os.set_blocking(handle, True)
            return handle
    raise OSError(errno.ENXIO, "no program reads this pipe")


def _write_to_disk(stream: IO[bytes], data: bytes) -> None:
    stream.write(data)
    stream.flush()
    os.fsync(stream.fileno())


def _write_regular(target: Path, data: bytes, over: bytes | None = None) -> bool:
    """Replace or create a regular file, unless its content is not `over`. If it cannot be replaced, write into it."""
    from shutil import copystat  # imported here because it loads every compression module, and most programs only read

    old = None
    with suppress(FileNotFoundError), target.open("r+b"):  # a read-only file must not be replaced either
        old = target.stat()
    beside = target.with_name(f".{target.name[:50]}.{os.urandom(8).hex()}")
    mode = 0o666 if old is None else 0o600  # that of an old file is copied
    try:
        with open(beside, "xb", opener=lambda path, flags: os.open(path, flags, mode)) as out:
            _write_to_disk(out, data)
        if old is not None:
            new = beside.stat()
            if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
                os.chown(beside, old.st_uid, old.st_gid)
            copystat(target, beside)  # mode, access control lists and other attributes
            os.utime(beside)
        if over is not None and target.read_bytes() != over:
            return False
        beside.replace(target)
    except OSError as error:
        if old is None or error.errno not in _NOT_REPLACEABLE:
            raise
        with target.open("r+b") as stream:
            if over is not None and stream.read() != over:
                return False
            stream.seek(0)
            _write_to_disk(stream, data)
            stream.truncate()  # last, so that a full disk keeps the end of the old file
    finally:
        beside.unlink(missing_ok=True)
    return True
