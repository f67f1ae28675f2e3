# ruff: noqa: E501  # inputs are tables, one entry a line
"""The law of linear cost: each command and reader takes twice the work for twice the input.

The work is counted in executed lines and calls, because the time depends on the machine; what a single call in C does
is not seen.
"""

from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main
from support.spread import spread
from support.work import steps_of

Text = Callable[[int], str]


def lines(piece: str, begin: str = "", end: str = "", sep: str = "") -> Text:
    """Return a function of n that repeats a piece n times, each time with its number, of four digits, as `{i}`."""
    return lambda n: begin + sep.join(piece.replace("{i}", str(1001 + i)) for i in range(n)) + end


def of_line(piece: str, sep: str, begin: str = "", end: str = "") -> Text:
    return lines(piece, f"horizon: 1000\nlr: '{begin}", f"{end}'\n", sep)


PLANS: dict[str, Text] = {
    "fields": lines("f{i}: cosine(to=0.{i})\n", "horizon: 1000\n"),
    "fields of stages": lines('f{i}: warmup("5%") >> linear(to=0.{i}) * 0.5\n', "horizon: 10 epochs\n"),
    "wrong fields": lines("f{i}: cosin(to=0.{i})\n", "horizon: 1000\n"),
    "misspelt fields": lines("weight_decy{i}: linear(0.1, 0.001, {i}00)\n", "horizon: 1000\n"),
    "groups": lines("  g{i}: {lr: cosine(to=0.{i})}\n", "horizon: 1000\ngroups:\n"),
    "stages": lines("- linear(1, 0.{i}, 3)\n", "horizon: 1000\nlr:\n"),
    "targets": lines("  t{i}: {initial: 1.0, schedule: cosine(to=0.{i})}\n", "horizon: 1000\ntargets:\n"),
    "followers": lines('f{i}: like("lr")\n', "horizon: 1000\nlr: cosine()\n"),
    "factors": of_line("cosine()", " * "),
    "terms": of_line("(linear(over=9) >> cosine())", " + "),
    "stages in a line": of_line("constant(0.{i}, 5)", " >> "),
    "milestones": of_line("{i}", ",", "multistep([", "])"),
    "points": of_line("({i}, 0.{i})", ",", "piecewise([", "])"),
    "values": of_line("0.{i}", ",", "table([", "])"),
    "restarts": of_line("restarts(cosine(), {i})", " + "),
    "minimum": of_line("cosine(to=0.{i})", ",", "minimum(", ")"),
    "wrong factors": of_line("cosin()", " * "),
    "arguments": of_line("a{i}=1", ",", "cosine(start=", ")"),
    "units": of_line("{i} epoch", " + ", 'cosine(over="', '")'),
}
FACTS = ("--steps-per-epoch", "10")
COMMANDS: dict[str, tuple[str, ...]] = {
    "check": ("check", "{}", *FACTS),
    "check without facts": ("check", "{}", "--json"),
    "show": ("show", "{}", *FACTS),
    "svg": ("show", "{}", "-o", "out.svg", *FACTS),
    "html": ("show", "{}", "-o", "out.html", *FACTS),
    "table": ("show", "{}", "--table"),
    "groups": ("show", "{}", "--groups", *FACTS),
    "at": ("show", "{}", "--at", "5", *FACTS),
    "json": ("convert", "{}", "--to", "json"),
    "yaml": ("convert", "{}", "--to", "yaml"),
    "csv": ("convert", "{}", "--to", "csv", *FACTS),
    "diff": ("diff", "{}", "other.yaml", *FACTS),
    "other": ("show", "{}", "--other", "other.yaml", *FACTS),
}

PEERS: dict[str, tuple[str, str, Text]] = {
    "torch": ("torch", "p.yaml", lines("  - ExponentialLR: {gamma: 0.9}\n", "interval: step\nChainedScheduler:\n  schedulers:\n")),
    "mmengine": ("mmengine", "p.py", lines("dict(type='StepLR', step_size={i}, begin={i}, end=900),\n", "train_cfg = dict(max_epochs=900)\nparam_scheduler = [\n", "]\n")),
    "assignments": ("mmengine", "p.py", lines("a{i} = {i}\n", "", "train_cfg = dict(max_epochs=9)\nparam_scheduler = dict(type='StepLR', step_size=2)\n")),
    "transformers": ("transformers", "p.json", lines('"x{i}": {i},\n', '{"lr_scheduler_type": "cosine", "max_steps": 100,\n', '"warmup_steps": 5}')),
    "deepspeed": ("deepspeed", "p.json", lines('"x{i}": {i},\n', "{\n", '"scheduler": {"type": "WarmupLR", "params": {"warmup_num_steps": 5}}}')),
}  # fmt: skip

