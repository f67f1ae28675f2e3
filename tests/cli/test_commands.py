"""The command line: the output of each command, its stream, and the exit code."""

import csv
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import paramsched
from paramsched import files as config
from paramsched.cli import main
from paramsched.cli._options import UNIT_FACTS, FactOption
from support.tables import table

LINE = 'warmup("5%") >> cosine(to=0.1)'
RUN = ("--total", "90 epochs", "--steps-per-epoch", "500")
PLAN = """
total: 20 epochs
lr: warmup("2 epochs") >> cosine(to=0.01)
betas[0]: linear(absolute(0.85), absolute(0.95), over="10 epochs")
groups:
  head: {lr: constant(0.5)}
targets:
  temperature: {initial: 2.0, schedule: 'linear(1, 0.5)'}
"""
TOKENS = "clock: tokens\ntotal: 4000 tokens\nlr: cosine(to=0.1)\nweight_decay: absolute(1e-5)\n"
BAD = "lr: cosin()\nweight_decy: true\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.yaml").write_text(PLAN)
    (tmp_path / "other.yaml").write_text(PLAN.replace("0.01", "0.02"))
    (tmp_path / "bad.yaml").write_text(BAD)
    return tmp_path


def call(*arguments, input=None):
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=input, prog_name="paramsched")


def good(*arguments, input=None):
    result = call(*arguments, input=input)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def refused(code, *arguments):
    result = call(*arguments)
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return result.stderr


# ---------------------------------------------------------------- every command


def examples_of(name):
    return main.get_command(click.Context(main), name).examples


EVERY = main.list_commands(click.Context(main))


@table("name", EVERY)
def test_help_shows_examples_ready_to_type_within_80_columns(name):
    printed = good(name, "-h").splitlines()
    examples = examples_of(name)

    assert examples
    options = [
        param for param in main.get_command(click.Context(main), name).params if not getattr(param, "hidden", True)
    ]
    assert [option.name for option in options if option.opts[0] not in "\n".join(printed)] == []
    assert printed[-len(examples) :] == [f"  {line}" for line in examples]
    assert printed[-len(examples) - 1] == "Examples:"
    assert max(map(len, printed)) <= 80
    assert not any("\b" in line or "\\b" in line for line in printed)


def test_only_the_help_of_all_commands_describes_the_facts_of_the_run():
    facts = [param for param in main.get_command(click.Context(main), "check").params if isinstance(param, FactOption)]
    described = [fact.help for fact in facts]

    printed = {name: " ".join(good(*name, "--help").split()) for name in [(), *((name,) for name in EVERY)]}

    assert len(described) == len(UNIT_FACTS)
    assert [(name, text) for name, page in printed.items() for text in described if text in page] == [
        ((), text) for text in described
    ]


EXAMPLES = [(name, line) for name in EVERY for line in examples_of(name)]


@pytest.fixture(scope="module")
def files_of_examples(tmp_path_factory):
    """Return a folder with the files that the examples of the help name."""
    folder = tmp_path_factory.mktemp("examples")
    plan = PLAN.partition("groups")[0].replace("betas[0]", "momentum").replace("absolute(0.85), absolute(0.95)", "1, 2")
    for file in ("plan.yaml", "old.yaml", "new.yaml", "trunk.yaml", "at-6000.yaml", "at-8000.yaml"):
        (folder / file).write_text(plan)
    (folder / "config.py").write_text("param_scheduler = dict(type='CosineAnnealingLR', T_max=9, end=9)\n")
    shown = good("show", folder / "plan.yaml", "--steps-per-epoch", 500, "--base", "lr=0.1", "--json")
    values = json.loads(shown)["values"]
    rows = list(zip(values["lr"], values["momentum"], strict=True))
    lines = [json.dumps({"step": t, "lr": lr, "momentum": momentum}) for t, (lr, momentum) in enumerate(rows)]
    (folder / "values.jsonl").write_text("\n".join(lines))
    table = "".join(f"{t},{lr!r},{momentum!r}\n" for t, (lr, momentum) in enumerate(rows))
    (folder / "log.csv").write_text("step,rate,momentum\n" + table)
    return folder


