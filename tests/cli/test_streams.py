"""The streams of a process as a command finds them: absent, of a console, a terminal, or replaced by a program."""

import sys
from io import BytesIO, StringIO, TextIOWrapper

import pytest

from paramsched.cli._output import is_terminal, run_guarded
from paramsched.cli._plan_input import text_of_plan_input


class Terminal(StringIO):
    def isatty(self):
        return True


def test_a_closed_standard_input_is_named(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)

    with pytest.raises(OSError, match="it is closed") as error:
        text_of_plan_input("-", None)

    assert error.value.filename == "standard input"


@pytest.mark.parametrize(("errors", "after"), [("strict", "backslashreplace"), ("replace", "replace")])
def test_characters_that_a_console_lacks_are_escaped(monkeypatch, errors, after):
    console = TextIOWrapper(BytesIO(), "cp1252", errors)
    monkeypatch.setattr(sys, "stdout", console)

    assert run_guarded(lambda: 3) == 3
    assert console.errors == after


@pytest.mark.parametrize("stream", [StringIO(), None])
def test_other_streams_stay_as_they_are(monkeypatch, stream):
    monkeypatch.setattr(sys, "stdout", stream)

    assert run_guarded(lambda: 3) == 3
    assert sys.stdout is stream


@pytest.mark.parametrize(("stream", "expected"), [(Terminal(), True), (StringIO(), False), (None, False)])
def test_only_a_terminal_is_one(monkeypatch, stream, expected):
    monkeypatch.setattr(sys, "stdout", stream)

    assert is_terminal() is expected
