# ruff: noqa: E501  # inputs are tables, one entry a line
"""The properties of cost: twice the input takes at most twice the work, and 1 MB of any input at most 15 million calls and 500 MB.

Work is counted in executed lines and calls, because the time depends on the machine; 15 million calls take two seconds.
A call that spends its time inside of one function is stopped after two minutes of CPU, in a forked child.
"""

from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path

import pytest
from click.testing import CliRunner

from paramsched.cli import main
from support.spread import every, spread
from support.tables import table
from support.work import steps_of, work_of

Text = Callable[[int], str]
MOST_CALLS = 15_000_000
MOST_MEGABYTES = 500
SIZE = 990_000
LINE = 9_900
"""The characters of a large file, and of a long line."""


def lines(piece: str, begin: str = "", end: str = "", sep: str = "") -> Text:
    """Return a function of n that repeats a piece n times, each time with its number, of four digits, as `{i}`."""
    return lambda n: begin + sep.join(piece.replace("{i}", str(1001 + i)) for i in range(n)) + end


def of_line(piece: str, sep: str, begin: str = "", end: str = "") -> Text:
    return lines(piece, f"total: 1000\nlr: '{begin}", f"{end}'\n", sep)


PLANS: dict[str, Text] = {
    "fields": lines("f{i}: cosine(to=0.{i})\n", "total: 1000\n"),
    "fields of stages": lines('f{i}: warmup("5%") >> linear(to=0.{i}) * 0.5\n', "total: 10 epochs\n"),
    "wrong fields": lines("f{i}: cosin(to=0.{i})\n", "total: 1000\n"),
    "misspelt fields": lines("weight_decy{i}: linear(0.1, 0.001, {i}00)\n", "total: 1000\n"),
    "groups": lines("  g{i}: {lr: cosine(to=0.{i})}\n", "total: 1000\ngroups:\n"),
    "stages": lines("- linear(1, 0.{i}, 3)\n", "total: 1000\nlr:\n"),
    "targets": lines("  t{i}: {initial: 1.0, schedule: cosine(to=0.{i})}\n", "total: 1000\ntargets:\n"),
    "followers": lines('f{i}: like("lr")\n', "total: 1000\nlr: cosine()\n"),
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
    "groups": ("show", "{}", "--groups", *FACTS),
    "at": ("show", "{}", "--at", "5", *FACTS),
    "csv": ("show", "{}", "-o", "values.csv", *FACTS),
    "diff": ("diff", "{}", "other.yaml", *FACTS),
    "other": ("show", "{}", "--other", "other.yaml", *FACTS),
}

LISTS: dict[str, tuple[str, Text]] = {
    "schedulers": ("p.yaml", lines("- {type: StepLR, step_size: {i}, begin: {i}, end: 900}\n", "train_cfg: {max_epochs: 900}\nparam_scheduler:\n")),
    "other entries": ("p.yaml", lines("a{i}: {i}\n", "train_cfg: {max_epochs: 9}\nparam_scheduler: {type: StepLR, step_size: 2}\n")),
    "groups": ("p.yaml", lines("      k{i}: {lr_mult: 0.{i}}\n", "train_cfg: {max_epochs: 9}\nparam_scheduler: {type: StepLR, step_size: 2}\noptim_wrapper:\n  optimizer: {type: SGD, lr: 0.1}\n  paramwise_cfg:\n    custom_keys:\n")),
}  # fmt: skip
"""Configs of MMEngine."""

LOGS: dict[str, tuple[str, Text]] = {
    "rows": ("log.csv", lines("{i},0.{i}\n", "step,lr\n")),
    "zeros": ("log.csv", lines("{i},0.000\n", "step,lr\n")),
    "rows of objects": ("log.jsonl", lines('{"t": {i}, "groups": [{"lr": 0.{i}}]}\n')),
    "groups": ("log.jsonl", lines('{"lr": 0.{i}}', '{"t": 0, "groups": [', "]}\n", ", ")),
    "columns": ("log.csv", lambda n: "step," + ",".join(f"lr[{i}]" for i in range(n)) + "\n0" + ",0.1" * n + "\n"),
    "history": ("trainer_state.json", lines('{"step": {i}, "learning_rate": 0.{i}},\n', '{"log_history": [', '{"step": 1, "learning_rate": 1}]}')),
}  # fmt: skip
READERS: dict[str, tuple[str, ...]] = {
    "audit": ("audit", "{}", "--plan", "cosine()", "--total", "5000", "--base", "lr=0.5"),
    "facts": ("audit", "{}"),
    "used": ("show", "cosine()", "--total", "1000", "--base", "0.1", "--used", "{}"),
    "metric": ("check", "cosine()", "--total", "1000", "--log", "{}"),
}


NESTED = ("[", "(", "{", '{"a":', "[{", "{a: ", "[1,", "shift(", "-", "[[],", "{1:[", "f([", "'")
AROUND = {"p.yaml": "lr: {}", "p.json": '{"lr": {}}'}
HUGE = (
    "stairs(1, 0, {n})", "table([1.0, 0.5], every={n})", "restarts(cosine(), {n})", "restarts(step(1), {n})",
    "restarts(cosine(), 10, mult=1.001)", "every(cosine(), 2, {n})", "step({n})",
    "skip(restarts(step(1), 100), {n})", "restarts(every(cosine(), '1 epoch'), '1.5 epochs')",
    "take(restarts(step(2), 7), {n})", "restarts(stairs(1, 0, {n}), 7, mult=1.5)", "constant(1, {n}) >> step(1)",
)  # fmt: skip
NUMBERS = ("1" + "0" * 399, "1" * 4000, "1e999", "1e-320", str(10**18))
CONFIG = "train_cfg: {max_epochs: {n}}\nparam_scheduler: {type: StepLR, step_size: {n}, gamma: {n}}\n"


