"""No command on a bad input advises Python code, nor an option that the command does not have."""

import json
import re

import click
import pytest
from click.testing import CliRunner

from paramsched.cli import main
from paramsched.core import files as config
from support.spread import spread

GOOD = 'horizon: 100\nlr: warmup("5%") >> cosine(to=0.1)\ngroups:\n  head: {lr: constant(0.5)}\n'
FILES = {
    "plan.yaml": GOOD,
    "open.yaml": 'lr: warmup("5%") >> cosine(to=0.1)\n',
    "epochs.yaml": 'horizon: 20 epochs\nlr: warmup("5 epochs") >> cosine(to=0.1)\nmomentum: plateau()\n',
    "tokens.yaml": 'clock: tokens\nhorizon: 1B tokens\nlr: warmup("10M tokens") >> cosine()\n',
    "target.yaml": "horizon: 100\nlr: 1\ntargets:\n  temperature: {initial: 2.0, schedule: 'linear(1, 0.5)'}\n",
    "plan.txt": "lr: cosine()\n",
    "no_suffix": "lr: cosine()\n",
    "transformers.yaml": "lr_scheduler_type: cosine\nwarmup_ratio: 0.1\nnum_train_epochs: 3\n",
    "timm.yaml": "sched: cosine\nlr: 0.1\nepochs: 100\n",
    "misplaced.yaml": "lr: cosine()\noptimizer: adam\nsteps_per_epoch: 5\nmax_steps: 100\n",
    "neighbor.yaml": "lr: linear(0, following) >> cosine(over=10)\n",
    "quoted.yaml": "lr: linear('previous', 0)\n",
    "slips.yaml": "horizon: 5 parsecs\nlr: step(evry='5 epochs')\nmomentum: cosine(over=-1)\n",
    "table.yaml": "lr: table_file('none.csv', 'lr')\n",
    "config.py": "param_scheduler = dict(type='CosineAnnealingLR', T_max=9)\ntrain_cfg = dict(max_epochs=12)\n",
    "none.py": "param_scheduler = None\n",
    "empty.yaml": "",
    "binary.log": bytes(range(256)) * 9,
    "log.csv": "step,lr\n0,0.1\n1,0.2\n",
    "words.csv": "a,b\nx,y\n",
    "log.jsonl": json.dumps({"t": 0, "groups": [{"lr": 0.1}]}),
    "broken.pt": b"PK\x03\x04broken",
}
LINES = (
    *("none.yaml", "recipe:lama", "recipe:", "recipes:llama", "recipes['llama']", "cosin()", "linear(previous, 0)"),
    *("linear(0, following)", "lr=cosine()", "cosine(over='5 epochs')", "step()", "T_max", "StepLR(30)"),
)
PYTHON = re.compile(
    r"\bformat=\"|recipes\[|\b(?:Calendar|Plan|Binding|Target|Scheduler|load|loads|dump|resolve|trace|read_log|change)\(|\bps\."
    r"|from_cfg|Runner\("
)
FACTS = ((), ("--horizon", "50"), ("--steps-per-epoch", "10"), ("--horizon", "9 epochs"))
CHANGES = (
    ("--at", "50", "lr=0.5"), ("--at", "5 epochs", "--horizon", "200"), ("--at", "50", "--cooldown", "10"),
    ("--at", "500", "--scale", "lr=0.5"), ("--at", "50", "lr@haed=0.5"), ("--at", "50", "lrr=linear(previous, 0)"),
    ("--at", "50", "temperature=linear(previous, 0)"), ("--at", "50", "--scale", "lr=nan"),
    ("--at", "50", "temperature@head=1"), ("--at", "50", "--cooldown", "5 epochs"), ("--at", "50", "horizon=1"),
)  # fmt: skip


