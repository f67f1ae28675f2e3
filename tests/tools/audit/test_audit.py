"""Logs with common errors, made from the plan's values, and the causes that the audit identifies."""

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

pytestmark = pytest.mark.package("show")
PLAN = ps.Plan(lr='warmup("10%") >> cosine(to=0.1)', weight_decay="linear(1.0, 0.5)", total="10 epochs")
EPOCH, TOTAL, BASES = 20, 200, {"lr": 0.1, "weight_decay": 0.04}
NOW = np.arange(TOTAL)
RESOLVED = PLAN.resolve(steps_per_epoch=EPOCH)


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


def test_the_csv_of_a_trace_is_read_without_options(audit, tmp_path):
    plan = ps.Plan(*PLAN.bindings, ps.Binding("lr", ps.cosine(), groups="head"), total=PLAN.total)
    ps.dump(plan, tmp_path / "two.yaml")
    groups = [{**BASES, "name": "body"}, {**BASES, "name": "head"}]
    ps.trace(plan, groups, steps_per_epoch=EPOCH).to_csv(tmp_path / "trace.csv")

    code, said = audit(str(tmp_path / "trace.csv"), plan=str(tmp_path / "two.yaml"))

    assert code == 0, said
    assert "800 of 800" in said


def trained(updates, plan=PLAN):
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.ones(1))], lr=0.1, weight_decay=0.04)
    ps.Scheduler(optimizer, plan, steps_per_epoch=EPOCH)
    for _ in range(updates):
        optimizer.param_groups[0]["params"][0].grad = torch.ones(1)
        optimizer.step()
    return optimizer


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
