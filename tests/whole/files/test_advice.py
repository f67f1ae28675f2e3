"""The fix suggested by an error of a file or a command works when it is applied there.

These tests need further doors.
"""

import pytest
from click.testing import CliRunner

from paramsched.cli import main

COMMANDS = [
    (["show", "step(30)"], ["--horizon", "10000"]),
    (["show", "warmup('5 epochs') >> cosine()", "--horizon", "1000"], ["--steps-per-epoch", "100"]),
    (["check", "warmup('5 samples') >> cosine()", "--horizon", "1000"], ["--batch-size", "256"]),
    (["show", "--table", "warmup('5 tokens') >> cosine()", "--horizon", "1000"], ["--tokens-per-step", "4096"]),
    (["show", "warmup('5 s') >> cosine()", "--horizon", "1000", "-o", "x.svg"], ["--seconds-per-step", "0.25"]),
    (["show", "cosine()", "--horizon", "10", "--base", "lr=x"], ["--base", "lr=0.1"]),
]


@pytest.mark.parametrize(("words", "better"), COMMANDS)
def test_a_command_works_with_the_options_it_asks_for(tmp_path, monkeypatch, words, better):
    monkeypatch.chdir(tmp_path)

    ended = CliRunner().invoke(main, words)

    assert ended.exit_code == 2
    assert " ".join(better) in ended.stderr
    if better[0] in words:
        at = words.index(better[0])
        words = words[:at] + words[at + 2 :]
    assert CliRunner().invoke(main, [*words, *better]).exit_code == 0


@pytest.mark.parametrize(("word", "name"), [("shw", "show"), ("convrt", "convert")])
def test_a_suggested_command_exists(word, name):
    assert f'Did you mean "{name}"?' in CliRunner().invoke(main, [word]).stderr
    assert CliRunner().invoke(main, [name, "--help"]).exit_code == 0
