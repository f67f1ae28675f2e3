"""Every command with generated options and files: exit code 0, 1 or 2, lines that a terminal shows, no traceback."""

import json
import os
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from paramsched.cli import main
from paramsched.mmengine.__main__ import main as mmengine_main

COMMANDS = tuple(sorted(main.list_commands(click.Context(main))))
either_profile = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, *settings().suppress_health_check]
)


FILES = {
    "plan.yaml": 'total: 20 epochs\nlr: warmup("2 epochs") >> cosine(to=0.01)\ngroups:\n  head: {lr: step(9)}\n',
    "other.toml": 'lr = "cosine()"\n"betas[0]" = "linear(absolute(0.85), absolute(0.95))"\n',
    "bad.yaml": "lr: cosin()\nweight_decy: true\n\x1b[31m: 1\n",
    "config.py": (
        "param_scheduler = [dict(type='LinearLR', start_factor=0.1, end=50, by_epoch=False),\n"
        "    dict(type='MultiStepLR', milestones=[8, 11], end=12)]\n"
        "optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1))\ntrain_cfg = dict(max_epochs=12)\n"
    ),
    "wrong.py": "param_scheduler = dict(type='StepLR', step_size=10**400)\nraise OSError('odd')\n",
    "log.jsonl": '{"t": 0, "groups": [{"lr": 0.1}]}\n{"t": 1, "groups": [{"lr": 0.2}]}\n',
    "log.csv": "step,lr\n0,0.1\n1,nan\n",
    "empty.json": "",
    "strange.yaml": 'total: 20\nlr: cosine()\ngroups: {"\\u009b31m\\u202e": {lr: constant(0.5)}}\n',
    "half.json": '{"lr": "\\ud800"}',
    "many.json": json.dumps({"total": 100} | {f"field_{index}": "cosine()" for index in range(200)}),
}
ODD_NAME = "odd\x1b[31m\udcff.yaml"
RED_NAME = "a\x1b]0;title\x07\x9b31m\u202ered.yaml"
RED_LOG = "a\x1b[31m\x9b31mlog.jsonl"
ABSENT = ("none.yaml", "no/such.yaml", ".", "/dev/null", "/dev/zero", "pipe.yaml", ODD_NAME, "a" * 300)
NAMES = (*FILES, RED_NAME, RED_LOG, *ABSENT)
LINES = (
    *("cosine()", "warmup('5 epochs') >> cosine()", "constant(1)", "cosin()", "8 >> -1", "cosine(over=10**30)", ""),
    *("every(cosine(), 2, 999999999999)", "plateau()", "step(30)", "warmup(5%)", "[0]", "-", "(" * 300),
    *("constant(1e308) * constant(1e308)", "warmup('1e9 tokens') >> cosine()", "\x1b]0;x\x07", "linear(0, 1e-320)"),
)
NUMBERS = (
    *("0", "1", "-1", "7", "100", "1e400", "1e17", str(10**18), str(10**30), "9" * 400, "9" * 5000, "nan", "inf"),
    *("-inf", "1e-320", "0x10", "1_000", "²", "٣", "1.5", "", " ", "5%", "90 epochs", "1e30 epochs", "10 s", "x"),
)
words = st.text(st.characters(codec=None, exclude_categories=()), max_size=6)
VALUES = {
    "plan": st.sampled_from(NAMES) | st.sampled_from(LINES) | words,
    "file": st.sampled_from(NAMES) | words,
    "format": st.sampled_from(["yaml", "json", "toml", "", "\x1b[31m"]) | words,
    "field": st.sampled_from(["lr", "momentum", "betas[0]", "betas[99999999999]", "total", "", "\udcff"]) | words,
    "bases": st.sampled_from(["1", "lr=1", "lr=1e400", "lr@head=1", "lr@=1", "=", ",", "lr=0,lr=1", "lr@99999999=1"]),
    "output": st.sampled_from(["x.svg", "x.html", "x.png", "x.SVG", "x.yaml", "no/x.svg", ".", "a" * 300 + ".svg", ""])
    | words,
    "columns": st.sampled_from(["lr=lr", "lr=none", "lr", "=", "lr@x=lr", "lr=\udcff", "\x1b[31m=lr"]) | words,
    "modules": st.sampled_from(["", ".", "..x", "no.such", "json", "\x1b[31m"]),
    "number": st.sampled_from(NUMBERS) | st.floats().map(str) | st.integers().map(str),
    "word": st.sampled_from(["", "t", "</title>", "\udcff", "\x1b[31m"]) | words,
}
KINDS = {
    "config": "file", "log": "file", "plans": "plan", "before": "plan", "after": "plan", "other": "plan",
    "to": "format", "title": "word", "names": "word", "time": "word", "optimizer": "word", "work_dir": "word",
    "load_from": "file",
}  # fmt: skip


def value_of(parameter: click.Parameter) -> st.SearchStrategy[str]:
    """Draw a value for an argument or option, usually of its type and sometimes of another."""
    name = str(parameter.name)
    usual = VALUES[KINDS.get(name, name if name in VALUES else "number")]
    return st.one_of(usual, usual, usual, *VALUES.values())


