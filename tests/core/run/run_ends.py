"""What a process logs until its normal end, without a process of its own for each script."""

import logging
import sys
import warnings
from pathlib import Path

import pytest

from paramsched.core.diagnosis import ends


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def lines_logged(code: str, folder: Path) -> list[str]:
    """Return what a process with this script would log, also at its end; an error of the script ends it too."""
    log = logging.getLogger("paramsched")
    handler = _Lines()
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.chdir(folder)
        patch.setattr(ends, "_runs", [])
        patch.setattr(sys, "last_value", None, raising=False)
        names = {"__name__": "__main__"}
        log.addHandler(handler)
        try:
            exec(code, names)
        except (ValueError, KeyboardInterrupt) as error:
            patch.setattr(sys, "last_value", error)
        finally:
            ends._log_ends()
            log.removeHandler(handler)
    return handler.lines
