# ruff: noqa: E501  # grammars are tables, one entry a line
"""The law of bounded cost: on 1 MB of any input each reader and each command ends within 15 million calls and 500 MB.

So many calls take about two seconds. They are counted, because the time depends on the machine and on its other
processes; a call that spends its time inside of one function is stopped after two minutes of CPU.

Inputs are drawn from grammar-aware generators of what is large: many lines, long lines, deep nesting, long names, long
numbers, long lists, many unknown names, many entries that overlap, and small files with huge lengths. Each call runs
in a forked child, so that one that never ends fails here and does not hang; importing is not counted.
"""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import click
import pytest
import torch
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paramsched.cli import main
from support import strategies
from support.spread import spread
from support.work import work_of

MOST_CALLS, MOST_MEGABYTES = 15_000_000, 500
SIZE = 990_000  # bytes of a large input
LINES = 9_900, 900_000  # characters of a long line
ONE_CYCLE = (
    "max_lr", "total_steps", "epochs", "steps_per_epoch", "pct_start", "anneal_strategy", "cycle_momentum",
    "base_momentum", "max_momentum", "div_factor", "final_div_factor", "three_phase",
)  # fmt: skip
either_profile = settings(
    max_examples=max(2, settings().max_examples // 2),
    suppress_health_check=[HealthCheck.function_scoped_fixture, *settings().suppress_health_check],
)


def called(words: list[str]) -> str:
    ended = CliRunner().invoke(main, words)
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return f"exit code {ended.exit_code}, {ended.stdout[-1500:]}"


def is_cheap(words: list[str]) -> str:
    """Return the result of the call, with the end of its output."""
    calls, megabytes, ending = work_of(lambda: called(words))

    assert not ending.startswith("raised"), ending
    assert calls <= MOST_CALLS, f"{calls / 1e6:.1f} million calls; {ending}"
    assert megabytes <= MOST_MEGABYTES, f"{megabytes:.0f} MB; {ending}"
    return ending


# ---------------------------------------------------------------------- schedules


names = st.sampled_from(
    ["cosin", "StepLR", "lr-decay-style", "T_max", "cosine", "a", "ps.cosine", "curves.x", "сosine"]
)
long_names = st.builds(lambda name, most: (name * most)[:most], names, st.sampled_from([100, *LINES]))
numbers = st.sampled_from(
    [*("1" * most for most in LINES), "0." + "1" * 9000, "1e999", "1e-999", "10**18", "0x" + "f" * 400, "-1"]
)
unit_lengths = st.sampled_from(["5", '"5%"', '"1 epoch"', '"0.01%"', '"1e9 tokens"', '"3.3 steps"', "10**17", '"1 s"'])
steps = st.sampled_from(["cosine()", "linear(1, 0, {})", "warmup({})", "step({}, 0.5)", "cosin()", "constant(1, {})"])
terms = st.builds(lambda step, length: step.replace("{}", length), steps, unit_lengths)
HUGE = (
    "stairs(1, 0, {n})", "table([1.0, 0.5], every={n})", "restarts(cosine(), {n})", "restarts(step(1), {n})",
    "restarts(cosine(), 10, mult=1.001)", "restarts(cosine(), 10, times={n})", "jagged(cosine(), 10, 5, 2)",
    "cosine_restarts({n})", "every(cosine(), {n})", "every(cosine(), 2, {n})",
    "recurrence(rules.step(3))", "recurrence(rules.exponential(0.5, by={n}))", "cyclic({n})", "step({n})",
    "skip(restarts(step(1), 100), {n})",
    "restarts(warmup(5) >> cosine(), 10, gamma=1e300)", "restarts(every(cosine(), '1 epoch'), '1.5 epochs')",
    "clamp(restarts(step(1), 3), high={n})", "cosine(over=100) + power_law(1.0, {n}) >> linear(over=0)",
    "shift(step('1.5 steps'), {n})", "window(step(1), {n})", "take(restarts(step(2), 7), {n})", "with_lengths(stairs(1, 0, {n}))",
    "restarts(stairs(1, 0, {n}), 7, mult=1.5)", "multistep([{n}, 1])", "constant(1, {n}) >> step(1)",
)  # fmt: skip
counts = st.sampled_from([1, 2, 3, 10, 10**3, 10**6, 10**9, 10**12, 10**15, 10**18])
small_lines = st.builds(lambda text, n: text.replace("{n}", str(n)), st.sampled_from(HUGE), counts)


@st.composite
def long_lines(draw: st.DrawFn) -> str:
    """Draw a long schedule text."""
    size = draw(st.sampled_from(LINES))
    kind = draw(
        st.sampled_from(["terms", "nested", "arguments", "faults", "name", "number", "signs", "list", "length", "huge"])
    )
    term = draw(terms)
    match kind:
        case "terms":
            sign = draw(st.sampled_from([" + ", " * ", " >> ", " - ", " ** ", " / "]))
            return sign.join([term] * (size // (len(term) + len(sign))))
        case "nested":
            begin, end = draw(
                st.sampled_from([("shift(", ", 1)"), ("chain(", ")"), ("(", ")"), ("[", "]"), ("minimum(", "")])
            )
            many = draw(st.sampled_from([40, size // (len(begin + end) + 2)]))
            return begin * many + term + end * many
        case "arguments":
            return f"{draw(names)}({','.join([draw(st.sampled_from(['1', 'a=1', 'to=1', term]))] * (size // 11))})"
        case "faults":
            fault = draw(st.sampled_from([",1", ",x", ",t", ",-t", ",f()", ",[]", ",'t'", "*x", "+None"]))
            return f"cosine(to=0{fault * (size // len(fault) - 8)})"
        case "name":
            return draw(long_names) + draw(st.sampled_from(["", "()", " >> cosine()"]))
        case "number":
            return draw(st.sampled_from(["{}", "cosine({})", "step('{} epochs')", "cosine(to={})"])).replace(
                "{}", draw(numbers)
            )
        case "signs":
            return draw(st.sampled_from(["-", "+", "--", "(", "cosine(", "[", "a-", "a.", "'", "1,", "%", "**"])) * (
                size // 2
            )
        case "list":
            return f"{draw(st.sampled_from(['table', 'multistep', 'minimum', 'cosin']))}([{','.join(map(str, range(size // 6)))}])"
        case "length":
            return f'cosine(over="{" + ".join([draw(st.sampled_from(["1 epoch", "1 epok", "1/3 step", "5%"]))] * (size // 12))}")'
    return draw(small_lines)


horizons = st.sampled_from(
    ["100", "20 epochs", "10**12", "1000000000000", "100000", "5000000", "1e12 tokens", "1T samples"]
)


# ---------------------------------------------------------------------- files


def many(piece: Callable[[int], str], most: int = 90_000) -> str:
    """Repeat the pieces up to the maximum size."""
    found, size = [], 0
    for index in range(most):
        text = piece(index)
        size += len(text)
        if size > SIZE:
            break
        found.append(text)
    return "".join(found)


@st.composite
def native_files(draw: st.DrawFn) -> tuple[str, str]:
    """Draw a large plan file in YAML, TOML or JSON, or a small one with huge lengths."""
    line, suffix = draw(long_lines() | small_lines), draw(st.sampled_from(["yaml", "toml", "json"]))
    most = draw(st.sampled_from([1, 90, 1_000, 9_000, 60_000]))
    shown = json.dumps(line, ensure_ascii=False)
    horizon = draw(horizons)
    key = draw(st.sampled_from(["f{i}", "lr", "betas[{i}]", "weight_decy{i}", "T_max{i}", "x" * 200 + "{i}"]))
    match suffix, draw(st.sampled_from(["fields", "groups", "stages", "mapping", "targets", "nested"])):
        case "json", "nested":
            return "plan.json", '{"lr": ' + "[\n" * 200_000 + "]\n" * 200_000 + "}"
        case "json", _:
            fields = many(lambda i: f",\n{json.dumps(key.replace('{i}', str(i)))}: {shown}", most)
            return "plan.json", f'{{"horizon": {json.dumps(horizon)}{fields}}}'
        case "toml", "groups":
            return "plan.toml", many(lambda i: f"[groups.g{i}]\nlr = {shown}\n", most)
        case "toml", "nested":
            return "plan.toml", "lr = " + "[\n" * 200_000 + "]\n" * 200_000
        case "toml", _:
            return "plan.toml", f"horizon = {json.dumps(horizon)}\n" + many(
                lambda i: f"{json.dumps(key.replace('{i}', str(i)))} = {shown}\n", most
            )
        case _, "groups":
            return "plan.yaml", f"horizon: {horizon}\ngroups:\n" + many(lambda i: f"  g{i}: {{lr: {shown}}}\n", most)
        case _, "stages":
            return "plan.yaml", f"horizon: {horizon}\nlr:\n" + many(lambda i: f"- {shown}\n", most)
        case _, "mapping":
            name = draw(st.sampled_from(["linear", "linea", "StepLR", "table", "minimum"]))
            entry = draw(st.sampled_from(["over: 10\n    to: 0.5", "ovr: 10\n    t: 1", "values: [1, 2, 3]"]))
            return "plan.yaml", f"horizon: {horizon}\nlr:\n" + many(lambda i: f"- {name}:\n    {entry}\n", most)
        case _, "targets":
            return "plan.yaml", "targets:\n" + many(lambda i: f"  t{i}: {{initial: 1, schedule: {shown}}}\n", most)
        case _, "nested":
            return "plan.yaml", "lr:\n" + "".join(" " * i + "- a:\n" for i in range(1, 1300))
    return "plan.yaml", f"horizon: {horizon}\n" + many(lambda i: f"{key.replace('{i}', str(i))}: {shown}\n", most)


@st.composite
def peer_files(draw: st.DrawFn) -> tuple[str, str, str]:
    """Draw a file of a dialect: its format, its name, and many, long, deep or huge entries."""
    most = draw(st.sampled_from([1, 50, 1_000, 20_000]))
    number = draw(st.sampled_from(["2", "1000000000000", "1e300", "0"]))
    unit = draw(st.sampled_from(PEERS))
    dialect, name, begin, piece, end = unit
    text = (
        begin.replace("{n}", number) + many(lambda i: piece.replace("{i}", str(i)).replace("{n}", number), most) + end
    )
    return dialect, name, text


PEERS = (
    ("torch", "config.json", '[', '{"type": "StepLR", "step_size": {n}},\n', '{"type": "ConstantLR"}]'),
    ("torch", "config.json", '{"type": "MultiStepLR", "milestones": [', "{n},\n", "1]}"),
    ("transformers", "args.json", '{"lr_scheduler_type": "cosine", "max_steps": {n}, ', '"x{i}": {n},\n', '"warmup_steps": 5}'),
)  # fmt: skip

DIGITS = "1" + "0" * 399  # a number that no float holds
HUGE_NUMBERS = {
    "torch": ("config.json", '{"type": "StepLR", "step_size": {n}, "gamma": {n}}', '{"type": "OneCycleLR", "max_lr": {n}, "total_steps": {n}}', '{"type": "CosineAnnealingWarmRestarts", "T_0": 1, "T_mult": {n}}', '{"type": "PolynomialLR", "total_iters": 5, "power": {n}}'),
    "mmengine": ("config.py", "train_cfg = dict(max_epochs={n})\nparam_scheduler = dict(type='StepLR', step_size={n}, gamma={n})", "param_scheduler = [dict(type='LinearLR', start_factor={n}, begin={n}, end={n}, by_epoch=False)]", "optim_wrapper = dict(optimizer=dict(lr={n}))\nparam_scheduler = dict(type='CosineAnnealingLR', T_max={n}, eta_min={n})"),
    "transformers": ("args.json", '{"lr_scheduler_type": "cosine_with_restarts", "max_steps": {n}, "warmup_steps": {n}, "learning_rate": {n}, "lr_scheduler_kwargs": {"num_cycles": {n}}}', '{"lr_scheduler_type": "linear", "num_train_epochs": {n}, "warmup_ratio": {n}, "gradient_accumulation_steps": {n}}'),
    "megatron": ("args.json", '{"lr": {n}, "train_iters": {n}, "lr_warmup_iters": {n}, "min_lr": {n}, "lr_decay_style": "cosine"}', '{"lr": 1, "train_samples": {n}, "lr_warmup_samples": {n}, "rampup_batch_size": [1, 1, {n}], "global_batch_size": {n}, "lr_decay_style": "linear"}'),
}  # fmt: skip
huge_numbers = st.sampled_from([DIGITS, f"-{DIGITS}", "1" * 4000, "1e999", "1e300", "-1", "0", "1e-320", str(10**18)])

# Texts for readers of Python configs: a begin, a piece that is repeated, and an end.
TEXTS = {
    "config.py": (
        ("param_scheduler = [\n", "dict(type='StepLR', step_size=2, begin={i}, end={i} + 1),\n", "]\n"),
        ("param_scheduler = [\n", "dict(type='LinearLR', start_factor=0.1),\n", "]\n"),
        ("param_scheduler = dict(type='MultiStepLR', milestones=[\n", "{i},\n", "])\n"),
        ("param_scheduler = dict(type='CosineRestartLR', periods=[\n", "3,\n", "], restart_weights=[1])\n"),
        ("a0 = [1]\n", "a{i} = [a0, a0]\na0 = a{i}\n", "param_scheduler = dict(type='StepLR', step_size=a0)\n"),
        ("a = 'x'\n", "a = a * 9\n", "param_scheduler = dict(type=a)\n"),
        ("a = 9\n", "a = a ** a\n", "param_scheduler = dict(type='StepLR', step_size=a)\n"),
        ("optim_wrapper = dict(paramwise_cfg=dict(custom_keys={\n", "'k{i}': dict(lr_mult={i}),\n", "}))\n"),
        ("", "param_scheduler = dict(type='StepLR', step_size={i})\n", ""),
        ("x = ", "(", ""), ("x = ", "[\n", ""), ("x = ", "-", "1"), ("", "if a:\n", ""), ("x = '", "\\", "'"), ("", "x=[*x];", ""),
    ),
}  # fmt: skip
LOGS = {
    "log.csv": (
        ("step,lr\n", "{i},0.{i}\n", ""), ("lr\n", "1\n", ""), ("lr,", "x{i},", "\n1\n"), ("step,lr\n", "{i}000000000,1\n", ""),
        ("step,lr\n", "{i},{n}\n", ""), ("step,lr\n", "{n},1\n", ""), ('lr\n"', "\n", ""), ("lr\n", ",", ""), ("", "\0", ""),
        ("step,lr,loss,acc\n", "{i},1e-3,nan,\n", ""), ("", "lr[{i}],", "\n1\n"), ("lr\n", "0", "1\n"),
    ),
    "log.jsonl": (
        ("", '{"t": {i}, "groups": [{"lr": 0.{i}}]}\n', ""), ('{"t": 0, "groups": [{"lr": 1}', ', {"lr": {i}}', "]}\n"),
        ('{"t": 0, "groups": [{"lr": 1', ', "f{i}": {i}', "}]}\n"), ("", '{"step": {i}, "lr/{i}": 1.5}\n', ""), ('{"lr": ', "[", ""),
        ("", '{"lr": {n}, "step": {i}}\n', ""), ("", "{}\n", ""), ("", '{"t": {i}, "optimizer": "o{i}", "groups": [{"lr": 1}]}\n', ""),
        ("", '{"step": {n}, "lr": 1}\n', ""), ('{"lr": ', "1", "}\n"),
    ),
    "trainer_state.json": (
        ('{"log_history": [', '{"step": {i}, "learning_rate": 0.{i}},\n', '{"step": 1, "learning_rate": 1}]}'),
        ('{"log_history": [', "[", ""), ('{"log_history": [{"step": 1', ', "lr/{i}": 1', "}]}"),
        ('{"log_history": [', '{"step": {i}, "learning_rate": {n}},', "{}]}"), ('{"log_history": [', "{},", "{}]}"),
    ),
}  # fmt: skip


@st.composite
def repeated_texts(draw: st.DrawFn, kinds: dict[str, tuple[tuple[str, str, str], ...]]) -> tuple[str, str]:
    """Draw the name of a file, and a text that repeats one piece."""
    name = draw(st.sampled_from(sorted(kinds)))
    begin, piece, end = draw(st.sampled_from(kinds[name]))
    most, number = draw(st.sampled_from([3, 60, 3_000, SIZE])), draw(huge_numbers)
    repeated = many(lambda i: piece.replace("{i}", str(i)).replace("{n}", number), most)
    return name, begin + repeated[: SIZE - len(begin + end)] + end


class SizedBytes:
    """A pickle whose short call allocates a bytearray of four gigabytes."""

    def __reduce__(self) -> tuple[type, tuple[int]]:
        return bytearray, (4 * 10**9,)


BOMBS = (  # pickles that call bytearray with 4 GB from the memo, from a tuple of several operations, and by its old name
    b"\x80\x02\x8a\x05\x00\x28\x6b\xee\x00q\x01cbuiltins\nbytearray\nq\x00h\x01\x85R.",
    b"\x80\x02cbuiltins\nbytearray\n(\x8a\x05\x00\x28\x6b\xee\x00tR.",
    b"\x80\x02c__builtin__\nbytearray\nq\x00]q\x01h\x00\x8a\x05\x00\x28\x6b\xee\x00\x85R.",
)


@st.composite
def bombs(draw: st.DrawFn) -> bytes:
    """Draw a pickle that allocates much memory: alone, or in an archive, also after a large record."""
    pickled = draw(st.sampled_from(BOMBS))
    if draw(st.booleans()):
        return pickled
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        if draw(st.booleans()):
            archive.writestr("archive/data/0", bytes(2**20 + draw(st.integers(0, 60))))
        archive.writestr(f"archive/data.{draw(st.sampled_from(['pkl', 'PKL']))}", pickled)
        archive.writestr("archive/version", "3\n")
    return stream.getvalue()


@st.composite
def checkpoints(draw: st.DrawFn) -> bytes:
    """Draw a checkpoint with many or deep entries, or one that declares more data than its bytes."""
    most = draw(st.sampled_from([1, 100, 5_000]))
    held: dict[str, object] = {"state": {}, "param_groups": [{"lr": 0.1, "params": [i]} for i in range(most)]}
    match draw(st.sampled_from(["groups", "fields", "states", "deep", "sized", "tensor"])):
        case "fields":
            held["param_groups"] = [{f"f{i}": 10**400 if i % 2 else 0.1 for i in range(most)}]
        case "states":
            held = {f"optimizer{i}": {"state": {}, "param_groups": [{"lr": 0.1}]} for i in range(most)}
        case "deep":
            for _ in range(min(most, 900)):
                held = {"a": held, "b": [held]}
        case "sized":
            held["extra"] = SizedBytes()
        case "tensor":
            held["param_groups"] = [{"lr": torch.zeros(1).expand(10**12), "params": []}]
    stream = io.BytesIO()
    torch.save(held, stream, _use_new_zipfile_serialization=draw(st.booleans()))
    data = stream.getvalue()
    return data[: draw(st.sampled_from([len(data), len(data) // 2, 600]))]


COMMANDS = (
    ["check"], ["show"], ["show", "--table"], ["convert", "--to", "json"], ["show", "-o", "out.svg"],
    ["diff", "{}", "cosine(to=0.5)"], ["trace"],
)  # fmt: skip
FACTS = (
    [],
    ["--horizon", "100"],
    ["--horizon", "1000000000000"],
    ["--steps-per-epoch", "10"],
    ["--horizon", "5000000"],
)


@st.composite
def calls(draw: st.DrawFn, given: str) -> list[str]:
    """Draw a command on a plan."""
    known = main.list_commands(click.Context(main))
    words = draw(st.sampled_from([one for one in COMMANDS if one[0] in known]))
    facts = draw(st.sampled_from(FACTS))
    if "{}" in words:
        return [*(given if one == "{}" else one for one in words), *facts]
    return [*words[:1], given, *words[1:], *facts]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


@given(data=st.data())
@either_profile
def test_large_plans_are_read_or_refused_in_bounded_time_and_memory(folder: Path, data: st.DataObject) -> None:
    name, text = data.draw(native_files())
    (folder / name).write_text(text, encoding="utf-8")

    is_cheap(data.draw(calls(name)))


@given(data=st.data())
@either_profile
def test_long_lines_and_huge_lengths_are_bounded(data: st.DataObject) -> None:
    line = data.draw(small_lines | long_lines() | strategies.schedules(depth=3).map(str))

    is_cheap(data.draw(calls(line)))


@pytest.mark.parametrize(
    "line",
    [
        "piecewise({1:" + "1111111111:" * 800 + "x})",
        "piecewise({" + "1: 1, " * 1500 + "x})",
        "OneCycleLR(optimizer, " + ", ".join(f"{name}=x_{name}" for name in ONE_CYCLE) + ")",
        "CyclicLR(optimizer, " + ", ".join(f"a{number}" for number in range(12)) + ")",
        "SequentialLR(optimizer, [" + "StepLR(optimizer, a), " * 400 + "], b)",
        "cosine()" + " ** cosine()" * 800,
        "cosine()" + " ^ cosine()" * 800,
        "cosine()" + " / cosine()" * 800,
        "cosine()" + " % cosine()" * 800,
        "cosine()" + " * 2 / 3" * 800,
        "cosine()" + ".warmup(3)" * 800,
        "a-" * 4900 + "a",
        "0x" + "f" * 4000,
    ],
    ids=["colons", "mapping", "keywords", "positions", "sequence", "powers", "carets", "quotients", "remainders",
         "alternating", "methods", "dashes", "digits"],
)  # fmt: skip
def test_lines_that_need_much_work_are_bounded(line: str) -> None:
    is_cheap(["check", line])


@given(st.data())
@either_profile
def test_configs_of_peers_are_bounded(folder: Path, data: st.DataObject) -> None:
    dialect, name, text = data.draw(peer_files())
    (folder / name).write_text(text)
    words = data.draw(calls(name))

    is_cheap([*words, "--from" if words[0] == "convert" else "--format", dialect])


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ("torch", "interval: step\nChainedScheduler:\n  schedulers:\n" + "  - ExponentialLR: {gamma: 0.9}\n" * 1000),
    ],
)
def test_a_config_with_a_thousand_members_is_bounded(folder: Path, dialect: str, text: str) -> None:
    (folder / "config.yaml").write_text(text)

    is_cheap(["show", "config.yaml", "--format", dialect, "--horizon", "1000", "--at", "10"])


@given(st.data())
@either_profile
def test_huge_numbers_in_configs_of_peers_are_rejected_in_bounded_time(folder: Path, data: st.DataObject) -> None:
    dialect = data.draw(st.sampled_from(sorted(HUGE_NUMBERS)))
    name, *texts = HUGE_NUMBERS[dialect]
    text = data.draw(st.sampled_from(texts)).split("{n}")
    numbers_in_text = [data.draw(huge_numbers) for _ in text[1:]]
    (folder / name).write_text(text[0] + "".join(map("".join, zip(numbers_in_text, text[1:], strict=True))))
    words = data.draw(calls(name))

    is_cheap([*words, "--from" if words[0] == "convert" else "--format", dialect])


@given(st.data())
@either_profile
def test_python_configs_and_scripts_are_bounded(folder: Path, data: st.DataObject) -> None:
    name, text = data.draw(repeated_texts(TEXTS))
    (folder / name).write_text(text)
    words = data.draw(calls(name))
    dialect = "mmengine" if name.endswith(".py") else "megatron"

    is_cheap([*words, "--from" if words[0] == "convert" else "--format", dialect])


@given(st.data())
@either_profile
def test_logs_are_bounded(folder: Path, data: st.DataObject) -> None:
    name, text = data.draw(repeated_texts(LOGS))
    (folder / name).write_text(text)
    (folder / "plan.yaml").write_text("horizon: 1000\nlr: warmup(10) >> cosine()\n")
    commands = (
        ["audit", name, "--plan", "plan.yaml"],
        ["check", "plan.yaml", "--log", name],
        ["show", "plan.yaml", "--used", name, "--base", "0.1"],
        ["show", "plan.yaml", "--used", name, "--base", "0.1", "-o", "out.html"],
    )

    is_cheap(data.draw(st.sampled_from(commands)))


@given(st.data())
@either_profile
def test_checkpoints_are_bounded(folder: Path, data: st.DataObject) -> None:
    (folder / "last.pt").write_bytes(data.draw(checkpoints() | bombs()))
    commands = (
        ["resume", "last.pt", "--history"],
        ["audit", "last.pt", "--plan", "cosine()", "--horizon", "10", "--at", "3"],
        ["check", "cosine()", "--checkpoint", "last.pt"],
        ["resume", "last.pt", "--plan", "cosine()", "--horizon", "10", "--at", "3"],
    )

    is_cheap(data.draw(st.sampled_from(commands)))


@pytest.mark.parametrize("number", spread([650, 3_900], 650))
def test_a_picture_of_many_fields_shows_the_first_and_counts_the_rest(folder: Path, number: int) -> None:
    fields = "".join(f"f{i}: cosine(to=0.{i + 1})\n" for i in range(number))
    (folder / "plan.yaml").write_text(f"horizon: 100\n{fields}")

    assert f"{number - 200:,} more fields are not drawn" in is_cheap(["show", "plan.yaml"])


@pytest.mark.parametrize("number", spread([650, 1_300], 650))
def test_a_plan_of_many_groups_is_drawn_in_bounded_time(folder: Path, number: int) -> None:
    groups = "".join(f"  g{i}: {{lr: cosine(to=0.{i + 1})}}\n" for i in range(number))
    (folder / "plan.yaml").write_text(f"horizon: 100\ngroups:\n{groups}")

    is_cheap(["show", "plan.yaml"])


@pytest.mark.parametrize("output", ["log.lr.csv", "./log.csv"])
def test_a_plan_does_not_replace_the_log_or_its_table(folder: Path, output: str) -> None:
    (folder / "log.csv").write_text("step,lr\n0,0.1\n1,0.2\n")

    ended = CliRunner().invoke(main, ["convert", "log.csv", "--from", "log", "--to", "yaml", "-o", output])

    assert ended.exit_code == 2
    assert (folder / "log.csv").read_text() == "step,lr\n0,0.1\n1,0.2\n"