@st.composite
def calls(draw: st.DrawFn, names: tuple[str, ...] = COMMANDS) -> list[str]:
    """Draw a command with its arguments and some of its options."""
    name = draw(st.sampled_from(names))
    parameters = main.get_command(click.Context(main), name).params
    arguments = [draw(value_of(parameter)) for parameter in parameters if isinstance(parameter, click.Argument)]
    words = [name, *arguments]
    options = [parameter for parameter in parameters if isinstance(parameter, click.Option)]
    needed = [option for option in options if option.required]
    for one in [*needed, *draw(st.lists(st.sampled_from(options), max_size=4) if options else st.just([]))]:
        words.append(draw(st.sampled_from([*one.opts, *one.secondary_opts])))
        if not one.is_flag:
            words.append(draw(value_of(one)))
    return words


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the files; files that a call writes remain for the next call."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def ends_well(folder: Path, words: list[str], program: click.Command = main) -> None:
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8", errors="surrogateescape")
    (folder / ODD_NAME).write_text("lr: cosin()\n")
    (folder / RED_NAME).write_text("total: 20\nlr: cosine()\n")
    (folder / RED_LOG).write_text(FILES["log.jsonl"].replace("lr", "loss"))
    if not (folder / "pipe.yaml").exists():
        os.mkfifo(folder / "pipe.yaml")

    ended = CliRunner().invoke(program, words, input=b"lr: cosine()\n\xff" if "--json" in words else b"lr: cosine()\n")

    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    assert ended.exit_code in (0, 1, 2)
    shown = ended.stderr
    if not {"--color", "-o", "--output"} & {*words}:  # with these, colors or pictures
        shown += ended.stdout
    assert all(line.isprintable() for line in shown.split("\n")), repr(shown)
    if ended.exit_code == 2:
        assert ended.stderr


@given(calls())
@either_profile
@example(["show", "cosine()", "--total", "10**30"])
@example(["show", "cosine()", "--total", str(10**30)])
@example(["show", "cosine()", "--total", "1e400"])
@example(["show", "plan.yaml", "--steps-per-epoch", "1e400"])
@example(["show", "plan.yaml", "--steps-per-epoch", "9" * 400])
@example(["show", "plan.yaml", "--steps-per-epoch", "9" * 5000])
@example(["show", "plan.yaml", "--tokens-per-step", "1e-320"])
@example(["check", "plan.yaml", "--batch-size", "0"])
@example(["check", "plan.yaml", "none.yaml", "\x1b[31m.yaml"])
@example(["check", RED_NAME])
@example(["show", RED_NAME, "--at", "1"])
@example(["show", "plan.yaml", "--used", RED_LOG])
@example(["show", "strange.yaml", "--at", "3"])
@example(["show", "strange.yaml", "--at", "3", "--json"])
@example(["show", "strange.yaml", "--json"])
@example(["show", "--table", "strange.yaml"])
@example(["convert", "strange.yaml", "--to", "json"])
@example(["convert", "strange.yaml", "--to", "toml"])
@example(["audit", RED_LOG, "-p", "strange.yaml", "--json"])
@example(["recipes", RED_NAME])
@example(["show", "cosine()", "-o", "\x00.svg"])
@example(["show", "cosine()", "-o", "\ud800.svg"])
@example(["show", "cosine()", "-o", "x.html", "--title", "\udcff"])
@example(["show", ODD_NAME, "-o", "x.html"])
@example(["show", ODD_NAME])
@example(["show", "pipe.yaml"])
@example(["convert", "plan.yaml", "-o", "\x00.yaml"])
@example(["audit", "\x00", "-p", "cosine()"])
@example(["show", "--\x1b[31m"])
@example(["--\x1b[31m"])
@example(["\x1b[31m"])
@example(["show", "many.json"])
@example(["show", "--table", "many.json"])
@example(["check", "many.json"])
@example(["diff", "many.json", "plan.yaml"])
@example(["show", "cosine()", "--total", "10", "--at", "9" * 400])
@example(["show", "cosine()", "--total", "10", "--at", "1e400"])
@example(["show", "cosine()", "--total", "10", "--field", "\udcff"])
@example(["show", "cosine()", "--total", "10", "--field", "betas[99999999999]"])
@example(["show", "every(cosine(), 2, 999999999999)", "--total", "100"])
def test_a_call_ends_without_a_traceback(folder: Path, words: list[str]) -> None:
    ends_well(folder, words)


@given(st.sampled_from([name for name in NAMES if name not in FILES or name == "wrong.py"]))
@either_profile
@example("\x00")
@example("\ud800")
def test_a_run_with_an_invalid_config_ends_without_a_traceback(folder: Path, name: str) -> None:
    ends_well(folder, [name], mmengine_main)


@pytest.mark.parametrize("name", COMMANDS)
@given(data=st.data())
@either_profile
def test_a_command_with_any_arguments_ends_without_a_traceback(folder: Path, name: str, data: st.DataObject) -> None:
    odd = st.one_of(words, st.sampled_from(["--", "-", "--help", "--json", "--at", "-o", "\x1b[31m", "--base="]))
    ends_well(folder, [name, *data.draw(st.lists(odd, max_size=4))])
