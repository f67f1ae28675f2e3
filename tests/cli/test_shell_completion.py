"""Shell completion: files for file arguments. Commands and options are completed by click."""

import pytest
from click.shell_completion import ShellComplete

from paramsched.cli import main


def offered(words: list[str], typed: str) -> list[tuple[str, str]]:
    shell = ShellComplete(main, {}, "paramsched", "_PARAMSCHED_COMPLETE")
    return [(item.type, item.value) for item in shell.get_completions(words, typed)]


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


@pytest.mark.parametrize("command", ["show", "convert"])
def test_files_are_completed_for_the_output_option(command):
    assert offered([command, "plan.yaml", "-o"], "out") == [("file", "out")]
