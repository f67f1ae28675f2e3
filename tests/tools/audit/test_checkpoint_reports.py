"""What a checkpoint says about its run: the lines of a resume, the plans over time, and the bases of its groups."""

import math

import pytest
import torch
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main
from paramsched.tools.audit import read_log, read_plan_history
from paramsched.tools.records.checkpoint_log import read_groups
from support.several import probes
from support.updates import probe, run


def printed(*arguments, code=0):
    result = CliRunner().invoke(main, [str(one) for one in arguments])
    assert result.exit_code == code, result.output
    return result.output


def test_a_resume_shows_a_ratio_for_changed_values_only(tmp_path):
    optimizer = probe({"lr": 0.1}, {"lr": 0.2})
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr="constant()", horizon=100))
    run(optimizer, 30)
    torch.save({"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}, tmp_path / "last.pt")
    ps.dump(ps.Plan(lr="constant(0.5)", horizon=100), tmp_path / "half.yaml")

    same = printed("resume", tmp_path / "last.pt")
    half = printed("resume", tmp_path / "last.pt", "-p", tmp_path / "half.yaml", code=1)
    rows = [[line.split() for line in text.splitlines() if line.split()[:1] == ["30"]] for text in (same, half)]

    assert rows[0] == [["30", "lr", "0", "0.1", "0.1"], ["30", "lr", "1", "0.2", "0.2"]]
    assert rows[1] == [["30", "lr", "0", "0.1", "0.05", "×", "0.5"], ["30", "lr", "1", "0.2", "0.1", "×", "0.5"]]


def test_the_name_of_an_optimizer_that_ends_with_another_name_is_found_first(tmp_path):
    optimizers = probes(["first", "a", "x.a"])
    plan = ps.Plan(lr="linear(over=100)")
    scheduler = ps.Scheduler(optimizers, plan)
    for _ in range(30):
        for one in optimizers.values():
            one.step()
    states = {"m": {"x": {"a": optimizers["x.a"].state_dict()}, "a": optimizers["a"].state_dict()}}
    states["other"] = optimizers["first"].state_dict()
    torch.save({**states, "scheduler": scheduler.state_dict()}, tmp_path / "last.pt")

    text = printed("resume", tmp_path / "last.pt")

    for name, path in (("first", "other"), ("a", "m.a"), ("x.a", "m.x.a")):
        assert f'optimizer {name} "{path}"' in text


def test_the_plans_of_a_run_are_in_the_state_of_the_optimizer_alone(tmp_path):
    relative = ps.Plan(lr="warmup('10%') >> cosine()")
    optimizer = probe(lr=0.1)
    ps.Scheduler(optimizer, relative, total=100)
    run(optimizer, 30)
    longer = probe(lr=0.1)
    ps.Scheduler(longer, relative, total=120)
    longer.load_state_dict(optimizer.state_dict())
    run(longer, 20)
    torch.save(longer.state_dict(), tmp_path / "last.pt")

    plans = read_plan_history(tmp_path / "last.pt")
    text = printed("resume", tmp_path / "last.pt", "--history").splitlines()
    row = next(one.split() for one in printed("resume", tmp_path / "last.pt").splitlines() if one.split()[0] == "50")

    assert [(one.update, one.plan) for one in plans] == [(0, relative), (30, relative)]
    assert text[text.index("from update 30:") :][:2] == ["from update 30:", "  horizon: 100 -> 120"]
    assert float(row[3]) == float(row[4]) == pytest.approx(longer.param_groups[0]["lr"], rel=1e-5)  # of 6 digits
    assert read_log(tmp_path / "last.pt", ["lr"]).columns[0].values.tolist() == [longer.param_groups[0]["lr"]]


def test_the_plans_of_a_run_are_listed_with_their_changes_and_bases(tmp_path):
    optimizer = probe({"lr": 0.1})
    (tmp_path / "plan.yaml").write_text("lr: linear(over='640 tokens')\nclock: tokens\n")
    scheduler = ps.Scheduler(optimizer, tmp_path / "plan.yaml", calendar=ps.Calendar(tokens_per_step=16))
    run(optimizer, 10)
    again = ps.Scheduler(
        probe({"lr": 0.1}), "clock: tokens\nlr: constant(0.5)", calendar=ps.Calendar(tokens_per_step=16)
    )
    again.load_state_dict(scheduler.state_dict())
    torch.save({"scheduler": again.state_dict()}, tmp_path / "last.pt")

    first, second = read_plan_history(tmp_path / "last.pt")

    assert str(first).splitlines() == [
        "from update 0 (0 tokens):",
        *(f"  {line}" for line in str(first.plan).splitlines()),
    ]
    assert (second.update, second.amount) == (10, 160)
    assert str(second).splitlines()[0] == "from update 10 (160 tokens):"
    assert "constant(0.5)" in str(second)
    assert str(second.changes) in str(second).replace("\n  ", "\n")


@pytest.mark.parametrize("scheduled", [True, False])
def test_the_groups_of_a_checkpoint_have_the_bases_that_are_known(scheduled, tmp_path):
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.AdamW([{"params": [weight], "name": "head"}], lr=0.1, weight_decay=0.02)
    if scheduled:
        ps.Scheduler(optimizer, ps.Plan(lr="linear(over=9)", **{"betas[0]": "linear(1, 0.5, over=9)"}))
    for _ in range(3):
        weight.grad = torch.ones(1)
        optimizer.step()
    torch.save({"optimizer": optimizer.state_dict()}, tmp_path / "last.pt")

    found = read_groups(tmp_path / "last.pt")

    (group,) = found.groups
    assert found.updates == 3
    assert group["name"] == "head"
    assert not any(key.startswith("paramsched") or key == "params" for key in group)
    assert group["lr"] == 0.1 if scheduled else math.isnan(group["lr"])
    assert [math.isnan(one) for one in group["betas"]] == [not scheduled, True]
    assert math.isnan(group["weight_decay"])


def test_a_checkpoint_without_a_number_of_updates_has_groups_all_the_same(tmp_path):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    torch.save({"optimizer": optimizer.state_dict()}, tmp_path / "last.pt")

    assert read_groups(tmp_path / "last.pt").updates is None
