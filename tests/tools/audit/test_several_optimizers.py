"""Logs of several optimizers under one plan: the scalars that a run logged, compared with the plan."""

import csv
import json

import pytest
import torch

import paramsched as ps
from paramsched.tools.audit import compare_with_plan, read_log
from support.updates import group

FIELDS = ["lr", "momentum", "weight_decay"]
PLAN = """
horizon: 40
lr: linear(1, 0)
momentum: linear(absolute(0.85), absolute(0.95), over="30 steps")
weight_decay: like("lr")
groups:
"""


def logged_run(plan, file, groups):
    muon = torch.optim.SGD([torch.nn.Parameter(torch.ones(2, 2))], lr=0.02, momentum=0.95)
    adamw = torch.optim.AdamW([{**group(), **entries} for entries in groups], lr=3e-4)
    scheduler = ps.Scheduler({"muon": muon, "adamw": adamw}, plan)
    rows = []
    for _ in range(40):
        for one in (muon, adamw):
            one.step()
        rows.append({"step": scheduler.t - 1, **scheduler.scalars()})
    if file.suffix == ".jsonl":
        file.write_text("\n".join(map(json.dumps, rows)))
        return
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
@pytest.mark.parametrize(
    ("lines", "groups"),
    [
        ("  adamw/embed: {lr: 'like(\"lr\") * 0.3'}", [{"name": "embed"}, {"name": "rest"}]),
        ("  adamw: {lr: cosine()}\n  muon/*: {lr: 'linear(2, 1)'}", [{"name": "embed"}, {}]),
        ("  muon: {lr: cosine()}", [{}]),
        ("  muon/0: {lr: cosine()}\n  adamw/head: {lr: 'linear(2, 1)'}", [{"name": "head"}]),
        ("  adamw/1: {lr: cosine()}\n  embed: {lr: 'linear(2, 1)'}", [{"name": "embed"}, {}]),
        ("  adamw/*: {lr: cosine()}\n  muon: {lr: 'linear(2, 1)'}", [{}, {}]),
    ],
)
def test_what_a_run_logged_is_as_planned(lines, groups, suffix, tmp_path):
    plan = ps.loads(PLAN + lines)
    file = tmp_path / f"log.{suffix}"
    logged_run(plan, file, groups)

    report = compare_with_plan(read_log(file, FIELDS), plan)

    assert report.first is None
    assert report.values >= 40 * 3


def test_a_value_that_differs_is_that_of_its_optimizer(tmp_path):
    plan = ps.loads(PLAN + "  adamw: {lr: cosine()}")
    logged_run(plan, tmp_path / "log.jsonl", [{"name": "embed"}, {"name": "rest"}])
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    rows[7]["lr/adamw/rest"] = 9.0
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, rows)))

    first = compare_with_plan(read_log(tmp_path / "log.jsonl", FIELDS), plan).first

    assert first is not None
    assert (first.t, first.field, first.group, first.logged) == (7, "lr", "adamw/rest", 9.0)


def test_a_selector_that_no_group_of_the_log_has_is_refused_as_before(tmp_path):
    logged_run(ps.loads(PLAN + "  muon: {lr: cosine()}"), tmp_path / "log.jsonl", [{}])

    with pytest.raises(ps.errors.PlanError, match="head"):
        compare_with_plan(read_log(tmp_path / "log.jsonl", FIELDS), ps.loads(PLAN + "  head: {lr: cosine()}"))
