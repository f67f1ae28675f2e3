"""`paramsched check`: how problems are printed, ignored and selected, and common mistakes at their lines."""

import json

import pytest
from click.testing import CliRunner

from paramsched.cli import main
from support.tables import table

LATE = 'total: 20 epochs\nlr: step("30 epochs")\n'


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(text, name="plan.yaml"):
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return name

    return write


def call(*arguments):
    return CliRunner().invoke(main, ["check", *map(str, arguments)], prog_name="paramsched")


def codes(*arguments):
    return [load["code"] for load in json.loads(call(*arguments, "--json").stdout)]


# ---------------------------------------------------------------- output formats


def test_json_contains_all_fields_of_a_problem(plan):
    (actual,) = json.loads(call(plan(LATE), "--json").stdout)

    assert actual == {
        "plan": "plan.yaml", "path": "$.lr", "line": 2, "column": 5, "code": "PS208", "rule": "period-beyond-run",
        "severity": "warning", "message": f"{actual['found']}. {actual['advice']}", "found": actual["found"],
        "advice": "Shorten it, or remove it",
    }  # fmt: skip


def test_explain_shows_a_rule_and_needs_no_plan():
    output = call("--explain", "updates-for-epochs").stdout

    assert output.startswith("PS211 updates-for-epochs (warning)\n")
    assert 'lr: multistep(["30 epochs", "60 epochs", "80 epochs"])' in output
    assert call("--explain", "PS40").stdout.count("\nPS4") == 5


# ---------------------------------------------------------------- selection and exit code


def test_codes_are_selected_and_ignored(plan):
    file = plan(LATE + "learning_rate: cosine()\n")

    assert codes(file) == ["PS208", "PS305"]
    assert codes(file, "--select", "PS2") == ["PS208"]
    assert codes(file, "--ignore", "period-beyond-run") == ["PS305"]


@pytest.mark.parametrize(
    ("text", "strict", "code"),
    [(LATE, False, 0), (LATE, True, 1), ("lr: cosin()", False, 1), ("lr: cosine()", True, 0)],
)
def test_a_warning_affects_the_exit_code_only_on_request(plan, text, strict, code):
    assert call(plan(text), *["--strict"] * strict).exit_code == code


# ---------------------------------------------------------------- with files of a run


@pytest.mark.parametrize(
    ("logged", "metric", "expected"),
    [
        ("val/loss", "val_accuracy", ["PS504"]),
        ("val/loss", "val_loss", []),
        ("wer", "wer", []),
        ("val/loss wer", "wer", []),  # a name that is no usual one of a metric
        ("val/loss wer", "cer", ["PS504"]),
        ("note", "val_loss", []),  # a log without metrics gives no problem
    ],
)
def test_a_metric_missing_from_the_log_is_reported(plan, tmp_path, logged, metric, expected):
    measured = dict.fromkeys(logged.split(), 2.5)
    rows = [json.dumps({"step": t, "lr": 0.01} | (measured if t % 10 == 9 else {})) for t in range(20)]
    (tmp_path / "values.jsonl").write_text("\n".join(rows))
    file = plan(f'total: 20\nlr: 0.1 * plateau("{metric}")\n')

    assert codes(file, "--log", "values.jsonl", "--select", "PS504") == expected


def test_the_problems_of_files_are_printed_in_the_order_of_the_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text("total: 10\nlr: cosin()\n", encoding="utf-8")

    done = CliRunner().invoke(main, ["check", "a.yaml", "absent.yaml"])

    assert done.exit_code == 2
    assert done.stderr.index("a.yaml:2") < done.stderr.index("absent.yaml: no such file")


def test_a_missing_fact_is_reported_beside_the_other_problems(tmp_path):
    (tmp_path / "plan.yaml").write_text("lr: warmup(10) >> cosine(to=1e-6)\n")

    result = CliRunner().invoke(main, ["check", str(tmp_path / "plan.yaml"), "--total", "90 epochs", "--json"])

    actual = json.loads(result.stdout)
    assert result.exit_code == 2
    assert [(problem["code"], problem["line"]) for problem in actual] == [("PS109", None), ("PS301", 1)]
    assert "steps_per_epoch=" not in result.stdout  # an option has no such name
    assert "--steps-per-epoch 100" in result.stdout