@pytest.mark.heavy
@pytest.mark.parametrize(("name", "line"), EXAMPLES)
def test_every_example_of_the_help_runs(folder, files_of_examples, name, line):
    if ".pt" in line:
        pytest.skip("a checkpoint is for tests/tools/records")
    shutil.copytree(files_of_examples, folder, dirs_exist_ok=True)

    program, *arguments = shlex.split(line)

    assert program == "paramsched"
    result = call(*arguments)
    assert result.exit_code == 0, result.output


PLAN_COMMANDS = {
    "show": (),
    "check": (),
    "diff": ("plan.yaml",),
}


@pytest.mark.parametrize(("name", "more"), PLAN_COMMANDS.items())
def test_every_problem_of_a_plan_goes_to_standard_error(folder, name, more):
    printed = refused(1, name, "bad.yaml", *more)

    assert [line.partition(": $")[0] for line in printed.splitlines()[::3]] == ["bad.yaml:1:5", "bad.yaml:2:1"]
    assert printed.splitlines()[1:3] == ["    lr: cosin()", "        ^"]
    assert not (folder / "x.svg").exists()


@pytest.mark.parametrize(("name", "more"), PLAN_COMMANDS.items())
def test_a_missing_file_is_a_usage_error(folder, name, more):
    assert refused(2, name, "none.yaml", *more) == "none.yaml: no such file\n"


@pytest.mark.parametrize(("name", "more"), PLAN_COMMANDS.items())
def test_a_line_of_text_is_a_plan(folder, name, more):
    code = 1 if name == "diff" else 0

    assert call(name, LINE, *more, *RUN).exit_code == code
    assert 'unknown schedule "cosin"; did you mean "cosine"?' in refused(1, name, "cosin()", *more)


# ---------------------------------------------------------------- show


def test_a_folder_whose_name_has_a_line_break_is_reported_in_one_line(folder):
    (folder / "a\nb.yaml").mkdir()

    refused = call("check", "a\nb.yaml")

    assert (refused.exit_code, refused.stderr) == (2, "a\\nb.yaml: Is a directory\n")


def test_color_is_used_only_on_request_or_in_a_terminal():
    assert "\x1b[" in good("show", LINE, *RUN, "--color")
    assert "\x1b[" not in good("show", LINE, *RUN, "--no-color")


def test_values_in_json_equal_the_trace(folder):
    printed = json.loads(good("show", "plan.yaml", "--steps-per-epoch", 10, "--base", "lr=0.1,lr@head=0.3", "--json"))

    groups = [{"lr": 0.1, "betas": (1.0,), "name": "default"}, {"lr": 0.3, "betas": (1.0,), "name": "head"}]
    trace = paramsched.trace(config.load("plan.yaml"), groups, steps_per_epoch=10)
    assert printed == {"total": 200, "steps_per_epoch": 10, "values": trace.to_dict()}
    assert printed["values"]["lr[head]"] == [0.15] * 200


@pytest.mark.parametrize("name", ["show", "show --at 1", "diff"])
@table(
    ("plan", "more", "option"),
    [
        ("warmup('5 epochs') >> cosine()", ("--total", "1000"), "--steps-per-epoch"),
        ("warmup('5 samples') >> cosine()", ("--total", "1000"), "--batch-size"),
        ("warmup('5 tokens') >> cosine()", ("--total", "1000"), "--tokens-per-step"),
        ("warmup(5) >> cosine()", ("--total", "9 epochs"), "--steps-per-epoch"),
    ],
)
def test_a_missing_fact_has_the_name_and_an_example_of_its_option(name, plan, more, option):
    arguments = (*name.split(), plan, *([plan.replace("5", "6")] if name == "diff" else []), *more)

    message = refused(2, *arguments)
    name, _, value = message.splitlines()[-1].rpartition("For example: ")[2].partition(" ")

    assert name == option
    assert call(*arguments, name, value).exit_code in (0, 1)


@pytest.fixture
def tree(folder):
    (folder / "trunk.yaml").write_text("total: 100\nlr: constant()\n")
    (folder / "sub").mkdir()
    for update in (40, 60):
        (folder / f"at-{update}.yaml").write_text(f"total: {update + 10}\nlr: constant(over={update}) >> linear()\n")
    (folder / "sub" / "trunk.yaml").write_text("lr: constant()\n")
    return folder