def calls_with(plan):
    """Calls of every command that takes a plan, a log or a checkpoint, with this one."""
    for facts in FACTS:
        yield from (["check", plan, *facts], ["show", plan, *facts], ["show", "--table", plan, *facts])
        yield ["audit", "log.csv", "--plan", plan, *facts]
    yield from (["check", plan, "--format", name] for name in (*config.formats(), "unknown"))
    yield from (["convert", plan, "--to", name] for name in (*config.formats(), "unknown"))
    yield from (["change", plan, *change] for change in CHANGES)
    yield from (["show", plan, "--unit", unit] for unit in ("epochs", "tokens", "seconds"))
    yield from (["check", "plan.yaml", "--checkpoint", plan], ["check", "plan.yaml", "--log", plan])
    yield from (["show", plan, "--at", "5 epochs"], ["show", "plan.yaml", plan], ["show", "plan.yaml", "--other", plan])
    yield from (
        ["diff", plan, "plan.yaml"],
        ["diff", plan, "plan.yaml", "--horizon", "50"],
        ["show", plan, "-o", "x.a"],
    )
    yield from (
        ["resume", plan, "--history"],
        ["audit", plan, "--plan", "plan.yaml"],
        ["show", "plan.yaml", "--used", plan],
    )
    yield from (["recipes", "--like", plan], ["convert", plan, "--from", "log", "--to", "yaml"], ["convert", plan])


def messages(text, words):
    """The lines of an output that the library wrote, without the input that they quote."""
    for line in text.splitlines():
        if line.startswith(("    ", "Usage: ", "Try ")):  # the text of the file with a caret, and click's own
            continue
        for word in words:
            line = line.replace(word, "…")
        yield line.replace("(in Python: run_config=True)", "")  # beside the option


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return tmp_path


KINDS = (
    *(
        "plan.yaml",
        "epochs.yaml",
        "tokens.yaml",
        "target.yaml",
        "plan.txt",
        "timm.yaml",
        "misplaced.yaml",
        "slips.yaml",
    ),
    *("config.py", "empty.yaml", "binary.log", "log.csv", "broken.pt", "none.yaml", "recipe:lama", "cosin()"),
    *("linear(previous, 0)", "cosine(over='5 epochs')"),
)


@pytest.mark.heavy
@pytest.mark.parametrize("plan", spread([*FILES, *LINES], *KINDS))
def test_advice_is_for_the_command_line(folder, plan):
    for words in calls_with(plan):
        command = main.get_command(click.Context(main), words[0])
        options = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}

        ended = CliRunner().invoke(main, words, prog_name="paramsched")

        assert ended.exception is None or isinstance(ended.exception, SystemExit), words
        quoted = [word for word in (*words, *FILES.values()) if isinstance(word, str) and word]
        for line in messages(ended.stderr, [one for text in quoted for one in text.splitlines()]):
            assert PYTHON.search(line.replace("config.py", "")) is None, (words, line)
            if "paramsched " not in line:  # another command, with options of its own
                assert set(re.findall(r"(?<![\w\"-])--[a-z][a-z-]+", line)) <= options | {"--help"}, (words, line)


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        (("show", "plan.txt"), "Write --format yaml"),
        (("check", "plan.txt"), "Write --format yaml"),
        (("convert", "plan.txt", "--to", "json"), "Write --from yaml"),
        (("show", "recipes['llama3-405b']"), "Write recipe:llama3-405b"),
        (("show", "recipes:llama3"), "Write recipe:llama3-405b"),
        (("show", "transformers.yaml"), "Write --format transformers"),
        (("check", "neighbor.yaml", "--steps-per-epoch", "10"), "For example: --horizon 10000"),
        pytest.param(("convert", "plan.yaml", "--to", "timm"), "Write --to yaml", marks=pytest.mark.peer("timm")),
        (("audit", "log.csv", "--plan", "plan.yaml"), "Pass --group for each group"),
        (("change", "open.yaml", "--at", "50", "--horizon", "200"), "horizon: 10000"),
        (("change", "plan.yaml", "--at", "50", "lrr=1"), 'lrr=1: the plan has no field "lrr"; did you mean "lr"?'),
    ],
    ids=" ".join,
)
def test_the_advice_names_the_option(folder, words, printed):
    assert printed in CliRunner().invoke(main, words, prog_name="paramsched").stderr


def test_the_program_alone_prints_its_help():
    alone, asked = (CliRunner().invoke(main, words, prog_name="paramsched") for words in ([], ["--help"]))

    assert (alone.exit_code, alone.stdout, alone.stderr) == (0, asked.stdout, "")
    assert alone.stdout.startswith("Usage: paramsched [OPTIONS] COMMAND [ARGS]...\n\n  ")
