"""Logs with common errors, made from the plan's values, and the causes that the audit identifies."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main

PLAN = ps.Plan(lr='warmup("10%") >> cosine(to=0.1)', weight_decay="linear(1.0, 0.5)", horizon="10 epochs")
EPOCH, TOTAL, BASES = 20, 200, {"lr": 0.1, "weight_decay": 0.04}
NOW = np.arange(TOTAL)
RESOLVED = PLAN.resolve(ps.Calendar(steps_per_epoch=EPOCH))


def values(times, resolved=RESOLVED):
    """Return the values of each field at these times of the plan."""
    schedules = {one.name: one.schedule for one in resolved.bindings}
    return {field: schedules[field](np.maximum(times, 0), base=base).tolist() for field, base in BASES.items()}


def write(path: Path, columns, t=NOW) -> str:
    """Our JSONL."""
    rows = zip(*columns.values(), strict=True)
    lines = [
        json.dumps({"t": int(at), "groups": [dict(zip(columns, row, strict=True))]})
        for at, row in zip(t, rows, strict=True)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture
def audit(tmp_path):
    ps.dump(PLAN, tmp_path / "plan.yaml")

    def call(log, *options, plan=None, epoch=True):
        facts = ["--steps-per-epoch", str(EPOCH)] if epoch else []
        found = CliRunner().invoke(
            main, ["audit", log, "--plan", plan or str(tmp_path / "plan.yaml"), *facts, *options]
        )
        return found.exit_code, found.output

    return call


def test_a_log_that_equals_its_plan_is_confirmed_and_its_bases_are_fitted(audit, tmp_path):
    code, said = audit(write(tmp_path / "log.jsonl", values(NOW)))

    assert code == 0
    assert "400 of 400 values are as planned" in said
    assert "base of lr of group 0: 0.1, fitted to the log" in said


@pytest.mark.parametrize("digits", ["{!r}", "{:.6g}", "{:.4e}", "{:.6f}"])
def test_a_csv_with_custom_columns_and_rounded_numbers_is_read(audit, tmp_path, digits):
    columns = values(NOW)
    with (tmp_path / "log.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["global_step", "loss", "learning_rate"])
        rows.writerows([t, 0.5, digits.format(value)] for t, value in enumerate(columns["lr"]))

    code, said = audit(str(tmp_path / "log.csv"), "--column", "lr=learning_rate")

    assert code == 0, said
    assert "note: not compared: weight_decay (not in the log)" in said


def test_the_csv_of_a_trace_is_read_without_options(audit, tmp_path):
    plan = ps.Plan(*PLAN.bindings, ps.Binding("lr", ps.cosine(), groups="head"), horizon=PLAN.horizon)
    ps.dump(plan, tmp_path / "two.yaml")
    groups = [{**BASES, "name": "body"}, {**BASES, "name": "head"}]
    ps.trace(plan, groups, ps.Calendar(steps_per_epoch=EPOCH)).to_csv(tmp_path / "trace.csv")

    code, said = audit(str(tmp_path / "trace.csv"), plan=str(tmp_path / "two.yaml"))

    assert code == 0, said
    assert "800 of 800" in said


def test_the_history_of_a_trainer_is_read_despite_unrelated_rows(audit, tmp_path):
    rows = [{"step": t, "learning_rate": value} for t, value in enumerate(values(NOW)["lr"])]
    rows.insert(7, {"step": 7, "eval_loss": 1.0})
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, rows)))

    code, said = audit(str(tmp_path / "log.jsonl"), "--column", "lr=learning_rate")

    assert code == 0, said


def trained(updates, plan=PLAN):
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.ones(1))], lr=0.1, weight_decay=0.04)
    ps.Scheduler(optimizer, plan, steps_per_epoch=EPOCH)
    for _ in range(updates):
        optimizer.param_groups[0]["params"][0].grad = torch.ones(1)
        optimizer.step()
    return optimizer


@pytest.mark.parametrize("place", ["alone", "among other things"])
def test_the_checkpoint_of_an_optimizer_is_audited(audit, tmp_path, place):
    state = trained(37).state_dict()
    torch.save(state if place == "alone" else {"model": {}, "optimizer": state, "epoch": 2}, tmp_path / "run.pt")

    code, said = audit(str(tmp_path / "run.pt"))

    assert code == 0, said
    assert "the checkpoint was saved after 37 updates" in said


def test_a_checkpoint_of_a_restarted_plan_is_reported(audit, tmp_path):
    optimizer = trained(37)
    ps.Scheduler(optimizer, PLAN, steps_per_epoch=EPOCH).seek(0)
    for _ in range(5):
        optimizer.step()
    torch.save(optimizer.state_dict(), tmp_path / "run.pt")

    code, said = audit(str(tmp_path / "run.pt"))

    assert code == 1
    assert "its scheduler has counted 5 updates" in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--column", "lr=used_rat"], 'did you mean "used_rate"'),
        (["--time", "stp", "--column", "lr=used_rate"], 'did you mean "step"'),
        ([], "no column has the name of a field (lr, weight_decay); the log has step, used_rate"),
        (["--column", "lr"], "--column lr: expected FIELD=NAME"),
    ],
)
def test_a_log_that_does_not_match_the_options_is_a_usage_error(audit, tmp_path, options, said):
    (tmp_path / "log.csv").write_text("step,used_rate\n0,0.1\n")

    code, output = audit(str(tmp_path / "log.csv"), *options)

    assert code == 2
    assert said in output


def test_a_missing_fact_is_a_usage_error_that_names_the_option(audit, tmp_path):
    code, said = audit(write(tmp_path / "log.jsonl", values(NOW)), epoch=False)

    assert code == 2
    assert "steps_per_epoch" in said


def test_reading_text_does_not_import_torch(tmp_path):
    log = write(tmp_path / "log.jsonl", values(NOW))
    ps.dump(PLAN, tmp_path / "plan.yaml")
    code = (
        "import sys; from click.testing import CliRunner; from paramsched.cli import main\n"
        f"found = CliRunner().invoke(main, ['audit', {log!r}, '--plan', {str(tmp_path / 'plan.yaml')!r}, "
        "'--steps-per-epoch', '20'])\n"
        "sys.exit(found.exit_code or 'torch' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