def test_a_plan_has_the_name_that_it_is_given(tree):
    plotted = good("show", "main run=trunk.yaml", "short=linear(over=100)", "at-40.yaml")

    for name in ("a main run ", "b short ", "c at-40.yaml "):
        assert f"   {name}" in plotted
    assert plotted.splitlines()[-1].endswith("100")


def test_plans_in_one_picture_share_groups_and_have_bases_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.yaml").write_text("total: 10\nlr: linear()\n")
    (tmp_path / "heads.yaml").write_text("total: 10\nlr: cosine()\ngroups:\n  head:\n    lr: constant()\n")

    plotted = good("show", "plain.yaml", "heads.yaml", "--base", "lr=0.1,lr@head=0.2")

    assert "plain.yaml group default   0.1 → 0.01" in plotted
    assert "plain.yaml group head   0.2 → 0.02" in plotted
    assert "heads.yaml group head   0.2" in plotted


def test_files_with_equal_names_are_distinguished_and_use_the_longest_total(tree):
    result = call("show", "at-40.yaml", "trunk.yaml", "sub/trunk.yaml", "--branches")

    assert result.exit_code == 0
    assert (
        result.stderr == "note: no total given for sub/trunk.yaml; taken to be that of the longest plan, 100 updates\n"
    )
    assert "sub/trunk.yaml is identical to trunk.yaml" in result.stdout


@pytest.mark.parametrize("output", [(), ("-o", "x.svg")], ids=["in the terminal", "in a file"])
@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (("trunk.yaml",), "trunk.yaml was passed twice. Pass each plan once"),
        (("at-40.yaml", "--other", "at-60.yaml"), "Pass it as one more plan"),
    ],
    ids=["one plan twice", "another plan to compare with"],
)
def test_duplicate_plans_and_other_with_several_plans_are_rejected(tree, output, more, expected):
    assert expected in refused(2, "show", "trunk.yaml", *more, *output)


def test_a_line_of_text_applies_to_the_requested_field():
    assert good("show", "cosine()", "--field", "weight_decay", "--total", 9, "--base", "0.1").startswith("weight_decay")
    assert "expected the name of a field" in refused(1, "show", "cosine()", "--field", "weight decay", "--total", 9)


# ---------------------------------------------------------------- show -o FILE


@pytest.mark.parametrize(("suffix", "begin"), [(".svg", b"<svg"), (".html", b"<!doctype html>"), (".SVG", b"<svg")])
def test_show_writes_a_picture(folder, suffix, begin):
    assert good("show", "plan.yaml", "-o", f"plan{suffix}", "--steps-per-epoch", 10) == ""

    assert (folder / f"plan{suffix}").read_bytes().startswith(begin)


@pytest.mark.heavy
@pytest.mark.parametrize(("suffix", "begin"), [(".png", b"\x89PNG"), (".pdf", b"%PDF")])
def test_show_writes_the_picture_plotted_by_matplotlib(folder, suffix, begin):
    pytest.importorskip("matplotlib")

    assert good("show", "plan.yaml", "-o", f"plan{suffix}", "--steps-per-epoch", 10) == ""

    assert (folder / f"plan{suffix}").read_bytes().startswith(begin)


def test_the_title_of_a_page_is_the_file_name_or_the_requested_title(folder):
    good("show", "plan.yaml", "-o", "a.html", *RUN[2:])
    good("show", "plan.yaml", "-o", "b.html", *RUN[2:], "--title", "Mine", "--other", "other.yaml")

    assert "<title>plan.yaml</title>" in (folder / "a.html").read_text()
    assert "<dd>paramsched show plan.yaml -o a.html --steps-per-epoch 500</dd>" in (folder / "a.html").read_text()
    assert "<title>Mine</title>" in (folder / "b.html").read_text()


