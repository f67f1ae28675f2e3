"""Standard streams: absent, closed, full, piped, a terminal, or a console that is not UTF-8."""

import subprocess
import sys
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

import pytest
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main
from paramsched.cli._input import text_of_plan_input
from paramsched.cli._output import is_terminal, run_guarded


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


PLAN = ps.Plan(
    ps.Binding("lr", "warmup('5%') >> cosine(to=0.1)", groups="头→*"), lr="step('30%', 0.5)", total="2000 steps"
)


@pytest.fixture
def plans_with_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, plan in {"plan.yaml": PLAN, "other.yaml": ps.Plan(lr="cosine()", total=2000)}.items():
        (tmp_path / name).write_text(ps.dump(plan, format="yaml"), encoding="utf-8")


def call(*command):
    return CliRunner(charset="cp1252").invoke(main, command)


@pytest.mark.parametrize(
    "command",
    [
        ["show", "plan.yaml"],
        ["check", "plan.yaml"],
        ["show", "plan.yaml", "--json"],
        ["recipes", "llama3-405b"],
        ["recipes", "warmup → 余弦"],
        ["check", "--help"],
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("plans_with_names")
def test_a_command_prints_in_the_encoding_of_the_console(command):
    done = call(*command)

    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    assert done.output.strip()


@pytest.mark.usefixtures("plans_with_names")
def test_characters_that_the_console_lacks_are_escaped():
    assert r"lr @ \u5934\u2192*" in call("diff", "plan.yaml", "other.yaml").stdout


@pytest.fixture
def shell(tmp_path):
    """Return a function that runs a shell line, with the command as `$P`, in a folder with a plan."""
    (tmp_path / "plan.yaml").write_text("lr: cosine(to=0.1)\n")

    def run_line(line: str) -> subprocess.CompletedProcess[str]:
        script = f"P='{sys.executable} -m paramsched'; {line}"
        ran = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert "Traceback" not in ran.stderr
        return ran

    return run_line


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("$P show plan.yaml --total 9 >&-", 0, ""),
        ("$P check plan.yaml >&- 2>&-", 0, ""),
        ("$P check - <&-", 2, "standard input: it is closed\n"),
        ("$P show plan.yaml --total 9 > /dev/full", 2, "standard output: No space left on device\n"),
        ("$P check none.yaml 2> /dev/full", 2, ""),
        ("mkdir gone; cd gone; rmdir ../gone; $P check 'cosine()'", 0, ""),
        (
            "mkdir gone; cd gone; rmdir ../gone; $P check 'cosine()' --import mine",
            2,
            "the current folder: No such file or directory\n",
        ),
    ],
)
@pytest.mark.heavy
def test_the_error_names_a_closed_or_full_stream(shell, line, code, message):
    if "/dev/full" in line and not Path("/dev/full").is_char_device():
        pytest.skip("no such device")

    ran = shell(line)

    assert (ran.returncode, ran.stderr) == (code, message)
