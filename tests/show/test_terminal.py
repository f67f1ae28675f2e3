"""`paramsched show` in a real terminal: colors if they are wanted; two plans on one clock."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from paramsched.cli import main


def in_terminal(**environment: str) -> str:
    """Return the text that the command writes to a terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "paramsched", "show", "cosine()", "--total", "40", "--height", "3"]
    kept = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    subprocess.run(command, stdout=theirs, env={**kept, "TERM": "xterm-256color", **environment}, check=True)
    os.close(theirs)
    said = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        said += piece
    os.close(ours)
    return said.decode()


@pytest.mark.parametrize(
    ("environment", "colored"),
    [({}, True), ({"TERM": "dumb"}, False), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)],
)
def test_colors_are_used_in_a_terminal_that_supports_them(environment: dict[str, str], colored: bool) -> None:
    assert ("\x1b[" in in_terminal(**environment)) is colored


PLANS = {
    "short.yaml": "total: 50\nlr: linear()\n",
    "long.yaml": "total: 100\nlr: cosine()\n",
    "million.yaml": "total: 1e6 tokens\nlr: linear()\n",
    "two.yaml": "total: 2e6 tokens\nlr: linear()\n",
    "open.yaml": "lr: linear()\n",
}


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Draw two plans; return the last columns of their curves and the messages."""
    monkeypatch.chdir(tmp_path)
    for name, text in PLANS.items():
        Path(name).write_text(text, encoding="utf-8")

    def call(first: str, second: str, *options: str) -> tuple[str, str]:
        found = CliRunner().invoke(main, ["show", first, "--other", second, "--width", "80", *options])
        assert found.exit_code == 0, found.output
        return found.stdout, found.stderr

    return call


@pytest.mark.parametrize(("first", "second"), [("short.yaml", "long.yaml"), ("million.yaml", "two.yaml")])
@pytest.mark.parametrize("swapped", [False, True])
def test_the_shorter_plan_is_not_stretched(beside, first: str, second: str, swapped: bool) -> None:
    drawn, _ = beside(*((second, first) if swapped else (first, second)))

    assert ("linear(over=50)" in drawn and "cosine(over=100)" in drawn) or (
        "linear(over=500)" in drawn and "linear(over=1000)" in drawn
    )


@pytest.mark.parametrize(("first", "second"), [("long.yaml", "open.yaml"), ("open.yaml", "long.yaml")])
def test_a_plan_without_a_length_uses_the_length_of_the_other_plan(beside, first: str, second: str) -> None:
    drawn, said = beside(first, second)

    assert "linear(over=100)" in drawn
    assert "no total given for open.yaml; taken to be the other plan's, 100 updates" in said


def test_a_total_option_applies_to_plans_without_one(beside) -> None:
    drawn, _ = beside("open.yaml", "short.yaml", "--total", "200")

    assert "linear(over=200)" in drawn
    assert "linear(over=50)" in drawn
