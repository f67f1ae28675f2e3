"""Options that do not fit, rare inputs and files of other programs: the answer has what to write instead."""

import json
import shlex

import pytest
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main
from paramsched.cli._options import CommandOptions
from paramsched.cli._output import file_problem
from paramsched.cli._traces import trace_plan_inputs
from support.registered_shapes import shapes_as_before
from support.tables import table

HOOKS = """import paramsched as ps
@ps.shape
def halving_of_a_test(over: int = 3) -> ps.extend.Schedule:
    "Halve."
    return ps.step(over, 0.5)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.yaml").write_text("total: 100\nlr: warmup(10) >> cosine()\n")
    (tmp_path / "plan.txt").write_text("lr: cosine()\n")
    (tmp_path / "log.csv").write_text("step,lr\n0,0.1\n1,0.1\n")
    (tmp_path / "hooks_of_a_test.py").write_text(HOOKS)
    (tmp_path / "broken_in_a_test.py").write_text("1/0\n")
    with shapes_as_before():
        yield tmp_path


def run(command):
    return CliRunner().invoke(main, shlex.split(command))


def test_reports_of_a_log_for_programs(folder):
    same, differing = (
        json.loads(run(f"audit log.csv --plan 'constant({c})' --base lr=0.1 --json").stdout) for c in (1, 2)
    )

    assert (same["equal"], same["first"], same["log"], same["values"]) == (True, None, "log.csv", 2)
    first = {"t": 0, "field": "lr", "group": 0, "logged": 0.1, "planned": 0.2}
    assert (differing["equal"], differing["first"]) == (False, first)
    assert run("audit log.csv --plan 'constant(2)' --base lr=0.1").exit_code == 1
    assert run("audit log.csv --plan 'constant(1)' --base lr=0.1").exit_code == 0
    (folder / "log.csv").write_text("step,lr\n0,0.1\n1,inf\n")
    infinite = run("audit log.csv --plan 'constant(1)' --base lr=0.1 --json")
    assert json.loads(infinite.stdout, parse_constant=pytest.fail)["first"]["logged"] is None


def test_a_total_is_for_the_plans_without_one(folder):
    options = CommandOptions({"total": "80"})

    both, _ = trace_plan_inputs(["cosine()", "plan.yaml"], options)

    assert [trace.total for _, trace in both.plans] == [80, 100]
    with pytest.raises(ps.errors.InvalidArgument, match="but total=80"):
        trace_plan_inputs(["plan.yaml", "cosine()"], options)


def test_a_terminal_without_braille_gets_ascii(folder):
    done = CliRunner(charset="ascii").invoke(main, ["show", "plan.yaml"])

    assert done.exit_code == 0
    assert "*" in done.output
    assert "\\u" not in done.output


def test_the_advised_base_of_a_log_names_the_group_only_if_there_are_several(folder):
    (folder / "log.csv").write_text("step,lr\n5,0.05\n6,0.06\n")
    (folder / "two.csv").write_text("step,lr[a],lr[b]\n0,0.5,0.25\n1,0.4,0.2\n")
    (folder / "groups.yaml").write_text("total: 9\ngroups:\n  a: {lr: cosine()}\n  b: {lr: linear()}\n")

    single, two = (run(command) for command in ("show plan.yaml --used log.csv", "show groups.yaml --used two.csv"))

    assert single.output.splitlines()[-1].endswith(
        "the base of lr is unknown, so it is not compared. For example: --base lr=0.1"
    )
    assert two.output.splitlines()[-1].endswith("For example: --base lr@a=0.5,lr@b=0.25")
    assert run("show plan.yaml --used log.csv --base lr=0.1").exit_code == 0


PLAN_OF_ADVICE = 'lr: warmup("5%") >> cosine(to=0.1)\n'
GROUPS = "lr: 1.0\ngroups:\n  head: {lr: constant(0.5)}\n"


@pytest.fixture
def folder_with_logs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.yaml").write_text(PLAN_OF_ADVICE)
    (tmp_path / "groups.yaml").write_text(GROUPS)
    (tmp_path / "log.csv").write_text("step,stage,my rate\n" + "".join(f"{t},warm,{t / 4}\n" for t in range(4)))
    (tmp_path / "heads.csv").write_text("learning_rate,lr_1\n1,0.5\n")
    rows = [{"t": t, "optimizer": name, "groups": [{"lr": t / 4}]} for t in range(4) for name in ("disc", "gen")]
    (tmp_path / "two.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path


def call(words):
    return CliRunner().invoke(main, words, prog_name="paramsched")


def test_every_listed_image_format_can_be_plotted(folder_with_logs):
    pytest.importorskip("matplotlib")
    output = call(["show", "plan.yaml", "--total", "9", "-o", "plan.gif"]).stderr

    suffixes = output.rpartition("Use one of ")[2].strip().split(", ")

    assert len(suffixes) == 4
    for suffix in suffixes:
        assert call(["show", "plan.yaml", "--total", "9", "-o", f"plan{suffix}"]).exit_code == 0
        assert (folder_with_logs / f"plan{suffix}").stat().st_size > 1000


COMMAS = {"quoted.csv": 'step,lr\n0,"0,1"\n1,"0,09"\n', "other.csv": "step;lr\n0;0,1\n1;0,09\n"}


@table(
    ("command", "place", "write"),
    [
        ("check plan.yaml --base lr=1e-3 wd=0.1", "wd=0.1", "--base lr=1e-3,wd=0.1"),
        ("show plan.yaml --base lr=1e-3 betas[0]=0.9", "betas[0]=0.9", "--base lr=1e-3,betas[0]=0.9"),
        ("audit log.xlsx", "log.xlsx", "CSV"),
        ("audit quoted.csv", "quoted.csv", "0.1"),
        ("audit other.csv --plan 'cosine()'", "other.csv", "0.1"),
        ("check facts.yaml", "facts.yaml:2:1", "--steps-per-epoch 100"),
        ("check 'warmup(\"1,000 steps\") >> cosine()'", "over=", '"1000 steps"'),
        ("show bert-base", "bert-base", "recipe:bert-base"),
    ],
)
def test_a_mistake_is_answered_with_its_place_and_what_to_write(folder, command, place, write):
    (folder / "log.xlsx").write_bytes(b"PK\x03\x04")
    (folder / "facts.yaml").write_text("lr: cosine()\nsteps_per_epoch: 100\n")
    for name, text in COMMAS.items():
        (folder / name).write_text(text)
    refused = run(command)

    assert refused.exit_code in (1, 2)
    assert place in refused.output
    assert write in refused.output


@table(
    ("error", "message"),
    [
        (OSError(2, "no such file", "plan.yml"), 'plan.yml: no such file; did you mean "plan.yaml"?'),
        (OSError(2, "no such file", "pln.yaml"), 'pln.yaml: no such file; did you mean "plan.yaml"?'),
        (OSError(2, "no such file", "./run.toml"), "./run.toml: no such file"),
        (OSError(2, "no such file", "gone/plan.yml"), "gone/plan.yml: no such file"),
        (OSError(13, "Permission denied", "plan.yml"), "plan.yml: Permission denied"),
        (OSError(2, "No such file or directory"), "the current folder: No such file or directory"),
        (OSError(28, "No space left on device"), "standard output: No space left on device"),
    ],
)
@pytest.mark.usefixtures("folder_with_logs")
def test_only_a_missing_file_is_compared_with_the_files_beside_it(error, message):
    assert file_problem(error) == message


@pytest.fixture
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_words(*words):
    return CliRunner().invoke(main, words, prog_name="paramsched")


def test_a_link_to_a_missing_file_is_not_compared_with_itself(empty_folder):
    (empty_folder / "plan.txt").symlink_to("gone.txt")

    assert file_problem(OSError(2, "no such file", "plan.txt")) == "plan.txt: no such file"


def test_metrics_with_the_same_word_share_a_panel(empty_folder):
    rows = ["step,lr,train_loss,val_loss,throughput", *(f"{t},{1 - t / 10},{9 - t},{10 - t},{t}" for t in range(10))]
    (empty_folder / "log.csv").write_text("\n".join(rows))

    options = ("--metric", "train_loss", "--metric", "val_loss", "--metric", "throughput")
    printed = run_words("show", "linear()", "--total", "10", "--used", "log.csv", *options).stdout

    assert [line for line in printed.splitlines() if line in ("loss", "throughput", "train_loss", "val_loss")] == [
        "loss",
        "throughput",
    ]


@pytest.mark.parametrize(("option", "value"), [("--steps-per-epoch", "7"), ("--batches-per-epoch", "7")])
def test_a_length_of_an_epoch_that_is_given_is_not_assumed(option, value):
    refused = run_words("show", "warmup('20 epochs') >> cosine()", "--total", "9 epochs", option, value)

    assert refused.exit_code == 1
    assert "need 140 updates" in refused.output
    assert "note:" not in refused.output


@pytest.mark.parametrize(("line", "base"), [("linear()", "0.4"), ("maximum(linear(), absolute(0.01))", "0.1")])
def test_the_base_of_a_log_is_fitted_only_if_all_values_are_multiples_of_it(empty_folder, line, base):
    (empty_folder / "log.csv").write_text("step,lr\n" + "".join(f"{t},{0.4 * (1 - t / 10)!r}\n" for t in range(10)))

    refused = run_words("show", line, "--total", "10", "--used", "log.csv")

    assert refused.exit_code == 2
    assert f"For example: --base lr={base}" in refused.output


def test_a_log_beyond_the_given_length_is_reported(empty_folder):
    (empty_folder / "plan.yaml").write_text("lr: cosine()\n")
    (empty_folder / "log.csv").write_text("step,lr\n" + "".join(f"{t},{1 - t / 20}\n" for t in range(20)))

    assert "but the plan ends at 5" in run_words("check", "plan.yaml", "--log", "log.csv", "--total", "5").output
    assert "but the plan ends at" not in run_words("check", "plan.yaml", "--log", "log.csv", "--total", "20").output


YOLO = """\
task: detect
mode: train
epochs: 50
lr0: 0.01
lrf: 0.01
momentum: 0.937
weight_decay: 0.0005
warmup_epochs: 3.0
cos_lr: false
"""


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (YOLO, "found task, mode, epochs, lr0"),
        ("_BASE_: a.yaml\nSOLVER:\n  BASE_LR: 0.1\n", "found _BASE_, SOLVER"),
        ("SOLVER:\n  BASE_LR: 0.1\n  MAX_ITER: 900\n", "found SOLVER."),
    ],
)
def test_a_file_of_another_program_is_refused_in_three_lines_at_most(tmp_path, text, named):
    (tmp_path / "args.yaml").write_text(text)

    result = CliRunner().invoke(main, ["show", str(tmp_path / "args.yaml")])

    assert result.exit_code == 1
    assert len(result.output.splitlines()) <= 3
    assert named in result.output