WIDE = (
    *("piecewise({1:" + "1111111111:" * 800 + "x})", "piecewise({" + "1: 1, " * 1500 + "x})"),
    "OneCycleLR(optimizer, " + ", ".join(f"max_lr{n}=x" for n in range(12)) + ")",
    "CyclicLR(optimizer, " + ", ".join(f"a{number}" for number in range(12)) + ")",
    "SequentialLR(optimizer, [" + "StepLR(optimizer, a), " * 400 + "], b)",
    *("cosine()" + f" {sign} cosine()" * 800 for sign in ("**", "^", "/", "%")),
    *("cosine()" + " * 2 / 3" * 800, "cosine()" + ".warmup(3)" * 800, "a-" * 4900 + "a", "0x" + "f" * 4000),
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "other.yaml").write_text("lr: cosine()\ntotal: 1000\n")
    return tmp_path


def called(words: Iterable[str]) -> str:
    ended = CliRunner().invoke(main, [*words])
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return f"exit code {ended.exit_code}, {ended.stdout[-1500:]}"


def is_cheap(*words: str) -> str:
    """Return the result of the call, with the end of its output."""
    calls, megabytes, ending = work_of(lambda: called(words))

    assert not ending.startswith("raised"), ending
    assert calls <= MOST_CALLS, f"{calls / 1e6:.1f} million calls; {ending}"
    assert megabytes <= MOST_MEGABYTES, f"{megabytes:.0f} MB; {ending}"
    return ending


def large(text: Text) -> str:
    """Repeat the piece of a text up to the size of a large file."""
    return text(max(SIZE // (len(text(101)) - len(text(1))) * 100, 100))


# The commands of a case, the name of its file, and the text of n pieces.
GROWING: dict[str, tuple[tuple[str, ...], str, Text]] = {
    **{
        f"{command} of {plan}": (COMMANDS[command], "plan.yaml", PLANS[plan])
        for command, plan in product(COMMANDS, PLANS)
    },
    **{f"config of {entries}": (("check", "{}"), name, text) for entries, (name, text) in LISTS.items()},
    **{f"{reader} of {log}": (READERS[reader], *LOGS[log]) for reader, log in product(READERS, LOGS)},
}


@pytest.mark.parametrize("case", every(41, GROWING))
def test_a_large_file_is_read_or_refused_in_bounded_time_and_memory(folder: Path, case: str) -> None:
    words, name, text = GROWING[case]
    (folder / name).write_text(large(text))

    is_cheap(*(word.replace("{}", name) for word in words))


@pytest.mark.parametrize(("name", "opening"), every(19, product(AROUND, NESTED)))
def test_deeply_nested_text_is_read_or_refused_in_bounded_time_and_memory(
    folder: Path, name: str, opening: str
) -> None:
    closing = "".join({"[": "]", "(": ")", "{": "}"}.get(bracket, "") for bracket in reversed(opening))
    for many, end in product((LINE, SIZE // len(opening + closing)), (closing, "")):
        (folder / name).write_text(AROUND[name].replace("{}", opening * many + "1" + end * many))

        is_cheap("check", name)


@pytest.mark.parametrize(("line", "number"), every(13, product(HUGE, ("3", "1000000", str(10**12), str(10**18)))))
def test_huge_lengths_are_bounded(line: str, number: str) -> None:
    for command in (["check"], ["show"], ["show", "-o", "values.csv"]):
        is_cheap(command[0], line.replace("{n}", number), *command[1:], "--total", str(10**12))


@pytest.mark.parametrize("number", every(5, NUMBERS))
def test_huge_numbers_in_configs_are_bounded(folder: Path, number: str) -> None:
    (folder / "p.yaml").write_text(CONFIG.replace("{n}", number))

    is_cheap("show", "p.yaml")


@table("line", WIDE)
def test_lines_that_need_much_work_are_bounded(line: str) -> None:
    is_cheap("check", line)


@pytest.mark.parametrize("number", spread([250, 3_900], 250))
def test_a_picture_of_many_fields_shows_the_first_and_counts_the_rest(folder: Path, number: int) -> None:
    (folder / "plan.yaml").write_text("total: 100\n" + "".join(f"f{i}: cosine(to=0.{i + 1})\n" for i in range(number)))

    assert f"{number - 200:,} more fields are not drawn" in is_cheap("show", "plan.yaml")


def grows_linearly(write: Callable[[int], object], words: Iterable[str], size: int, *, in_thirds: bool = True) -> None:
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


KEPT = ("check of fields", "at of groups", "facts of groups", *(f"config of {entries}" for entries in LISTS))
# Each panel of a picture, of which there are at most 200, looks at all fields. A line of YAML is folded from a length on,
# which lies between the sizes. The work of a reader depends on the values.
NOT_IN_THIRDS = ("show", "svg", "html", "other", "yaml", *READERS)


@pytest.mark.parametrize("case", spread(GROWING, *KEPT))
def test_the_work_grows_linearly_with_the_file(folder: Path, case: str) -> None:
    words, name, text = GROWING[case]

    def write(many: int) -> None:
        (folder / name).write_text(text(many))
        if name == "plan.yaml":
            (folder / "other.yaml").write_text(text(many).replace("0.1", "0.15"))

    by_name = [word.replace("{}", name) for word in words]
    grows_linearly(write, by_name, 120, in_thirds=case.partition(" of ")[0] not in NOT_IN_THIRDS)
