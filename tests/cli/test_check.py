"""`paramsched check`: how problems are printed, silenced, selected and fixed."""

import json

import pytest
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main

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
    return [one["code"] for one in json.loads(call(*arguments, "--json").stdout)]


# ---------------------------------------------------------------- output formats


def test_a_problem_is_a_line_with_location_severity_and_code(plan):
    result = call(plan(LATE))

    assert (result.exit_code, result.stdout) == (0, "")
    first, line, caret = result.stderr.splitlines()
    assert first.startswith('plan.yaml:2:5: $.lr: warning: the period "30 epochs" is 150% of the run')
    assert first.endswith("[PS208]")
    assert line[caret.index("^")] == "s"


def test_json_contains_all_fields_of_a_problem(plan):
    (found,) = json.loads(call(plan(LATE), "--json").stdout)

    assert found == {
        "plan": "plan.yaml", "path": "$.lr", "line": 2, "column": 5, "code": "PS208", "rule": "period-beyond-run",
        "severity": "warning", "message": f"{found['found']}. {found['advice']}", "found": found["found"],
        "advice": "Shorten it, or remove it",
    }  # fmt: skip


def test_explain_shows_a_rule_and_needs_no_plan():
    output = call("--explain", "updates-for-epochs").stdout

    assert output.startswith("PS211 updates-for-epochs (warning)\n")
    assert 'lr: multistep(["30 epochs", "60 epochs", "80 epochs"])' in output
    assert call("--explain", "PS40").stdout.count("\nPS4") == 7


def test_an_unknown_code_is_a_usage_error(plan):
    for option in ("--explain", "--select", "--ignore"):
        result = call(plan(LATE), option, "PS999")
        assert result.exit_code == 2
        assert "unknown rule" in result.stderr


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


def test_strict_mode_ignores_info_problems(plan):
    result = call(plan("lr: cosine(to=1e-5)\n"), "--strict")

    assert result.exit_code == 0
    assert "[PS304]" in result.stderr


# ---------------------------------------------------------------- with files of a run


def test_a_checkpoint_provides_the_groups_and_fields(plan, tmp_path):
    torch = pytest.importorskip("torch")
    parameters = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    groups = [{"params": [one], "name": name} for one, name in zip(parameters, ("body", "head"), strict=True)]
    optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr=ps.cosine(), total=100))
    for _ in range(3):
        parameters[0].grad = torch.ones(1)
        optimizer.step()
    torch.save({"optimizer": optimizer.state_dict()}, tmp_path / "model.pt")
    scheduler.detach()
    text = "total: 2\nlr: cosine()\nbetas[0]: constant(0.5)\ngroups: {haed: {lr: constant(0.1)}}\n"

    found = {one["code"]: one for one in json.loads(call(plan(text), "--checkpoint", "model.pt", "--json").stdout)}
    right = call(plan("total: 100\nlr: cosine()\ngroups: {head: {lr: constant(0.1)}}\n"), "--checkpoint", "model.pt")

    assert {"PS401", "PS402"} <= set(found)
    assert (found["PS401"]["line"], 'did you mean "head"' in found["PS401"]["found"]) == (4, True)
    assert (right.exit_code, right.stderr) == (0, "")
    assert codes(plan("total: 2\nlr: cosine()\n"), "--checkpoint", "model.pt") == ["PS406"]


def test_a_log_with_one_step_per_process_is_reported_with_its_cause(plan, tmp_path):
    lr = ps.trace(ps.Plan(lr=ps.cosine(), total=100), {"lr": 0.1})["lr"]
    rows = [json.dumps({"step": t, "lr": float(lr[min(4 * t, 99)])}) for t in range(20)]
    (tmp_path / "values.jsonl").write_text("\n".join(rows))

    (found,) = json.loads(call(plan("total: 100\nlr: cosine()\n"), "--log", "values.jsonl", "--json").stdout)

    assert (found["code"], found["severity"], found["line"]) == ("PS405", "error", 2)
    assert "4" in found["advice"]


@pytest.mark.parametrize(
    ("logged", "metric", "found"),
    [
        ("val/loss", "val_accuracy", ["PS504"]),
        ("val/loss", "val_loss", []),
        ("wer", "wer", []),
        ("val/loss wer", "wer", []),  # a name that is no usual one of a metric
        ("val/loss wer", "cer", ["PS504"]),
        ("note", "val_loss", []),  # a log without metrics gives no problem
    ],
)
def test_a_metric_missing_from_the_log_is_reported(plan, tmp_path, logged, metric, found):
    measured = dict.fromkeys(logged.split(), 2.5)
    rows = [json.dumps({"step": t, "lr": 0.01} | (measured if t % 10 == 9 else {})) for t in range(20)]
    (tmp_path / "values.jsonl").write_text("\n".join(rows))
    file = plan(f'total: 20\nlr: 0.1 * plateau("{metric}")\n')

    assert codes(file, "--log", "values.jsonl", "--select", "PS504") == found


def test_the_problems_of_files_are_printed_in_the_order_of_the_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text("total: 10\nlr: cosin()\n", encoding="utf-8")

    done = CliRunner().invoke(main, ["check", "a.yaml", "absent.yaml"])

    assert done.exit_code == 2
    assert done.stderr.index("a.yaml:2") < done.stderr.index("absent.yaml: no such file")


def test_a_missing_fact_is_reported_beside_the_other_problems(tmp_path):
    (tmp_path / "plan.yaml").write_text("lr: warmup(10) >> cosine(to=1e-6)\n")

    result = CliRunner().invoke(main, ["check", str(tmp_path / "plan.yaml"), "--total", "90 epochs", "--json"])

    found = json.loads(result.stdout)
    assert result.exit_code == 2
    assert [(one["code"], one["line"]) for one in found] == [("PS109", None), ("PS304", 1)]
    assert "steps_per_epoch=" not in result.stdout  # an option has no such name
    assert "--steps-per-epoch 100" in result.stdout
