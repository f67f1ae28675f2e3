"""Audits on other clocks, and of several optimizers."""

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
from paramsched.errors import MissingFact
from paramsched.tools.audit import AmountColumn, compare_with_plan, read_log
from support.updates import group

PLAN = ps.Plan(
    lr=ps.warmup("5000 tokens") >> ps.cosine(to=0.1),
    momentum=ps.linear(0.5, 1, over="30000 tokens"),
    weight_decay=ps.linear(1, 0, over="30000 tokens"),
    clock="tokens",
    total="40000 tokens",
)


UPDATES = 120


SIZES = [100 + 37 * (5 * t % 11) for t in range(UPDATES + 1)]


TOKENS = [sum(SIZES[:t]) for t in range(UPDATES + 2)]


BASES = {"lr": 0.3, "momentum": 0.9, "weight_decay": 0.05}


def planned(field: str, tokens: int, t: int) -> float:
    """Return the values by explicit formulas."""
    if field == "lr":
        if tokens < 5000:
            return 0.3 * (tokens / 5000)
        share = min((tokens - 5000) / 35000, 1.0)
        return 0.3 * (0.1 + 0.9 * 0.5 * (1 + np.cos(np.pi * share)))
    if field == "momentum":
        return 0.9 * (0.5 + 0.5 * min(tokens / 30000, 1.0))
    return 0.05 * (1 - min(t / 100, 1.0))


def log(folder: Path, *, key: str | None = "tokens", counted=lambda t: TOKENS[t], fields=tuple(BASES)) -> Path:
    """Write the log of a run whose schedules used the time `counted`, in twelve digits."""
    file = folder / "values.jsonl"
    rows = []
    for t in range(UPDATES):
        row = {"t": t} | ({key: TOKENS[t]} if key else {})
        row["groups"] = [{field: float(f"{planned(field, counted(t), t):.12g}") for field in fields}]
        rows.append(json.dumps(row))
    file.write_text("\n".join(rows))
    return file


def audit(file: Path, plan: ps.Plan = PLAN, name: str | None = None, *, facts=None, **options):
    fields = [binding.name for binding in plan.bindings]
    logged = read_log(file, fields, amount=AmountColumn("tokens", name))
    return compare_with_plan(
        logged, plan, facts=facts, bases={(field, None): BASES[field] for field in fields}, **options
    )


def test_a_log_without_tokens_is_compared_at_the_tokens_of_the_run_facts(tmp_path):
    file = log(tmp_path, key=None, counted=lambda t: 300 * t)

    with pytest.raises(
        MissingFact, match=r"tokens that the updates consumed are unknown.*the log has no column tokens"
    ):
        audit(file)
    assert audit(file, facts=ps.RunFacts(tokens_per_step=300)).first is None
    assert audit(file, facts=ps.RunFacts(tokens_per_step=301)).first is not None


def test_a_log_without_tokens_is_compared_at_the_tokens_of_the_plan(tmp_path):
    plan = ps.loads(
        "clock: tokens\ntotal: 40000 tokens\nlr: warmup('5000 tokens') >> cosine(to=0.1)\n"
        "targets: {tokens_per_step: {initial: 1, schedule: 'stairs(100, 400, 3, over=\"9000 tokens\")'}}"
    )
    amounts = ps.trace(plan, {"lr": 0.3}).amounts.tolist()
    assert len(set(np.diff(amounts))) == 4
    file = log(tmp_path, key=None, counted=lambda t: amounts[min(t, len(amounts) - 1)], fields=["lr"])

    logged = read_log(file, ["lr"], amount=AmountColumn("tokens"))

    assert len(amounts) > 100
    assert compare_with_plan(logged, plan, bases={("lr", None): 0.3}).exact == UPDATES


def test_the_command_compares_amounts_and_names_a_missing_fact(tmp_path):
    (tmp_path / "plan.yaml").write_text(
        "clock: tokens\ntotal: 40000 tokens\nlr: warmup('5000 tokens') >> cosine(to=0.1)\n"
    )
    plan = ["--plan", str(tmp_path / "plan.yaml")]
    named = str(log(tmp_path, key="seen", fields=["lr"]))

    missing = CliRunner().invoke(main, ["audit", named, *plan])
    compared = CliRunner().invoke(main, ["audit", named, *plan, "--amount", "seen", "--base", "0.3"])
    by_updates = CliRunner().invoke(main, ["audit", named, "--plan", "linear(1, 0, over=9)", "--amount", "seen"])

    assert missing.exit_code == 2
    assert "--amount NAME" in missing.output
    assert "--tokens-per-step" in missing.output
    assert compared.output.startswith(f"{UPDATES} of {UPDATES} values are as planned")
    assert by_updates.exit_code == 2
    assert "the plan's clock counts updates. Leave --amount out" in by_updates.output


FIELDS = ["lr", "momentum", "weight_decay"]


PLAN_OF_SEVERAL_OPTIMIZERS = """
total: 40
lr: linear(1, 0)
momentum: linear(absolute(0.85), absolute(0.95), over="30 steps")
weight_decay: like("lr")
groups:
"""


def logged_run(plan, file, groups):
    muon = torch.optim.SGD([torch.nn.Parameter(torch.ones(2, 2))], lr=0.02, momentum=0.95, weight_decay=0.1)
    adamw = torch.optim.AdamW([{**group(), **entries} for entries in groups], lr=3e-4)
    scheduler = ps.Scheduler({"muon": muon, "adamw": adamw}, plan)
    rows = []
    for _ in range(40):
        for optimizer in (muon, adamw):
            optimizer.step()
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
    plan = ps.loads(PLAN_OF_SEVERAL_OPTIMIZERS + lines)
    file = tmp_path / f"log.{suffix}"
    logged_run(plan, file, groups)

    report = compare_with_plan(read_log(file, FIELDS), plan)

    assert report.first is None
    assert report.values >= 40 * 3


