"""Comments that silence diagnostics: at the end of a line for that line, on a line of their own for the whole file."""

import pytest

from paramsched.errors import Diagnostic
from paramsched.tools.check.comments import without_silenced

TEXT = "horizon: 9\nlr: cosine(){}\n{}\nmomentum: linear()\n"
FOUND = [
    Diagnostic("$", "found", code=code, file="p.yaml", line=line) for code in ("PS201", "PS211") for line in (2, 4)
]


@pytest.mark.parametrize(
    ("at_end", "alone", "left"),
    [
        ("", "", [("PS201", 2), ("PS201", 4), ("PS211", 2), ("PS211", 4)]),
        ("  # paramsched: ignore PS201", "", [("PS201", 4), ("PS211", 2), ("PS211", 4)]),
        ("  # paramsched: ignore PS201, PS211", "", [("PS201", 4), ("PS211", 4)]),
        ("", "  # paramsched: ignore PS211", [("PS201", 2), ("PS201", 4)]),
        ("  # paramsched: ignore PS201", "# paramsched: ignore PS211", [("PS201", 4)]),
        ("", "# paramsched: ignore PS999", [("PS110", 3), ("PS201", 2), ("PS201", 4), ("PS211", 2), ("PS211", 4)]),
    ],
)
def test_a_comment_silences_its_line_or_the_file(at_end: str, alone: str, left: list[tuple[str, int]]) -> None:
    found = without_silenced(FOUND, TEXT.format(at_end, alone), "p.yaml")

    assert [(one.code, one.line) for one in found] == left
