"""The errors of files, and those that several packages raise: one function for each, which returns the error."""

import errno
import os
from pathlib import Path

from paramsched.base.words import printable
from paramsched.errors import CallSite, InvalidArgument, shown


def name_is_taken(site: str | CallSite) -> InvalidArgument:
    """Return the error for a name that something else has."""
    return InvalidArgument(site, "the name is taken", "Choose another name")


def not_a_path(value: object) -> InvalidArgument:
    """Return the error for a value in place of a path."""
    message = f"expected a path, got {type(value).__name__}"
    return InvalidArgument(f"the file {shown(value)}", message, 'For example: "plan.yaml"')


def invalid_file_name(path: object) -> FileNotFoundError:
    """Return the error for a name that no file can have."""
    return FileNotFoundError(errno.ENOENT, "invalid file name", printable(str(path)))


def no_such_folder(file: Path) -> FileNotFoundError:
    """Return the error for a file to write whose folder does not exist."""
    return FileNotFoundError(errno.ENOENT, "no such folder", str(file.parent))


def is_a_folder() -> IsADirectoryError:
    """Return the error for a folder in place of a file, to which the name is added."""
    return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))


def not_a_regular_file(file_type: str) -> OSError:
    """Return the error for a kind of file that reading could wait for forever, to which the name is added."""
    return OSError(errno.EINVAL, f"expected a regular file, got {file_type}")
