"""Fixes: the changes of a text that findings ask for, made where they are safe; the rest stays byte for byte."""

from collections.abc import Iterable

from paramsched.config.checking.finding import Finding, TextEdit


def edits_of(findings: Iterable[Finding]) -> tuple[TextEdit, ...]:
    """The changes that findings ask for, from left to right; of two that overlap the first."""
    chosen: list[TextEdit] = []
    edits = {finding.fix for finding in findings if finding.fix is not None}
    for edit in sorted(edits, key=lambda one: (one.begin, one.end, one.text)):
        if not chosen or edit.begin >= chosen[-1].end:
            chosen.append(edit)
    return tuple(chosen)


def with_edits(text: str, edits: Iterable[TextEdit]) -> str:
    """A text with changes made in it.

    >>> with_edits("weight_decy: 1", [TextEdit(0, 11, "weight_decay")])
    'weight_decay: 1'
    """
    pieces: list[str] = []
    at = 0
    for edit in edits:
        pieces += [text[at : edit.begin], edit.text]
        at = edit.end
    return "".join([*pieces, text[at:]])