@table(
    ("line", "options", "expected"),
    [
        ("cosine(to=3e-5)", [], [("PS301", "info")]),
        ("cosine(to=3e-5)", ["--base", "3e-4"], [("PS301", "warning")]),
        ("cosine(to=3e-5)", ["--base", "lr=3e-4,weight_decay=0.1"], [("PS301", "warning")]),
        ("cosine(to=3e-5)", ["--base", "0.1"], []),
        ("constant() * plateau(min=3e-5)", [], [("PS301", "info")]),
        ("constant() * plateau(min=3e-5)", ["--base", "3e-4"], [("PS301", "warning")]),
        ("constant() * plateau(min=0.01)", ["--base", "3e-4"], []),
        ("cosine()", ["--base", "0"], [("PS403", "warning")]),
    ],
)
def test_a_base_decides_whether_an_end_is_a_rate(line, options, expected, tmp_path):
    file = tmp_path / "plan.yaml"
    file.write_text(f"total: 1000\nlr: {line}\nweight_decay: cosine(to=0.5)\n")

    result = CliRunner().invoke(main, ["check", str(file), "--json", *options], prog_name="paramsched")

    assert [(load["code"], load["severity"]) for load in json.loads(result.stdout)] == expected


MISTAKES = {
    # the unit
    "a warmup of 500 epochs": ("a.yaml", 'total: 90 epochs\nlr: warmup("500 epochs") >> cosine()\n', "PS202", 2),
    "a warmup of 500 epochs, alone": ("a.yaml", 'total: 90 epochs\nlr: warmup("500 epochs")\n', "PS210", 2),
    "milestones of epochs as updates": (
        "a.yaml", 'total: "100 epochs"\nlr: "multistep([60, 80])"\n', "PS211", 2
    ),
    "a decay of 300 updates for 300 epochs": (
        "a.json", '{"total": "300 epochs",\n "lr": "cosine(over=300)"}\n', "PS211", 2
    ),
    "a percent sign with a decimal point": (
        "a.yaml", 'total: 10000\nlr: warmup("0.01%") >> cosine()\n', "PS212", 2, "--batch-size", "32"
    ),
    # the length of the run
    "a decay that ends in the first third": (
        "a.yaml", 'total: 300 epochs\nlr: warmup("5 epochs") >> cosine(over="85 epochs")\n', "PS315", 2
    ),
    # the value
    "a value for a multiple": ("a.yaml", "# adamw, lr=3e-4\nlr: linear(3e-4, 3e-6)\n", "PS301", 2),
    "a floor as a value": ("a.yaml", 'lr: warmup("5%") >> cosine(to=1e-6)\n', "PS301", 1),
    "a momentum of nine": ("a.yaml", "total: 100\nmomentum: linear(absolute(0.85), absolute(9.5))\n", "PS312", 2),
    "a ratio for epochs at every update": (
        "a.yaml", "total: 50000\nlr: exponential(0.95, per=1)\n", "PS315", 2
    ),
    "a slope below zero": ("a.yaml", "total: 100\nlr: linear(1, -1)\n", "PS311", 2),
    # names, groups, metrics
    "a field by another library's name": ("a.yaml", "learning_rate: cosine()\n", "PS305", 1),
    "betas without an index": ("a.yaml", "betas: linear(0.9, 0.95)\n", "PS305", 1),
}  # fmt: skip


@table("name", MISTAKES)
def test_a_mistake_is_reported_at_its_location(tmp_path, name):
    file, text, code, line, *options = MISTAKES[name]
    (tmp_path / file).write_text(text)

    output = (
        CliRunner().invoke(main, ["check", str(tmp_path / file), "--json", *options], prog_name="paramsched").stdout
    )

    assert (code, line) in [(load["code"], load["line"]) for load in json.loads(output)]
