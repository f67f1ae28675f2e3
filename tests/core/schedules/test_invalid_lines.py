"""The errors, their places and the correction of each line of `invalid_lines.txt`; `\\n` in a line is a line break.

To write the file again after a change of messages: `python tests/core/schedules/test_invalid_lines.py`.
"""

import re
from pathlib import Path

import pytest

from paramsched.core.schedules import schedule_or_faults
from paramsched.core.schedules.text.parsing import meant_line
from paramsched.errors import InvalidArgument

pytestmark = pytest.mark.peer("torch")  # its words are in the readers of other libraries

FILE = Path(__file__).with_name("invalid_lines.txt")
_IN_PART = 8  # few lines in each test, so that each executes few lines of the library


def described(line: str) -> str:
    """Return each error of a line with the part at fault, and the corrected line."""
    text = line.replace("\\n", "\n")
    faults = schedule_or_faults(text)
    assert isinstance(faults, list), f"expected an invalid line, got {line}"
    # Without examples and lists of all names, which other modules choose.
    texts = [re.sub(r"[.:] For example: .*", "", str(one)) for one in faults]
    messages = [re.sub(r"expected one of [\w, ]+", "expected one of …", one) for one in texts]
    texts = [f"{one}{_replaced(fault)}" for one, fault in zip(messages, faults, strict=True)]
    rows = [f"    {fault.text[slice(*fault.span)]:<12}  {one}" for fault, one in zip(faults, texts, strict=True)]
    meant = meant_line(text)
    assert meant is None or not isinstance(schedule_or_faults(meant), list)
    rows.append(f"    corrected     {meant}")
    return "\n".join([line, *(row.replace("\n", "\\n") for row in rows)])


def _replaced(fault: InvalidArgument) -> str:
    """Return what `paramsched check --fix` replaces, if it is not the entire line."""
    gone, new = fault.problem.replace or ("", "")
    return f" [{gone} -> {new}]" if gone and gone not in (fault.text, fault.text.strip()) else " [all]" if gone else ""


def test_a_line_of_more_than_400_characters_has_no_correction() -> None:
    assert [meant_line("cosin()".rjust(size)) for size in (400, 401)] == ["cosine()", None]


def known_lines() -> list[str]:
    return [row for row in FILE.read_text(encoding="utf-8").splitlines() if row and not row.startswith("    ")]


@pytest.mark.parametrize("begin", range(0, len(known_lines()), _IN_PART))
def test_each_error_of_a_line_has_its_message_its_place_and_its_correction(begin: int) -> None:
    expected = FILE.read_text(encoding="utf-8").rstrip("\n").split("\n\n")[begin : begin + _IN_PART]

    assert [described(line) for line in known_lines()[begin : begin + _IN_PART]] == expected


if __name__ == "__main__":
    FILE.write_text("\n\n".join(map(described, known_lines())) + "\n", encoding="utf-8")
