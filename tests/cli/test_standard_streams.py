"""Standard input and output of a shell: redirected, piped, closed, full; and a removed folder."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from paramsched.cli import main
from support.spread import spread

pytestmark = pytest.mark.heavy
CONVERTED = '{\n  "lr": "cosine(to=0.1)"\n}\n'


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


def test_standard_output_given_by_path_is_written_in_order(shell, tmp_path):
    shell("( echo first; $P convert plan.yaml --to json -o /dev/stdout; echo last ) > all.log")

    assert (tmp_path / "all.log").read_text() == f"first\n{CONVERTED}last\n"


@pytest.mark.parametrize("output", spread(["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "-"], "/dev/stdout", "-"))
def test_standard_output_is_piped(shell, output):
    assert shell(f"$P convert plan.yaml --to json -o {output} | cat").stdout == CONVERTED


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
def test_the_error_names_a_closed_or_full_stream(shell, line, code, message):
    if "/dev/full" in line and not Path("/dev/full").is_char_device():
        pytest.skip("no such device")

    ran = shell(line)

    assert (ran.returncode, ran.stderr) == (code, message)


@pytest.mark.parametrize(
    ("arguments", "begin"),
    [
        (["convert", "cosine()", "--to", "json"], '{\n  "lr": "cosine()"'),
        (["show", "cosine()", "--total", "9", "--to", "svg"], "<svg"),
    ],
)
def test_a_dash_means_standard_output(tmp_path, monkeypatch, arguments, begin):
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(main, [*arguments, "-o", "-"])

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(begin)
    assert not any(tmp_path.iterdir())


def test_a_picture_on_standard_output_needs_a_format_and_the_advice_works():
    arguments = ["show", "cosine()", "--total", "9", "-o", "-"]
    refused = CliRunner().invoke(main, arguments)

    assert refused.exit_code == 2
    assert "--to svg" in refused.stderr
    assert CliRunner().invoke(main, [*arguments, "--to", "svg"]).exit_code == 0