def test_a_value_that_differs_is_that_of_its_optimizer(tmp_path):
    plan = ps.loads(PLAN_OF_SEVERAL_OPTIMIZERS + "  adamw: {lr: cosine()}")
    logged_run(plan, tmp_path / "log.jsonl", [{"name": "embed"}, {"name": "rest"}])
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    rows[7]["lr/adamw/rest"] = 9.0
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, rows)))

    first = compare_with_plan(read_log(tmp_path / "log.jsonl", FIELDS), plan).first

    assert first is not None
    assert (first.t, first.field, first.group, first.logged) == (7, "lr", "adamw/rest", 9.0)


def test_a_selector_that_no_group_of_the_log_has_is_refused_as_before(tmp_path):
    logged_run(ps.loads(PLAN_OF_SEVERAL_OPTIMIZERS + "  muon: {lr: cosine()}"), tmp_path / "log.jsonl", [{}])

    with pytest.raises(ps.errors.PlanError, match="head"):
        compare_with_plan(
            read_log(tmp_path / "log.jsonl", FIELDS), ps.loads(PLAN_OF_SEVERAL_OPTIMIZERS + "  head: {lr: cosine()}")
        )


pytestmark = pytest.mark.package("show")
PLAN_OF_TEN_EPOCHS = ps.Plan(lr='warmup("10%") >> cosine(to=0.1)', weight_decay="linear(1.0, 0.5)", total="10 epochs")
EPOCH = 20
TOTAL = 200
BASES_OF_TWO = {"lr": 0.1, "weight_decay": 0.04}
NOW = np.arange(TOTAL)
RESOLVED = PLAN_OF_TEN_EPOCHS.resolve(steps_per_epoch=EPOCH)


def values_at(times, resolved=RESOLVED):
    """Return the values_at of each field at these times of the plan."""
    schedules = {binding.name: binding.schedule for binding in resolved.bindings}
    return {field: schedules[field](np.maximum(times, 0), base=base).tolist() for field, base in BASES_OF_TWO.items()}


def write(path: Path, columns, t=NOW) -> str:
    """Our JSONL."""
    rows = zip(*columns.values(), strict=True)
    lines = [
        json.dumps({"t": int(amount), "groups": [dict(zip(columns, row, strict=True))]})
        for amount, row in zip(t, rows, strict=True)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture
def audited_by_command(tmp_path):
    ps.dump(PLAN_OF_TEN_EPOCHS, tmp_path / "plan.yaml")

    def call(log, *options, plan=None, epoch=True):
        facts = ["--steps-per-epoch", str(EPOCH)] if epoch else []
        result = CliRunner().invoke(
            main, ["audit", log, "--plan", plan or str(tmp_path / "plan.yaml"), *facts, *options]
        )
        return result.exit_code, result.output

    return call


def test_the_csv_of_a_trace_is_read_without_options(audited_by_command, tmp_path):
    plan = ps.Plan(
        *PLAN_OF_TEN_EPOCHS.bindings, ps.Binding("lr", ps.cosine(), groups="head"), total=PLAN_OF_TEN_EPOCHS.total
    )
    ps.dump(plan, tmp_path / "two.yaml")
    groups = [{**BASES_OF_TWO, "name": "body"}, {**BASES_OF_TWO, "name": "head"}]
    ps.trace(plan, groups, steps_per_epoch=EPOCH).to_csv(tmp_path / "trace.csv")

    code, said = audited_by_command(str(tmp_path / "trace.csv"), plan=str(tmp_path / "two.yaml"))

    assert code == 0, said
    assert "800 of 800" in said


def trained(updates, plan=PLAN_OF_TEN_EPOCHS):
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.ones(1))], lr=0.1, weight_decay=0.04)
    ps.Scheduler(optimizer, plan, steps_per_epoch=EPOCH)
    for _ in range(updates):
        optimizer.param_groups[0]["params"][0].grad = torch.ones(1)
        optimizer.step()
    return optimizer


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--column", "lr=used_rat"], 'did you mean "used_rate"'),
        (["--time", "stp", "--column", "lr=used_rate"], 'did you mean "step"'),
        ([], "no column has the name of a field (lr, weight_decay); the log has step, used_rate"),
        (["--column", "lr"], "--column lr: expected FIELD=NAME"),
    ],
)
def test_a_log_that_does_not_match_the_options_is_a_usage_error(audited_by_command, tmp_path, options, said):
    (tmp_path / "log.csv").write_text("step,used_rate\n0,0.1\n")

    code, output = audited_by_command(str(tmp_path / "log.csv"), *options)

    assert code == 2
    assert said in output


def test_reading_text_does_not_import_torch(tmp_path):
    log = write(tmp_path / "log.jsonl", values_at(NOW))
    ps.dump(PLAN_OF_TEN_EPOCHS, tmp_path / "plan.yaml")
    code = (
        "import sys; from click.testing import CliRunner; from paramsched.cli import main\n"
        f"found = CliRunner().invoke(main, ['audit', {log!r}, '--plan', {str(tmp_path / 'plan.yaml')!r}, "
        "'--steps-per-epoch', '20'])\n"
        "sys.exit(found.exit_code or 'torch' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
