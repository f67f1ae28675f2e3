"""What each command answers to valid and to mistaken calls: exit code, codes, places, values, lines to write, files.

Words are not compared, except in `first_words.yaml`: what a user meets first. The answers are in `commands.yaml`.
`PYTHONPATH=tests python tests/cli/test_command_answers.py` writes them anew; read the diff.
"""

import atexit
import os
import re
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from click.testing import CliRunner

from cli.command_inputs import ANSWERS, inputs
from paramsched.base import VERSION
from paramsched.cli import main
from support import answers

FIRST_WORDS = ANSWERS.with_name("first_words.yaml")
WRITTEN_AT = 10**9
"""The time of the inputs in nanoseconds: another one shows that a command has written a file."""


@cache
def shared_folder() -> Path:
    """Return a folder for all commands, because writing all inputs takes longer than most commands."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    return Path(folder.name)


def restore(folder: Path) -> dict[str, bytes]:
    """Make a folder contain the inputs and nothing else; return the files that were written or changed."""
    written = {}
    kept = set()
    for file in os.scandir(folder):
        if file.name not in inputs() or file.stat(follow_symlinks=False).st_mtime_ns != WRITTEN_AT:
            written[file.name] = Path(file).read_bytes()
            Path(file).unlink()
        else:
            kept.add(file.name)
    for name in inputs().keys() - kept:
        (folder / name).write_bytes(inputs()[name])
        os.utime(folder / name, ns=(WRITTEN_AT, WRITTEN_AT))
    return written


def full_answer_to(question: dict[str, Any]) -> dict[str, Any]:
    """Run a command in a folder with the inputs, and return what it printed and wrote."""
    before = Path.cwd()
    folder = shared_folder()
    restore(folder)
    os.chdir(folder)
    try:
        arguments = shlex.split(question["paramsched"])
        with terminal_of(question.get("columns")):
            done = CliRunner().invoke(main, arguments, input=question.get("input"), prog_name="paramsched")
    finally:
        os.chdir(before)
        written = restore(folder)
    if "needs paramsched-runner" in done.stderr:
        pytest.skip("a config, without the second distribution")
    texts = {name: file.decode() for name, file in sorted(written.items()) if inputs().get(name) != file}
    answer = {key: question[key] for key in ("paramsched", "input", "columns", "long") if key in question}
    actual = {"code": done.exit_code, "prints": done.stdout, "errors": done.stderr, "writes": texts}
    return answer | {key: value for key, value in actual.items() if value}


def answer_to(question: dict[str, Any]) -> dict[str, Any]:
    """Return the answer without words; a plan that a command prints or writes is kept."""
    answer = full_answer_to(question)
    printed = answer.get("prints", "")
    lines = printed.count("\n")
    answer["prints"] = answers.facts_of_report(printed) + f"; {lines} lines" * (lines > 1)
    errors = answer.get("errors", "")
    advised = re.findall(r"(?:Write|For example:|did you mean) (.*)", errors)
    answer["errors"] = [
        fact for fact in (answers.facts_of(errors), *advised, f"{len(errors.splitlines())} lines") if errors
    ]
    answer["writes"] = {name: text_of(text) for name, text in answer.get("writes", {}).items()}
    return {key: value for key, value in answer.items() if value}


@contextmanager
def terminal_of(columns: int | None) -> Iterator[None]:
    """Make the output that of a terminal without colors, if a number of columns is given."""
    if columns is None:
        yield
        return
    settings = {"COLUMNS": str(columns), "NO_COLOR": "1"}
    with patch.dict(os.environ, settings), patch("paramsched.cli._output.is_terminal", lambda: True):
        yield


def text_of(text: str) -> str:
    """Return a written plan; of a picture, only the numbers in its texts, without the version."""
    if not text.startswith(("<svg", "<!doctype html>")):
        return text
    plain = re.sub("<style>.*?</style>|<script.*?</script>", "", text.replace(VERSION, ""), flags=re.DOTALL)
    return answers.facts_of(" ".join(re.findall(">([^<>]+)<", plain)))


@answers.in_parts(ANSWERS)
def test_commands(places, subtests):
    answers.check(ANSWERS, answer_to, places, subtests)


@answers.in_parts(FIRST_WORDS)
def test_first_words(places, subtests):
    answers.check(FIRST_WORDS, full_answer_to, places, subtests)


if __name__ == "__main__":
    answers.write(ANSWERS, [answer_to(question) for question in answers.read(ANSWERS)])
    answers.write(FIRST_WORDS, [full_answer_to(question) for question in answers.read(FIRST_WORDS)])
