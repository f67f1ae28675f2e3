"""Reading files without blocking and writing them atomically, with the name of the file in every error."""

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import IO

from paramsched.base import messages
from paramsched.base.words import closest

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

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
        raise messages.not_a_path(path) from None
    except ValueError:
        raise messages.invalid_file_name(path) from None


def _is_of_system(file: Path) -> bool:
    """Return whether a path names no file of a user, such as `/dev/stdout`, or `/dev/fd/63` for `<(…)` in a shell."""
    return os.path.abspath(file).startswith(("/dev/", "/proc/"))  # noqa: PTH100  # Path.absolute keeps ".."


@contextmanager
def open_to_read(file: Path, *, bounded: bool = False) -> Iterator[BufferedReader]:
    """Open a regular file; errors contain its name.

    Args:
        bounded: also open what the system names, such as `/dev/fd/63` of a shell. It may be endless, so the caller must
            limit how much it reads.

    Raises:
        OSError: the file cannot be opened, or reading it could wait forever.
    """
    with naming_errors(file):
        mode = path_of_file(file).stat().st_mode
        if stat.S_ISDIR(mode):
            raise messages.is_a_folder()
        if not stat.S_ISREG(mode) and not (bounded and _is_of_system(file)):
            raise messages.not_a_regular_file(kind_of_file(mode))
        with file.open("rb") as stream:
            yield stream


def near_file(path: Path) -> Path | None:
    """Return the only file beside a missing one whose name differs by a slip, or by another suffix of YAML."""
    suffix = {".yml": ".yaml", ".yaml": ".yml"}.get(path.suffix, path.suffix)
    try:
        # The missing file itself is listed if it is a link to nothing.
        beside = [file.name for file in path.parent.iterdir() if file.name != path.name]
        same = path.with_suffix(suffix).name
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


def write_whole_file(file: Path, data: bytes) -> None:
    """Write a file atomically: at any moment it has either the entire old content or the entire new content.

    The content is written to a temporary file in the same folder, flushed to the disk and renamed. Links, owner, group
    and mode are preserved. If renaming would lose the name or the owner, the file itself is written. Only regular files
    are replaced; `/dev/stdout` and others are opened and written as they are.

    A process that is killed while writing `plan.yaml` may leave a hidden file: `.plan.yaml.` and 16 digits. The next
    write of `plan.yaml` removes it, but not on Windows.

    Raises:
        OSError: the file cannot be written. The error contains its name, or the name of the missing folder.
    """
    path_of_file(file)
    target = Path(os.path.realpath(file))
    is_opened = _is_of_system(file) or (file.exists() and not file.is_file())
    if not is_opened:
        _check_folder(target, file)
    with _errors_of(file):
        if is_opened:
            with file.open("wb") as stream:
                stream.write(data)
        else:
            _write_regular(target, data)


def _check_folder(target: Path, file: Path) -> None:
    """Raise an error if the folder of a file to write does not exist."""
    if not target.parent.is_dir():
        raise messages.no_such_folder(file)


@contextmanager
def _errors_of(file: Path) -> Iterator[None]:
    """Name the file in each error of the operating system, instead of no file or the temporary one."""
    try:
        yield
    except OSError as error:
        if error.errno is not None:
            error.filename = str(file)
        raise


def _write_to_disk(stream: IO[bytes], data: bytes) -> None:
    stream.write(data)
    stream.flush()
    os.fsync(stream.fileno())


def _write_regular(target: Path, data: bytes) -> None:
    """Replace or create a regular file. If it cannot be replaced, write into it."""
    old = None
    with suppress(FileNotFoundError), target.open("r+b"):  # a read-only file must not be replaced either
        old = target.stat()
    _remove_leftovers(target)
    while not _replace(target, data, old):
        pass


def _replace(target: Path, data: bytes, old: os.stat_result | None) -> bool:
    """Write the content to a temporary file and rename it; return whether nobody removed that file before.

    Another machine may remove it, because some file systems keep locks only on each machine.

    Args:
        target: the file to replace or create.
        data: the content.
        old: the status of the old file.
    """
    from shutil import copystat  # imported here because it loads every compression module, and most programs only read

    beside = target.with_name(f"{_hidden_name(target)}{os.urandom(8).hex()}")
    mode = 0o666 if old is None else 0o600  # that of an old file is copied
    try:
        with open(beside, "xb", opener=lambda path, flags: os.open(path, flags, mode)) as out:
            _lock(out)
            _write_to_disk(out, data)
            if old is not None:
                new = beside.stat()
                if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
                    os.chown(beside, old.st_uid, old.st_gid)
                copystat(target, beside)  # mode, access control lists and other attributes
                os.utime(beside)
            if fcntl is None:
                out.close()  # Windows renames no open file
            beside.replace(target)
    except FileNotFoundError:
        if beside.exists() or not target.parent.is_dir():
            raise
        return False
    except OSError as error:
        if old is None or error.errno not in _NOT_REPLACEABLE:
            raise
        with target.open("r+b") as stream:
            _write_to_disk(stream, data)
            stream.truncate()  # last, so that a full disk keeps the end of the old file
    finally:
        beside.unlink(missing_ok=True)
    return True


def _hidden_name(target: Path) -> str:
    """Return the begin of the name of a temporary file."""
    return f".{target.name[:50]}."


def _remove_leftovers(target: Path) -> None:
    """Remove the temporary files of processes that were killed: those that no process has locked."""
    name_of_leftover = re.compile(re.escape(_hidden_name(target)) + "[0-9a-f]{16}")
    with suppress(OSError):  # a folder whose files must not be listed
        for name in os.listdir(target.parent):  # noqa: PTH208  # a Path for each file takes ten times as long
            if name_of_leftover.fullmatch(name):
                _remove_unlocked(target.with_name(name))


def _remove_unlocked(leftover: Path) -> None:
    """Remove a file, unless a process has locked it, or locks are unknown here."""
    with suppress(OSError), leftover.open("r+b") as stream:
        if _lock(stream):
            leftover.unlink()


def _lock(stream: IO[bytes]) -> bool:
    """Lock an open file until it is closed or the process ends; return False if it is locked or cannot be."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
