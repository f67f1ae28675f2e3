"""CheckRule: what a code of the check stands for."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, final

Severity: TypeAlias = Literal["error", "warning", "info"]

NATIVE: Final = "plan.yaml"
PYTHON: Final = "config.py"


@final
@dataclass(frozen=True, slots=True)
class CheckRule:
    """One rule of the check.

    Args:
        code: stays what it is for ever: `PS205`.
        name: a few words: `long-warmup`.
        severity: an error no run can go with; a warning is for a plan that runs, but hardly as meant; info is to be
            known.
        line: what is found.
        why: why it matters.
        wrong: a file in which it is found; "" where a text alone does not show it.
        right: the file as it should be.
        file: what the file is called, whose suffix says its format.
        options: of the command line, with which it is found.
    """

    code: str
    name: str
    severity: Severity
    line: str
    why: str
    wrong: str = ""
    right: str = ""
    file: str = NATIVE
    options: tuple[str, ...] = ()