def test_the_page_of_a_log_has_the_command_the_bases_and_the_resumes(folder):
    rates = [f"{t},{0.1 * (1 - t / 10):.6g}" for t in (0, 1, 2, 3, 2, 3, 4)]
    (folder / "log.csv").write_text("\n".join(["step,lr", *rates]))

    good("audit", "log.csv", "--html", "log.html")
    good("audit", "log.csv", "-p", "linear()", "--total", 10, "--html", "plan.html")
    pages = [(folder / page).read_text() for page in ("log.html", "plan.html")]
    alone, compared = (dict(re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", page)) for page in pages)

    assert list(alone) == ["version", "command", "resumed"]
    assert alone["command"] == "paramsched audit log.csv --html log.html"
    assert compared["bases"] == "lr of group 0: 0.1"
    assert compared["resumed"] == alone["resumed"] == "at update 2, where the log goes back"


# ---------------------------------------------------------------- diff


# ---------------------------------------------------------------- check


def test_a_missing_file_does_not_stop_the_check_of_other_files(folder):
    result = call("check", "plan.yaml", "none.yaml", "bad.yaml", "not/there.toml", "bad.yaml")

    assert result.exit_code == 2
    printed = result.stderr
    assert [printed.count(name) for name in ("none.yaml: no such file", "not/there.toml: no such file")] == [1, 1]
    assert printed.count("bad.yaml:1:5: $.lr: ") == 2
    assert printed.index("bad.yaml:1:5") < len(printed)


def test_binary_standard_input_does_not_stop_the_check_of_other_files(folder):
    result = call("check", "-", "bad.yaml", input=b"lr: cosine()\n\xff")

    assert result.exit_code == 2
    assert result.stderr.startswith("standard input: byte 13 is not valid UTF-8\nbad.yaml:1:5: ")


def test_a_missing_fact_of_one_plan_does_not_stop_the_check_of_other_plans(folder):
    (folder / "short.yaml").write_text("lr: warmup('30 epochs') >> cosine()")
    facts = ("--total", "1000")

    result = call("check", "short.yaml", "bad.yaml", "cosine()", *facts)
    alone = call("check", "bad.yaml", *facts)
    printed = json.loads(call("check", "short.yaml", "bad.yaml", *facts, "--json").stdout)

    assert (result.exit_code, alone.exit_code) == (2, 1)
    assert result.stderr.startswith("short.yaml: ")
    assert "For example: --steps-per-epoch 100" in result.stderr
    assert alone.stderr in result.stderr
    assert {problem["plan"] for problem in printed} == {"short.yaml", "bad.yaml"}
    assert good("check", "short.yaml", "cosine()", "--total", "90 epochs", "--steps-per-epoch", "100") == (
        "short.yaml: no problems found\ncosine(): no problems found\n"
    )


# ---------------------------------------------------------------- show -o values.csv


AIRBENCH = paramsched.recipes["airbench94-cifar10"]


@table(
    ("arguments", "plan", "groups", "facts"),
    [
        (
            ("plan.yaml", "--steps-per-epoch", 10, "--base", "lr=0.3,lr@head=0.7"),
            PLAN,
            [{"name": "default", "lr": 0.3}, {"name": "head", "lr": 0.7}],
            paramsched.RunFacts(steps_per_epoch=10),
        ),
        (
            ("tokens.yaml", "--tokens-per-step", 100, "--base", "lr=0.1"),
            TOKENS,
            [{"lr": 0.1, "weight_decay": 1.0}],
            paramsched.RunFacts(tokens_per_step=100),
        ),
        ((LINE, "--total", 40, "--base", 0.3), f"lr: {LINE}", [{"lr": 0.3}], paramsched.RunFacts(total=40)),
        (("recipe:airbench94-cifar10",), AIRBENCH.plan, AIRBENCH.bases, AIRBENCH.facts),
    ],
)
def test_the_table_of_a_plan_has_the_bits_of_its_trace(folder, arguments, plan, groups, facts):
    (folder / "tokens.yaml").write_text(TOKENS)
    groups = [{"lr": 1.0, "betas": (1.0, 1.0)} | group for group in groups]

    good("show", *arguments, "-o", "values.csv")

    rows = list(csv.reader(Path("values.csv").read_text().splitlines()))
    columns = {name: [float(cell) for cell in column] for name, *column in zip(*rows, strict=True)}
    planned = config.loads(plan) if isinstance(plan, str) else plan
    expected = paramsched.trace(planned, groups, facts=facts)
    assert columns.pop("t") == [*range(expected.total)]
    assert columns.pop("tokens", None) == (expected.amounts.tolist() if plan is TOKENS else None)
    assert columns == expected.to_dict()


def test_the_table_assumes_no_run_fact_and_names_the_fields_without_a_base(folder):
    assert "--steps-per-epoch" in refused(2, "show", "plan.yaml", "-o", "values.csv")
    assert "Shorten --total" in refused(2, "show", LINE, "-o", "values.csv", "--total", "1e8")

    reported = call("show", "linear(1, 0)", "-o", "values.csv", "--total", "2").stderr

    assert reported == "note: no --base for lr[0]; taken to be 1\n"


@pytest.mark.heavy
def test_a_printed_recipe_is_its_plan_with_short_amounts():
    printed = {name: good("recipes", name) for name in paramsched.recipes}

    assert [name for name, text in printed.items() if paramsched.loads(text) != paramsched.recipes[name].plan] == []
    assert '"12B tokens"' in printed["gpt3-175b"]
    assert not [name for name, text in printed.items() if "000000 tokens" in text]


# ---------------------------------------------------------------- the process


def run(*arguments, **options):
    command = [sys.executable, "-m", "paramsched", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


@pytest.mark.heavy
def test_no_command_imports_torch_or_jax(folder):
    code = (
        "import sys\n"
        "from paramsched.cli import main\n"
        "for line in (['--help'], ['show', 'plan.yaml', '--steps-per-epoch', '5'], ['check', 'plan.yaml'],\n"
        "             ['show', 'plan.yaml', '-o', 'x.html', '--steps-per-epoch', '5'],\n"
        "             ['diff', 'plan.yaml', 'plan.yaml'],\n"
        "             ['show', 'plan.yaml', '--at', '1']):\n"
        "    try:\n"
        "        main(line)\n"
        "    except SystemExit as end:\n"
        "        assert not end.code, line\n"
        "sys.exit(bool({'torch', 'jax', 'matplotlib'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


@pytest.mark.heavy
def test_the_module_runs_the_command(folder):
    assert run("check", "bad.yaml").returncode == 1
    assert run("check", "none.yaml").returncode == 2
    assert "python -m paramsched" in run("--help").stdout
    assert run("--version").returncode == 0


@pytest.mark.heavy
def test_a_closed_pipe_does_not_cause_a_traceback(folder):
    python = f"{sys.executable} -m paramsched"
    command = f"{python} recipes | head -1; {python} show plan.yaml --json | head -c 1"

    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)

    assert "Traceback" not in ended.stderr
    assert "BrokenPipe" not in ended.stderr


def test_an_interrupt_prints_a_short_message(monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("paramsched.cli._input.read_plan_input", interrupted)

    result = call("show", "cosine()", "--at", "1")

    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "Interrupted.\n")


@pytest.mark.long
@pytest.mark.parametrize("name", ["dqn-atari", "rainbow-atari", "smollm2-1.7b"])
def test_the_longest_recipes_are_plotted(name: str) -> None:
    shown = CliRunner().invoke(main, ["show", f"recipe:{name}", "--width", "60"])

    assert shown.exit_code == 0, shown.output


@pytest.mark.parametrize("suffix", ["yaml", "yml", "json"])
def test_the_name_of_a_file_without_its_suffix_is_answered_with_the_file(tmp_path, monkeypatch, suffix):
    monkeypatch.chdir(tmp_path)
    for name in ("good", "cosine"):
        (tmp_path / f"{name}.{suffix}").touch()

    assert f"good: no such file. Write good.{suffix}\n" in refused(2, "show", "good")
    assert "needs brackets" in refused(1, "show", "cosine")


def test_an_unknown_shape_names_the_import_of_its_module_which_is_no_file(folder):
    (folder / "own_shapes.py").write_text("import paramsched as ps\n\n@ps.shape\ndef cubic(u): return 1 - u**3\n")
    assert "--import" in call("show", "cubic()").stderr

    refused = call("show", "cubic()", "--import", "own_shapes.py", "--total", 10)

    assert refused.exit_code == 2
    advised = refused.stderr.partition("Write ")[2].split()
    assert call("show", "cubic()", *advised, "--total", 10).exit_code == 0


def test_a_recipe_takes_another_total():
    shown = call("show", "recipe:bert-base", "--total", 20_000, "--json")

    assert json.loads(shown.stdout)["total"] == 20_000
    assert call("check", "recipe:bert-base", "--total", 20_000).exit_code == 0
