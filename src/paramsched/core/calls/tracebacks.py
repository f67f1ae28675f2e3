"""Tracebacks of mistakes in one line: the frames of the user, without those of this library between them."""

import os
from collections.abc import Callable
from functools import wraps
from types import TracebackType
from typing import Any, Final, TypeVar, cast

from paramsched.errors import ParamschedError

_Error = TypeVar("_Error", bound=BaseException)
_Function = TypeVar("_Function", bound=Callable[..., Any])

_FULL: Final = "PARAMSCHED_TRACEBACK"
"""The environment variable that keeps all frames if it is "full"."""


def shortened(error: _Error) -> _Error:
    """Return an error whose traceback has no frame of this library; functions of users that it called are kept.

    A public function raises the result where it catches the error, so that its own frame is the only one of the library
    below the user's line. With `PARAMSCHED_TRACEBACK=full` in the environment, the error keeps all frames.
    """
    if os.environ.get(_FULL) == "full":
        return error
    entries = list[TracebackType]()
    entry = error.__traceback__
    while entry is not None:
        if entry.tb_frame.f_globals.get("__name__", "").partition(".")[0] != "paramsched":
            entries.append(entry)
        entry = entry.tb_next
    short: TracebackType | None = None
    for entry in reversed(entries):
        short = TracebackType(short, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return error.with_traceback(short)


def with_short_errors(function: _Function) -> _Function:
    """Return a public function whose errors have a short traceback. It is not for functions that an update calls."""

    @wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except ParamschedError as error:
            raise shortened(error)  # noqa: B904  # the same error

    return cast(_Function, called)
