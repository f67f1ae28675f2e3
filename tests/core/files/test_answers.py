"""What is read from a plan file: the plan, or each problem with its place, its advice and the corrected text.

The answers are in `answers.yaml`. `PYTHONPATH=tests python tests/core/files/test_answers.py` writes them.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from paramsched.core import files as config
from paramsched.core.base.diagnostic import Diagnostic
from paramsched.errors import ConfigError
from support import answers

pytestmark = pytest.mark.peer("torch")  # its words are in the readers of other libraries

FILE = Path(__file__).with_name("answers.yaml")


def shown(fault: Diagnostic, text: str) -> str:
    """Return a problem with its place and code, and the text after its correction."""
    place = "" if fault.line is None else f"{fault.line}:{fault.column} "
    edit = fault.edit
    edited = "" if edit is None else f" => {text[: edit.begin]}{edit.text}{text[edit.end :]}"
    return f"{place}{fault.code} {fault.path_and_message}{edited}"


def answer_to(question: dict[str, Any]) -> dict[str, Any]:
    """Return a question with the plan of its text or of its data, or with the problems."""
    question = {key: value for key, value in question.items() if key not in ("plan", "note", "problems")}
    ((syntax, given),) = question.items()
    text = given if isinstance(given, str) else ""
    try:
        read = config.open_plan(given, None if syntax == "data" else syntax).loaded()
    except ConfigError as refusal:
        return {**question, "problems": [shown(fault, text) for fault in refusal.diagnostics]}
    return {**question, "plan": str(read.plan)} | ({"note": read.note} if read.note else {})


@answers.in_parts(FILE)
def test_answers(places, subtests):
    answers.check(FILE, answer_to, places, subtests)


def lines_of(text: str, syntax: str) -> dict[tuple[str, str | int | None], str] | None:
    """Return the lines of a plan file; None if it has other problems."""
    try:
        return {(one.name, one.groups): str(one.schedule) for one in config.loads(text, syntax).bindings}
    except ConfigError:
        return None


def test_a_correction_writes_the_line_of_its_advice():
    checked = 0
    for question in answers.read(FILE):
        syntax, text = next(iter(question.items()))
        if "problems" not in question or syntax == "data":
            continue
        with pytest.raises(ConfigError) as refusal:
            config.loads(text, syntax)
        for fault in refusal.value.diagnostics:
            edit, entry = fault.edit, fault.entry
            if edit is None or entry is None or fault.path.startswith("$.targets"):  # no lines of fields
                continue
            edited = lines_of(text[: edit.begin] + edit.text + text[edit.end :], syntax)
            advised = lines_of(f"{{{json.dumps(entry.key)}: {entry.value}}}", "json")
            if edited is not None and advised is not None:
                checked += 1
                assert {(name, line) for (name, _), line in advised.items()} <= {
                    (name, line) for (name, _), line in edited.items()
                }, text
    assert checked > 20


if __name__ == "__main__":
    answers.write(FILE, [answer_to(one) for one in answers.read(FILE)])