LOGS: dict[str, tuple[str, Text]] = {
    "rows": ("log.csv", lines("{i},0.{i}\n", "step,lr\n")),
    "zeros": ("log.csv", lines("{i},0.000\n", "step,lr\n")),
    "rows of objects": ("log.jsonl", lines('{"t": {i}, "groups": [{"lr": 0.{i}}]}\n')),
    "groups": ("log.jsonl", lines('{"lr": 0.{i}}', '{"t": 0, "groups": [', "]}\n", ", ")),
    "columns": ("log.csv", lambda n: "step," + ",".join(f"lr[{i}]" for i in range(n)) + "\n0" + ",0.1" * n + "\n"),
    "history": ("trainer_state.json", lines('{"step": {i}, "learning_rate": 0.{i}},\n', '{"log_history": [', '{"step": 1, "learning_rate": 1}]}')),
}  # fmt: skip
READERS: dict[str, tuple[str, ...]] = {
    "audit": ("audit", "{}", "--plan", "cosine()", "--horizon", "5000", "--base", "lr=0.5"),
    "facts": ("audit", "{}"),
    "used": ("show", "cosine()", "--horizon", "1000", "--base", "0.1", "--used", "{}"),
    "metric": ("check", "cosine()", "--horizon", "1000", "--log", "{}"),
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def called(words: tuple[str, ...]) -> None:
    ended = CliRunner().invoke(main, words)
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise ended.exception


def grows_linearly(
    write: Callable[[int], object], words: tuple[str, ...], size: int, *, in_thirds: bool = True
) -> None:
    """Compare the work for inputs of one, two and three times the size.

    If the work does not depend on the values, each third takes as much as the one before. Then a small quadratic part
    is seen long before it doubles the work.
    """
    write(2)
    called(words)  # fills the caches
    steps = []
    for many in (size, 2 * size, 3 * size):
        write(many)
        steps.append(steps_of(lambda: called(words)))
    once, twice, thrice = steps

    assert twice <= 2.5 * once, steps
    assert thrice - twice <= 1.03 * (twice - once) + 3_000 or not in_thirds, steps


KEPT = ("check of fields", "diff of fields", "groups of groups", "at of groups", "show of milestones")


@pytest.mark.parametrize("case", spread([f"{command} of {plan}" for command, plan in product(COMMANDS, PLANS)], *KEPT))
def test_the_work_of_a_command_grows_linearly_with_the_plan(folder: Path, case: str) -> None:
    command, _, plan = case.partition(" of ")

    def write(many: int) -> None:
        text = PLANS[plan](many)
        (folder / "plan.yaml").write_text(text)
        (folder / "other.yaml").write_text(text.replace("0.1", "0.15"))

    words = tuple(word.replace("{}", "plan.yaml") for word in COMMANDS[command])
    # Each panel of a picture, of which there are at most 200, looks at all fields. A line of YAML is folded from a length
    # on, which lies between the sizes.
    grows_linearly(write, words, 120, in_thirds=command not in ("show", "svg", "html", "other", "yaml"))


@pytest.mark.parametrize("peer", spread(PEERS, "torch", "mmengine"))
def test_the_work_of_a_reader_grows_linearly_with_the_config(folder: Path, peer: str) -> None:
    dialect, name, text = PEERS[peer]

    grows_linearly(lambda many: (folder / name).write_text(text(many)), ("check", name, "--format", dialect), 120)


@pytest.mark.parametrize(
    "case", spread([f"{reader} of {log}" for reader, log in product(READERS, LOGS)], "audit of rows", "facts of groups")
)
def test_the_work_of_a_reader_grows_linearly_with_the_log(folder: Path, case: str) -> None:
    reader, _, log = case.partition(" of ")
    name, text = LOGS[log]

    words = tuple(word.replace("{}", name) for word in READERS[reader])
    grows_linearly(lambda many: (folder / name).write_text(text(many)), words, 200, in_thirds=False)


def test_the_work_of_a_reader_grows_linearly_with_the_groups_of_a_checkpoint(folder: Path) -> None:
    def write(many: int) -> None:
        groups = [{"params": [torch.nn.Parameter(torch.ones(1))]} for _ in range(many)]
        optimizer = torch.optim.SGD(groups, lr=0.1)
        ps.Scheduler(optimizer, ps.Plan(lr="linear()", horizon=1000))
        torch.save(optimizer.state_dict(), folder / "last.pt")

    for words in (
        ("resume", "last.pt", "--history"),
        ("audit", "last.pt", "--plan", "linear()", "--horizon", "1000"),
        ("resume", "last.pt", "--plan", "linear()", "--horizon", "1000"),
    ):
        grows_linearly(write, words, 60)
