"""`paramsched check --fix`: files are changed where a finding says how, and nowhere else."""

from collections.abc import Callable, Sequence
from pathlib import Path

from paramsched.cli._given_plan import names_a_file
from paramsched.cli._messages import say_note
from paramsched.config.checking.finding import Finding, edits_of, with_edits
from paramsched.config.plan_files import read_plan_text
from paramsched.config.text_limits import write_whole_file

_MOST_ROUNDS = 10  # a change may show what stood behind it
_MARK = b"\xef\xbb\xbf"  # which some editors put before a text in UTF-8


def fix_file(given: str, format: str | None, find: Callable[[str], Sequence[Finding]]) -> None:
    """Change a plan's file as its findings ask for, until none asks any more.

    Args:
        given: the plan as on the command line; what is no file is left alone.
        format: of the file.
        find: gives what is wrong with it.

    Raises:
        OSError: it cannot be written.
    """
    if not names_a_file(given):
        return
    changed = 0
    for _ in range(_MOST_ROUNDS):
        edits = edits_of(find(given))
        if not edits:
            break
        text = read_plan_text(given, format).text
        mark = _MARK if Path(given).read_bytes().startswith(_MARK) else b""
        write_whole_file(Path(given), mark + with_edits(text, edits).encode())
        changed += len(edits)
    if changed:
        say_note(f"{given}: mended {changed} {'place' if changed == 1 else 'places'}")
