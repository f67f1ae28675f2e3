# ruff: noqa: E501  # inputs are tables, one entry a line
"""Every reader and command gives a right value for a damaged file, or an error that a terminal can print."""

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import paramsched as ps
from paramsched import curves, files
from paramsched.cli import main
from paramsched.core.plan import Plan, resolve
from paramsched.core.schedules import SHAPES, Schedule, absolute, parse, parse_own
from paramsched.errors import InvalidArgument, ParamschedError
from paramsched.mmengine import simulate
from paramsched.mmengine.__main__ import main as mmengine_main
from paramsched.mmengine.runner import Runner
from paramsched.tools.audit import compare_with_plan, read_log
from support import strategies
from support.tables import table
from whole.hostile.inputs import (
    DAMAGED,
    FIELDS,
    FILES,
    KEYS,
    OTHER_NAMES,
    PLAN,
    TREES,
    damaged,
    mutated,
    rows_of_log,
    text_of,
    texts,
    values,
)
from whole.hostile.uses import Case, is_program, outcome, refusal, unprintable, uses_of, write_good_files

WRITTEN = ("yaml", "json")
either_profile = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, *settings().suppress_health_check]
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the files; files that a call writes remain for the next call."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    write_good_files(tmp_path)
    return tmp_path


# ---------------------------------------------------------------- readers


def as_plan(file: Path) -> Plan | None:
    """Return the plan of a file, checked by writing and reading it again, or None if the file is refused."""
    plan = None
    try:
        plan = files.load(file)
    except ParamschedError as error:
        refusal(error, file)
    text = file.read_bytes().decode("utf-8", "surrogateescape")
    for syntax in WRITTEN:
        try:
            converted = files.dump(files.loads(text, file.suffix[1:]), format=syntax)
        except ParamschedError as error:
            refusal(error)
        else:
            assert plan is not None or text.startswith("\ufeff")
            assert plan is None or files.loads(converted, syntax) == plan
    return plan


def as_log(file: Path) -> str | None:
    """Return the report of an audit, or None if the log is refused."""
    try:
        said = str(compare_with_plan(read_log(file, FIELDS), PLAN))
    except ParamschedError as error:
        refusal(error)
        return None
    assert unprintable(said) is None, repr(unprintable(said))
    return said


def as_config(file: Path) -> Any:
    """Return the simulated values of a config of MMEngine, or None if the config is refused."""
    if not is_program(file):
        outcome(lambda: Runner.from_cfg(file))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            curves = simulate(file, steps_per_epoch=7)
    except ParamschedError as error:
        refusal(error, file)
        return None
    assert len(curves["lr", 0]) <= 2_000_000
    return curves


READERS: dict[str, Callable[[Path], object]] = {
    **dict.fromkeys(("log", "trainer_state"), as_log),
    "plan": as_plan,
    "config": as_config,
}


