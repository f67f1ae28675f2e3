"""Shell completion: commands, options, format names, and files for file arguments."""

import pytest
from click.shell_completion import ShellComplete

from paramsched.cli import main
from paramsched.core import files as config
from paramsched.core.base.check_rules import check_rules
from support.tables import table


def offered(words: list[str], typed: str) -> list[tuple[str, str]]:
    shell = ShellComplete(main, {}, "paramsched", "_PARAMSCHED_COMPLETE")
    return [(item.type, item.value) for item in shell.get_completions(words, typed)]


def test_commands_are_completed():
    assert ("plain", "convert") in offered([], "co")


def test_options_are_completed():
    assert ("plain", "--steps-per-epoch") in offered(["show", "plan.yaml"], "--st")


@pytest.mark.parametrize("words", [["convert", "a.yaml", "--to"], ["convert", "--from"], ["check", "--format"]])
def test_format_names_are_completed_for_format_options(words):
    assert offered(words, "") == [("plain", name) for name in config.formats()]


@pytest.mark.parametrize(
    "words",
    [
        ["show"],
        ["convert"],
        ["check", "a.yaml"],
        ["diff", "a.yaml"],
        ["show", "a.yaml", "--other"],
        ["audit"],
        ["resume"],
    ],
    ids=" ".join,
)
def test_files_are_completed_for_file_arguments(words):
    assert offered(words, "pl") == [("file", "pl")]


@table(
    ("words", "typed", "expected"),
    [
        (["recipes"], "llama3-4", ["llama3-405b"]),
        (["show"], "recipe:llama3-4", ["recipe:llama3-405b"]),
        (["audit", "a.jsonl", "--plan"], "recipe:llama3-4", ["recipe:llama3-405b"]),
        (["check", "--explain"], "PS21", [code for code in check_rules() if code.startswith("PS21")]),
        (["check", "a.yaml", "--select"], "PS1,PS211", ["PS1,PS211"]),
    ],
)
def test_recipes_and_codes_are_completed(words, typed, expected):
    assert offered(words, typed) == [("plain", one) for one in expected]


@pytest.mark.parametrize("command", ["show", "convert"])
def test_files_are_completed_for_the_output_option(command):
    assert offered([command, "plan.yaml", "-o"], "out") == [("file", "out")]
