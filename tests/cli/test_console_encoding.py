"""A console that is not UTF-8, such as cp1252 on Windows: each command works, and files are UTF-8."""

import pytest
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main

PLAN = ps.Plan(
    ps.Binding("lr", "warmup('5%') >> cosine(to=0.1)", groups="头→*"), lr="step('30%', 0.5)", total="2000 steps"
)


@pytest.fixture(autouse=True)
def _files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, plan in {"plan.yaml": PLAN, "other.yaml": ps.Plan(lr="cosine()", total=2000)}.items():
        (tmp_path / name).write_text(ps.dump(plan, format="yaml"), encoding="utf-8")


def call(*command):
    return CliRunner(charset="cp1252").invoke(main, command)


@pytest.mark.parametrize(
    "command",
    [
        ["show", "plan.yaml"],
        ["show", "--table", "plan.yaml"],
        ["check", "plan.yaml"],
        ["show", "plan.yaml", "--json"],
        ["recipes", "llama3-405b"],
        ["recipes", "warmup → 余弦"],
        ["check", "--help"],
    ],
    ids=" ".join,
)
def test_a_command_prints_in_the_encoding_of_the_console(command):
    done = call(*command)

    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    assert done.output.strip()


def test_characters_that_the_console_lacks_are_escaped():
    assert r"lr @ \u5934\u2192*" in call("diff", "plan.yaml", "other.yaml").stdout


def test_the_content_of_a_file_is_printed_in_utf_8():
    printed = call("convert", "plan.yaml", "--to", "json").stdout_bytes.decode()

    assert ps.loads(printed, format="json") == PLAN