def is_read_or_refused(file: Path, data: bytes, more: st.DataObject | None = None) -> object:
    """Read a file with its own reader, and with three of the commands and functions."""
    file.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", module="torch")
        value = READERS[file.stem](file)
    if more is not None:
        uses = dict(uses_of(Case(file, file.parent)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name in more.draw(st.lists(st.sampled_from(sorted(uses)), min_size=3, max_size=3)):
                line = unprintable(uses[name]())
                assert line is None, (name, line)
    return value


def test_the_undamaged_files_are_read(folder: Path) -> None:
    read = {name: is_read_or_refused(folder / name, data) for name, data in FILES.items()}

    assert [name for name, value in read.items() if value is None] == ["config.py"]  # because it is code
    assert "24 of 24 values are as planned" in str(read["log.jsonl"])
    assert "40 of 40 values are as planned" in str(read["log.csv"])


@table(("name", "data"), DAMAGED)
def test_a_damaged_file_is_refused(folder: Path, name: str, data: bytes) -> None:
    assert is_read_or_refused(folder / name, data) is None


@pytest.mark.parametrize("name", FILES)
@given(st.data())
@either_profile
def test_a_file_with_damaged_bytes_is_read_or_refused(folder: Path, name: str, data: st.DataObject) -> None:
    whole = data.draw(damaged(FILES[name]) | st.binary(max_size=200))

    is_read_or_refused(folder / data.draw(st.sampled_from([name, name, *OTHER_NAMES])), whole, data)


@pytest.mark.parametrize("name", TREES)
@given(st.data())
@either_profile
def test_a_file_with_damaged_entries_is_read_or_refused(folder: Path, name: str, data: st.DataObject) -> None:
    tree = data.draw(mutated(TREES[name]) | values)

    is_read_or_refused(folder / name, text_of(tree), data)


@given(st.lists(st.lists(values, max_size=4), min_size=1, max_size=8), st.booleans())
@either_profile
def test_any_table_is_read_or_refused(folder: Path, rows: list[list[Any]], titled: bool) -> None:
    lines = [*(["step,lr"] if titled else []), *(",".join(map(ascii, row)) for row in rows)]

    is_read_or_refused(folder / "log.csv", "\n".join(lines).encode())


@given(strategies.worlds(), st.sampled_from(WRITTEN), st.data())
@either_profile
def test_damaged_bytes_of_any_plan(folder: Path, world: Any, syntax: str, data: st.DataObject) -> None:
    plan = data.draw(strategies.plans(world))

    is_read_or_refused(folder / f"plan.{syntax}", data.draw(damaged((files.dump(plan, format=syntax) or "").encode())))


@given(st.dictionaries(st.sampled_from(KEYS), values, max_size=4) | values)
def test_any_value_in_code_is_a_plan_or_refused(data: Any) -> None:
    try:
        plan = files.to_plan(data)
    except ParamschedError as error:
        refusal(error)
    else:
        assert files.to_plan(files.plan_data.from_plan(plan)) == plan


def test_many_fields_are_one_plan(folder: Path) -> None:
    plan = Plan(**{f"field_{index}": f"linear(1, {index + 1}, '50%') >> cosine()" for index in range(99)}, total=1000)
    for syntax in WRITTEN:
        assert is_read_or_refused(folder / f"plan.{syntax}", str(files.dump(plan, format=syntax)).encode()) == plan


def test_a_changed_log_is_compared_row_by_row(folder: Path) -> None:
    rows = rows_of_log()
    doubled = [row for row in rows_of_log() for _ in range(2)]
    rows[7]["groups"][0]["lr"] = float("nan")

    for changed, said in ((doubled, "160 of 160"), (rows, "79 of 80")):
        assert f"{said} values are as planned" in str(is_read_or_refused(folder / "log.jsonl", text_of(changed)))


@table(("name", "old", "new"), [("log.csv", b",", b";"), ("log.jsonl", b'{"t": 0', b'\xef\xbb\xbf{"t": 0')])
def test_another_separator_and_a_byte_order_mark_are_read(folder: Path, name: str, old: bytes, new: bytes) -> None:
    data = FILES[name]

    assert is_read_or_refused(folder / name, data.replace(old, new)) == is_read_or_refused(folder / name, data)


# ---------------------------------------------------------------- commands

COMMANDS = tuple(sorted(main.list_commands(click.Context(main))))
ODD_NAME = "odd\x1b[31m\udcff.yaml"
RED_NAME = "a\x1b]0;title\x07\x9b31m\u202ered.yaml"
RED_LOG = "a\x1b[31m\x9b31mlog.jsonl"
MORE_FILES = {
    "wrong.py": "param_scheduler = dict(type='StepLR', step_size=10**400)\nraise OSError('odd')\n",
    "strange.yaml": 'total: 20\nlr: cosine()\ngroups: {"\\u009b31m\\u202e": {lr: constant(0.5)}}\n',
    "many.json": text_of({"total": 100} | {f"field_{index}": "cosine()" for index in range(200)}).decode(),
    ODD_NAME: "lr: cosin()\n",
    RED_NAME: "total: 20\nlr: cosine()\n",
    RED_LOG: '{"t": 0, "groups": [{"loss": 0.1}]}\n{"t": 1, "groups": [{"loss": 0.2}]}\n',
}
PATHS = (*FILES, *MORE_FILES, "none.yaml", "no/such.yaml", ".", "/dev/null", "/dev/zero", "pipe.yaml", "a" * 300)
LINES = (
    *("cosine()", "warmup('5 epochs') >> cosine()", "constant(1)", "cosin()", "8 >> -1", "cosine(over=10**30)", ""),
    *("every(cosine(), 2, 999999999999)", "plateau()", "step(30)", "warmup(5%)", "[0]", "-", "(" * 300),
    *("constant(1e308) * constant(1e308)", "warmup('1e9 tokens') >> cosine()", "\x1b]0;x\x07", "linear(0, 1e-320)"),
)
NUMBERS = (
    *("0", "1", "-1", "7", "100", "1e400", "1e17", str(10**18), str(10**30), "9" * 400, "9" * 5000, "nan", "inf"),
    *("-inf", "1e-320", "0x10", "1_000", "²", "٣", "1.5", "", " ", "5%", "90 epochs", "1e30 epochs", "10 s", "x"),
)
WORDS = (
    *("", "t", "json", "toml", "lr", "lr=1", "lr@head=1", "lr@=1", "=", "betas[99999999999]", "lr@99999999=1", "lr=lr"),
    *("x.svg", "x.html", "x.png", "no/x.svg", "</title>", "\udcff", "\x1b[31m", "\x00", "--", "-", "--help", "..x"),
)
words = st.one_of(texts, *map(st.sampled_from, (PATHS, LINES, NUMBERS, WORDS)))


@st.composite
def calls(draw: st.DrawFn) -> list[str]:
    """Draw a command with its arguments, some of its options and other words; mostly paths, lines and numbers."""
    name = draw(st.sampled_from(COMMANDS))
    parameters = main.get_command(click.Context(main), name).params
    usual = st.sampled_from(PATHS) | st.sampled_from(LINES)
    said = [name, *(draw(usual | words) for parameter in parameters if isinstance(parameter, click.Argument))]
    options = [parameter for parameter in parameters if isinstance(parameter, click.Option)]
    for parameter in draw(st.lists(st.sampled_from(options), max_size=4) if options else st.just([])):
        said.append(draw(st.sampled_from([*parameter.opts, *parameter.secondary_opts])))
        if not parameter.is_flag:
            said.append(draw(st.sampled_from(NUMBERS) | words))
    return [*said, *draw(st.just([]) | st.lists(words, max_size=2))]


def ends_well(folder: Path, said: list[str], program: click.Command = main) -> None:
    for name, data in {**FILES, **{name: text.encode() for name, text in MORE_FILES.items()}}.items():
        (folder / name).write_bytes(data)
    if not (folder / "pipe.yaml").exists():
        os.mkfifo(folder / "pipe.yaml")

    ended = CliRunner().invoke(program, said, input=b"lr: cosine()\n\xff" if "--json" in said else b"lr: cosine()\n")

    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    assert ended.exit_code in (0, 1, 2)
    shown = ended.stderr
    if not {"--color", "-o", "--output"} & {*said}:  # with these, colors or pictures
        shown += ended.stdout
    assert unprintable(shown) is None, repr(unprintable(shown))
    assert ended.stderr or ended.exit_code != 2


@given(calls())
@either_profile
def test_a_command_ends_without_a_traceback(folder: Path, said: list[str]) -> None:
    ends_well(folder, said)


CASES = (
    *(f"show cosine() --total {total}" for total in ("10**30", str(10**30), "1e400")),
    *(f"show plan.yaml --steps-per-epoch {steps}" for steps in ("1e400", "9" * 400, "9" * 5000)),
    *(f"show cosine() --total 10 --at {time}" for time in ("9" * 400, "1e400")),
    *(f"show cosine() --total 10 --field {field}" for field in ("\udcff", "betas[99999999999]")),
    *(f"show {arguments}" for arguments in ("cosine() -o \x00.svg", "cosine() -o \ud800.svg", "cosine() -o x.html --title \udcff")),
    *(f"show strange.yaml {arguments}" for arguments in ("--at 3", "--at 3 --json", "--json")),
    *("show many.json", "check many.json", "diff many.json plan.yaml"),
    *("show plan.yaml --tokens-per-step 1e-320", "check plan.yaml --batch-size 0", "check plan.yaml none.yaml \x1b[31m.yaml"),
    *(f"check {RED_NAME}", f"check {ODD_NAME} --json", f"show {RED_NAME} --at 1", f"recipes {RED_NAME}", f"show plan.yaml --used {RED_LOG}"),
    *(f"audit {RED_LOG} -p strange.yaml --json", "audit pipe.yaml -p cosine()", "audit \x00 -p cosine()", "show pipe.yaml"),
    *(f"show {ODD_NAME} -o x.html", f"show {ODD_NAME}", "show --\x1b[31m", "--\x1b[31m", "\x1b[31m"),
    "show every(cosine(),2,999999999999) --total 100",
)  # fmt: skip


@table("line", CASES)
def test_a_call_ends_without_a_traceback(folder: Path, line: str) -> None:
    ends_well(folder, line.split(" "))


@table("name", [name for name in (*PATHS, "\x00", "\ud800") if name not in FILES])
def test_a_run_with_an_invalid_config_ends_without_a_traceback(folder: Path, name: str) -> None:
    ends_well(folder, [name], mmengine_main)


# ---------------------------------------------------------------- lines

SCOPE = {**SHAPES, "absolute": absolute, "curves": curves}
PIECES = (
    *"()[],=.+-*/>'\"#% \t\n\\_~{}:@",
    *(">>", "<<", "**", "//", "==", "0", "1", "-1", "0.5", "1e999", "1e-999", "10**9", "1j", "0x" + "f" * 400),
    *("0x" + "f" * 4000, "'1/0'", "'1e999999999'", "'" + "9" * 400 + "%'", "9" * 400, "None", "True", "nan", "inf"),
    *("'nan'", "'5%'", '"10ep"', "5%", "“5%”", "сosine()", "lambda: 1", "if", "not", "for x in y", "*[1]", "**{}"),
    *("over=", "to=", "T_max=", "phase=10**400", "cosine()", "linear(1, 0, over=5)", "warmup(10)", "step(3)"),
    *("plateau()", "absolute(0.1)", "curves.rex", "linear()", "0.5 + absolute(0.1)", "curves.power(2)", "every("),
    *("window(", "\x00", "\ud800", "\u2028", "\xa0", "ﬁ", "𝟏", "é", "…"),
)


@st.composite
def damaged_lines(draw: st.DrawFn) -> str:
    """Draw the text of a schedule or an empty text, with pieces inserted, removed or doubled; or any text."""
    text = draw(strategies.schedules(depth=2).map(str) | st.just("") | st.text(max_size=40))
    for _ in range(draw(st.integers(0, 4))):
        begin = draw(st.integers(0, len(text)))
        end = min(len(text), begin + draw(st.sampled_from([0, 0, 1, 2, 8])))
        put = draw(st.sampled_from(PIECES) | st.text(max_size=3) | st.just(text[begin:end] * 2))
        text = text[:begin] + put + text[end:]
    return text


@given(strategies.schedules(depth=3))
def test_a_line_equals_the_schedule_that_python_builds(schedule: Schedule) -> None:
    assert eval(str(schedule), dict(SCOPE)) == schedule
    assert parse_own(str(schedule)) == schedule


def python_reads(text: str) -> Schedule | None:
    """Return the value of a line in Python, or None if it is not a schedule."""
    try:
        value = eval(text.strip(), {"__builtins__": {}, **SCOPE})
    except Exception:  # noqa: BLE001  # of whatever kind
        return None
    return value if isinstance(value, Schedule) else None


def is_read_as_in_python(text: str) -> Schedule | None:
    try:
        schedule = parse(text)
    except InvalidArgument as error:
        refusal(error)
        begin, end = error.problem.span or (0, len(text))  # None: the entire line
        assert 0 <= begin <= end <= len(text)
        return None
    meant = python_reads(text)
    assert meant is None or schedule == meant  # in Python a number or a rule alone is not a schedule
    assert parse_own(str(schedule)) == schedule
    return schedule


@table(
    "text",
    [
        *(
            "8 >> -1",
            "8 >> 1",
            "cosine(over=10**400)",
            "cosine(over=0x" + "f" * 5000 + ")",
            "cosine(to=" + "9" * 5000 + ")",
        ),
        *("every(cosine(over=5), 2, phase=9999999999999999999999)", "cosine(start=0x" + "f" * 4000 + ", nope=1)"),
        *("exponential('1/0', 10)", "exponential('1e999999999', 10)", "exponential('" + "9" * 400 + "%', 10)"),
        *("cosine(over=1_000)", "cosine(over='5%') # a comment"),
    ],
)
def test_a_line_is_read_as_in_python_or_refused(text: str) -> None:
    is_read_as_in_python(text)


@given(damaged_lines(), st.sampled_from([1, 3, 97, 10**6, 10**18]), st.sampled_from([1, 7, 10**9]), strategies.bases())
def test_a_damaged_line_is_read_as_in_python_and_evaluated_or_refused(
    text: str, total: int, epoch: int, base: float
) -> None:
    schedule = is_read_as_in_python(text)
    if schedule is None:
        return
    try:
        resolved = resolve(schedule, total=total, steps_per_epoch=epoch)
        assert parse_own(str(resolved)) == resolved
        resolved(np.array([0, 1, total // 2, total, 10**18]), base)
        Plan.of_text(Plan(lr=schedule, total=total).text)
    except ParamschedError as error:
        refusal(error)


@given(st.text("0123456789_.eE+-/%kM epochsx", max_size=14))
def test_text_similar_to_a_length_is_read_or_refused(text: str) -> None:
    outcome(lambda: ps.Duration.of(text))
