"""In a terminal of 80 columns: no command prints a line that the terminal must break; colors as in `show`."""

import os
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import click
import pytest

import paramsched
from cli import terminal
from cli.command_inputs import ANSWERS, inputs
from paramsched.base.codes import check_rules
from paramsched.base.terminal import cell_width
from paramsched.cli import main
from paramsched.cli._output import terminal_width, uses_color
from paramsched.tools.recipes import recipes
from support import answers
from support.spread import spread
from support.tables import table

DATA = ("--json", "--to json", "other.toml --at", " -o -")
"""What makes the output of a command a file or data for a program, whose lines are not broken."""

LONG = {
    "long.yaml": (
        'total: 900 epochs\nlr: warmup("5 epochs", start=0.001) >> cosine(to=absolute(1e-05), over="300 epochs") '
        '>> constant(over="200 epochs") >> polynomial(to=0.0001, power=2.5, over="200 epochs") >> linear(to=0)\n'
        "weight_decay: linear(1.0, absolute(0.3))\n"
        "groups:\n  the_classification_head_of_the_model: {lr: cosine(to=0.5)}\n  backbone: {lr: cosine(to=0.25)}\n"
    ),
    "longer.yaml": (
        'total: 900 epochs\nlr: warmup("15 epochs", start=0.001) >> cosine(to=absolute(2e-05), over="300 epochs") '
        '>> constant(over="200 epochs") >> polynomial(to=0.0002, power=2.5, over="200 epochs") >> linear(to=0)\n'
    ),
    "many.yaml": "total: 900 epochs\nlr: cosine()\ngroups:\n"
    + "".join(f"  group_{number}: {{lr: cosine(to=0.{number})}}\n" for number in range(1, 9)),
    "wrong.yaml": "total: 900 epochs\n"
    "lr: warmup('5 epochs') >> cosine(too=0.1, over='300 epochs') >> linear(to=0.001)\n"
    "weight_decay: cosine(to=0.1, period=3000, over='10 epochs') >> cosin(to=0.1) "
    ">> linear(to=0.001, over='5 epoks')\n",
    "unlikely.yaml": "total: 900\nlr: warmup(60) >> cosine(start=0.1)\n"
    "weight_decay: 0.1 * cosine(to=0.1)\nmomentum: linear(0.85, 0.95)\n",
    "config.py": "param_scheduler = dict(type='CosineAnnealingLR', T_max=9, end=9)\ntrain_cfg = dict(max_epochs=9)\n",
}
FACTS = "--steps-per-epoch 100"
COMMANDS = (
    f"show --table long.yaml {FACTS}",
    "show --table long.yaml",
    f"show --groups long.yaml {FACTS}",
    f"show long.yaml {FACTS} --at 50 --at '800 epochs'",
    f"show many.yaml {FACTS} --at 50 --at '800 epochs'",
    f"show many.yaml {FACTS} --groups",
    f"show many.yaml {FACTS} --table",
    f"show long.yaml {FACTS}",
    f"show long.yaml longer.yaml {FACTS}",
    "show wrong.yaml",
    "show none_of_the_files_in_this_folder_has_a_name_that_is_as_long_as_the_name_of_this.yaml",
    "check long.yaml longer.yaml wrong.yaml unlikely.yaml",
    f"check long.yaml longer.yaml wrong.yaml unlikely.yaml {FACTS}",
    "diff long.yaml longer.yaml",
    f"diff long.yaml longer.yaml {FACTS}",
    "convert long.yaml",
    "convert config.py",
    "recipes",
    "audit long.yaml",
    "plot long.yaml --steps-per-epoch 100 --base lr=0.1 --base weight_decay=0.05 --total '90 epochs'",
)
HELP = ("--help", *(f"{name} --help" for name in main.list_commands(click.Context(main))))
EXPLAINED = tuple(f"check --explain {code}" for code in check_rules())
RECIPES = tuple(f"recipes {name}" for name in recipes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in inputs().items():
        (tmp_path / name).write_bytes(content)
    for name, text in LONG.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def too_wide(text: str, columns: int) -> list[str]:
    """Return the lines that the terminal breaks, without those of a single word, which may be a path to copy."""
    lines = [terminal.SGR.sub("", line) for line in text.split("\n")]
    return [line for line in lines if cell_width(line) > columns and " " in line.strip()]


@pytest.mark.heavy
@pytest.mark.parametrize("part", spread(range(9), 0))
def test_no_line_is_wider_than_80_columns(folder, part):
    printing = [one for one in answers.read(ANSWERS) if not any(data in one["paramsched"] for data in DATA)]
    recorded, others = printing[part::9], [] if part else [*COMMANDS, *HELP]
    commands = [*(one["paramsched"] for one in recorded), *others, *EXPLAINED[part::9], *RECIPES[part::9]]

    printed = terminal.in_terminal(commands, folder, 80, [one.get("input", "") for one in recorded])

    wide = {command: lines for command, text in zip(commands, printed, strict=True) if (lines := too_wide(text, 80))}
    assert wide == {}


@pytest.mark.parametrize("columns", [60, 120])
def test_lines_are_broken_at_the_width_of_the_terminal(folder, columns):
    commands = [
        "check long.yaml longer.yaml wrong.yaml unlikely.yaml",
        f"diff long.yaml longer.yaml {FACTS}",
        "recipes",
    ]

    printed = terminal.in_terminal(commands, folder, columns)

    assert all(columns / 2 < max(map(cell_width, terminal.SGR.sub("", text).split("\n"))) for text in printed)
    wide = {
        command: lines for command, text in zip(commands, printed, strict=True) if (lines := too_wide(text, columns))
    }
    assert wide == {}


def test_a_plan_that_is_folded_for_the_terminal_is_the_same_plan(folder):
    (printed,) = terminal.in_terminal(["convert long.yaml"], folder)

    assert len(printed.splitlines()) > len(LONG["long.yaml"].splitlines())
    assert paramsched.loads(printed) == paramsched.loads(LONG["long.yaml"])


COLORED = ("check wrong.yaml", "diff long.yaml longer.yaml")


@pytest.mark.parametrize(
    ("environment", "colored"),
    spread([({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)], ({}, True), ({"NO_COLOR": "1"}, False)),
    ids=str,
)
def test_check_diff_and_resume_have_colors_in_a_terminal_that_shows_them(folder, environment, colored):
    commands = COLORED[:2] if "NO_COLOR" in environment else COLORED  # the third one reads a checkpoint: two seconds

    printed = terminal.in_terminal(commands, folder, **environment)

    assert ["\x1b[" in text for text in printed] == [colored] * len(commands)


IS_TERMINAL = "paramsched.cli._output.is_terminal"


@table(
    ("terminal", "environment", "colored"),
    [
        (True, {}, True),
        (True, {"TERM": "xterm"}, True),
        (True, {"TERM": "dumb"}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (False, {}, False),
    ],
)
def test_colors_need_a_terminal_that_shows_them(terminal, environment, colored):
    with patch.dict(os.environ, environment, clear=True), patch(IS_TERMINAL, lambda *, err: terminal):
        assert uses_color() is colored


@table(
    ("variable", "columns", "width"),
    [
        ("72", 91, 72),
        ("", 91, 91),
        ("0", 91, 91),
        ("wide", 91, 91),
        ("", 0, 80),
        ("", None, 80),
    ],
)
def test_the_width_is_that_of_the_variable_else_of_the_terminal_else_80(variable, columns, width, monkeypatch):
    def size(number):
        if columns is None:
            raise OSError
        return os.terminal_size((columns and columns + number, 24))

    out, err = (SimpleNamespace(isatty=lambda: True, fileno=lambda number=number: number) for number in (0, 1))
    monkeypatch.setenv("COLUMNS", variable)
    monkeypatch.setattr("paramsched.cli._output.os.get_terminal_size", size)
    monkeypatch.setattr("paramsched.cli._output.sys", SimpleNamespace(stdout=out, stderr=err))

    assert (terminal_width(), terminal_width(err=True)) == (width, width + (width == 91))


def test_a_stream_that_is_closed_or_no_terminal_has_no_width(monkeypatch):
    file = SimpleNamespace(isatty=lambda: False)
    monkeypatch.setattr("paramsched.cli._output.sys", SimpleNamespace(stdout=None, stderr=file))

    assert (terminal_width(), terminal_width(err=True)) == (None, None)
