"""`paramsched resume` predicts what a resumed run does: its values, messages, position and refusals."""

from __future__ import annotations

import itertools
import subprocess
import sys
from dataclasses import fields

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.cli._options import option_of
from paramsched.core.fields import Field
from paramsched.errors import MissingFact, ParamschedError
from support.examples import examples
from support.several import PLAN as OF_SEVERAL
from support.several import probes
from support.strategies import GROUPS, plans, worlds
from support.updates import probe, run
from tools.audit.dry_runs import resume, values

PLAN = ps.Plan(lr="warmup('5%') >> cosine(to=0.1)", total=100)
TOKENS = ps.Plan(lr="linear(over='640 tokens')", weight_decay="linear(1, 0, over='640 tokens')", clock="tokens")


def options_of(facts: ps.RunFacts) -> list[object]:
    known = ((one.name, getattr(facts, one.name)) for one in fields(facts))
    return [part for name, fact in known if fact is not None for part in (option_of(name), fact)]


def saved(folder, plan, updates, *, scheduler=True, groups=(), **facts):
    """Save a run after some updates; return the file."""
    optimizer = probe(*(groups or [{}]))
    made = ps.Scheduler(optimizer, plan, **facts)
    run(optimizer, updates)
    state = {"optimizer": optimizer.state_dict(), **({"scheduler": made.state_dict()} if scheduler else {})}
    torch.save(state, folder / "last.pt")
    return folder / "last.pt"


def messages(report, severity=None):
    return [one["message"] for one in report["problems"] if severity in (None, one["severity"])]


# ---------------------------------------------------------------------- the values of the resumed run


@given(
    st.data(), worlds(small=True), st.integers(0, 40), st.booleans(), st.sampled_from(["new", "checkpoint", "error"])
)
@examples(100)
def test_the_prediction_of_any_plan_is_what_the_resumed_run_uses(
    tmp_path_factory, data, world, updates, with_scheduler, on_change
):
    folder = tmp_path_factory.mktemp("run")
    before = data.draw(plans(world))
    after = data.draw(st.just(before) | plans(world))
    optimizer = probe(*GROUPS)
    try:
        scheduler = ps.Scheduler(optimizer, before, facts=world.facts)
    except ParamschedError:
        return
    for _ in range(updates):
        optimizer.step()
        metrics = {rule.metric for rule in scheduler.states}
        if metrics and data.draw(st.booleans()):
            scheduler.observe(**dict.fromkeys(metrics, data.draw(st.floats(0, 2))))
    state = {"optimizer": optimizer.state_dict(), **({"scheduler": scheduler.state_dict()} if with_scheduler else {})}
    torch.save(state, folder / "last.pt")
    ps.dump(after, folder / "plan.yaml")
    report = resume(folder / "last.pt", "-p", folder / "plan.yaml", "--on-change", on_change, *options_of(world.facts))

    state = torch.load(folder / "last.pt")
    resumed = probe(*GROUPS)
    resumed.load_state_dict(state["optimizer"])
    try:
        again = ps.Scheduler(resumed, after, facts=world.facts, on_change=on_change)
        if with_scheduler:
            again.load_state_dict(state["scheduler"])
    except MissingFact:
        assert report["exit"] == 2
        return
    except ParamschedError as error:
        refusal = str(error)
    else:
        refusal = None
    if refusal is not None:
        assert (report["exit"], report["rows"], messages(report, "error")) == (1, [], [refusal])
        return
    assert report["update"] == again.t == updates
    shown = {(row["update"], row["field"], row["group"]): row["value"] for row in report["rows"]}
    used = {}
    labels = {"body": 0, "head": 1, 2: 2}
    for t in range(updates, updates + 3):
        for name, label in again._values():
            if label == "":
                used[t, name, label] = again.value(name)
            else:
                here = resumed.param_groups[labels[label]]
                used[t, name, label] = float(Field.of(name).within(here, "").read(here))
        resumed.step()
    assert shown == used
    stored = {(row["field"], row["group"]): row["stored"] for row in report["rows"] if row["update"] == updates}
    for (name, label), value in stored.items():
        here = state["optimizer"]["param_groups"][labels[label]] if label != "" else None
        assert value == (None if here is None else float(Field.of(name).within(here, "").read(here)))
    assert report["exit"] == int(report["differs"])
    if after == before and (
        with_scheduler or not before.metric_rules
    ):  # their states are in the state of the Scheduler
        assert not report["differs"]


@given(st.integers(0, 20), st.booleans(), st.booleans(), st.sampled_from(["muon", "names"]), st.booleans())
def test_several_optimizers_resume_together_also_between_two_steps(
    tmp_path_factory, count, with_scheduler, by_tokens, kind, is_new
):
    folder = tmp_path_factory.mktemp("run")
    names = ("muon", "adamw", "sgd")
    plan, facts = (TOKENS, {"tokens_per_step": 7}) if by_tokens else (OF_SEVERAL, {})
    after = plan if not is_new else ps.Plan(ps.Binding("lr", "cosine()", "muon"), lr="linear(2, 1)", total=64)
    facts_after = facts if after is plan else {}
    if by_tokens and is_new:
        return

    def attached(plan, facts, states=None):
        optimizers = probes(names)
        for name, one in optimizers.items():
            if states is not None:
                one.load_state_dict(states[name])
        return optimizers, ps.Scheduler(optimizers, plan, **facts)

    optimizers, scheduler = attached(plan, facts)
    for name in itertools.islice(itertools.cycle(names), count):
        optimizers[name].step()
    states = {name: one.state_dict() for name, one in optimizers.items()}
    paths = {name: name if kind == "names" else f"optimizers[{index}]" for index, name in enumerate(names)}
    whole = states if kind == "names" else {"optimizers": list(states.values())}
    torch.save({**whole, **({"scheduler": scheduler.state_dict()} if with_scheduler else {})}, folder / "last.pt")
    ps.dump(after, folder / "plan.yaml")
    named = [part for name, path in paths.items() for part in ("--optimizer", f"{name}={path}")]
    report = resume(
        folder / "last.pt", "-p", folder / "plan.yaml", *([] if with_scheduler else named),
        *options_of(ps.RunFacts(**facts_after)),
    )  # fmt: skip

    state = torch.load(folder / "last.pt")
    resumed, again = attached(after, facts_after, states)
    if with_scheduler:
        again.load_state_dict(state["scheduler"])
    for name in itertools.islice(itertools.cycle(names), count % 3, 12):
        resumed[name].step()
    assert report["optimizer"] == paths
    for name in names:
        shown = values(report, group=f"{name}/0")
        used = [groups[0]["lr"] for groups in resumed[name].used]
        assert len(shown) in (3, 4)
        assert shown[:3] == used[:3]
    assert report["differs"] == is_new


# ---------------------------------------------------------------------- what is printed


def test_without_a_plan_the_plan_of_the_checkpoint_resumes_with_its_run_facts(tmp_path):
    plan = ps.Plan(lr="warmup('1 epoch') >> cosine()")
    file = saved(tmp_path, plan, 30, steps_per_epoch=20, total=100)

    report = resume(file)
    changed = resume(file, "--steps-per-epoch", 40)

    shown = ps.trace(plan, {"lr": 0.1}, steps_per_epoch=20, total=100)["lr", 0]
    assert values(report) == shown[30:33].tolist()
    assert (report["exit"], report["changes"], report["problems"]) == (0, [], [])
    assert changed["exit"] == 1
    assert values(changed)[0] == ps.trace(plan, {"lr": 0.1}, steps_per_epoch=40, total=100)["lr", 0][30]
    assert "an epoch has 40 updates instead of 20" in "".join(messages(changed, "warning"))


# ---------------------------------------------------------------------- refusals and limits


def test_a_refused_resume_has_exit_code_1_and_the_reason(tmp_path):
    file = saved(tmp_path, PLAN, 30)

    report = resume(file, "-p", "linear()", "--total", 90, "--on-change", "error")

    assert (report["exit"], report["update"], report["rows"], report["differs"]) == (1, 30, [], True)
    assert "on_change is 'error', so nothing was written" in messages(report, "error")[0]
    assert [one["what"] for one in report["changes"]] == ["total", "lr"]


@pytest.mark.parametrize("clock", ["tokens", "seconds"])
def test_values_that_depend_on_the_consumption_are_printed_as_far_as_they_are_known(clock, tmp_path):
    plan = ps.Plan(lr=f"linear(over='640 {clock}')", clock=clock)
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, plan)
    scheduler.consumed(**{clock: 64})
    optimizer.step()
    torch.save({"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}, tmp_path / "last.pt")

    report = resume(tmp_path / "last.pt")

    assert (report["exit"], report["clock"], report["amount"]) == (0, clock, 64)
    assert values(report) == [0.1 * 0.9]
    assert messages(report) == [f"the values after update 1 depend on the {clock} that the updates consume"]


def test_a_run_with_a_reported_progress_resumes_from_the_last_report(tmp_path):
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr="linear()", clock="progress"))
    scheduler.report(progress=0.25)
    optimizer.step()
    torch.save({"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}, tmp_path / "last.pt")

    report = resume(tmp_path / "last.pt")

    assert (report["exit"], report["clock"], report["amount"]) == (0, "progress", 0.25)
    assert values(report) == [0.1 * 0.75]
    assert messages(report) == ["the values after update 1 depend on the progress that the loop reports"]


def test_a_plan_with_a_metric_rule_names_the_metric(tmp_path):
    report = resume(saved(tmp_path, ps.Plan(lr=ps.plateau("loss")), 3))

    assert (report["exit"], values(report)) == (0, [0.1] * 3)
    assert messages(report, "info") == ["the values assume that no further metric is reported: loss"]


def test_targets_have_no_group_and_no_stored_value(tmp_path):
    plan = ps.Plan(ps.Binding(ps.Target("dropout", 0.4), ps.linear()), lr="linear()", total=10)

    report = resume(saved(tmp_path, plan, 5))

    assert next(row for row in report["rows"] if row["field"] == "dropout") == {
        "update": 5, "field": "dropout", "group": "", "stored": None, "value": 0.2,
    }  # fmt: skip
    assert report["exit"] == 0


@pytest.mark.long
def test_the_command_does_not_import_the_compiler_of_torch(tmp_path):
    run_main = "from paramsched.cli import main; main(standalone_mode=False)"
    code = f"import sys; {run_main}; print('torch._dynamo' in sys.modules)"
    file = saved(tmp_path, PLAN, 30)

    done = subprocess.run([sys.executable, "-c", code, "resume", file], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "False"  # the import would take as long as half of that of torch


@pytest.mark.parametrize("scheduler", [True, False])
@pytest.mark.parametrize(("option", "changed"), [("lr=5e-4", (0, 1)), ("lr@head=5e-4", (1,))])
def test_a_base_is_that_of_the_code_as_with_on_base(scheduler, option, changed, tmp_path):
    names = ("body", "head")
    file = saved(tmp_path, PLAN, 40, scheduler=scheduler, groups=[{"name": name, "lr": 1e-3} for name in names])
    lrs = [5e-4 if index in changed else 1e-3 for index in (0, 1)]
    optimizer = probe(*({"name": name, "lr": lr} for name, lr in zip(names, lrs, strict=True)))
    ps.Scheduler(optimizer, PLAN, on_base="code")
    optimizer.load_state_dict(torch.load(file)["optimizer"])
    run(optimizer, 3)

    own = () if scheduler else ("--plan", "warmup('5%') >> cosine(to=0.1)", "--total", 100)
    report = resume(file, "--base", option, *own)

    assert report.get("exit") == 1, report
    for index, name in enumerate(names):
        assert values(report, group=name) == [groups[index]["lr"] for groups in optimizer.used]
    (logged,) = [text for text in messages(report) if "From update 40 on" in text]
    assert [name in logged for name in names] == [index in changed for index in (0, 1)]


def test_the_base_of_one_of_several_optimizers_is_that_of_the_resumed_run(tmp_path):
    def made(lr):
        both = {"a": probe(lr=lr), "b": probe(lr=1e-3)}
        return both, ps.Scheduler(both, PLAN, on_base="code")

    both, scheduler = made(1e-3)
    for _ in range(8):
        both["b"].step(), both["a"].step()
    both["b"].step()
    states = {name: one.state_dict() for name, one in both.items()}
    torch.save({**states, "scheduler": scheduler.state_dict()}, tmp_path / "last.pt")
    both, scheduler = made(5e-4)
    for name, one in both.items():
        one.load_state_dict(states[name])
    both["a"].step()
    for _ in range(3):
        both["b"].step(), both["a"].step()

    options = ("--optimizer", "a=a", "--optimizer", "b=b", "--base", "lr@a/0=5e-4")
    report = resume(tmp_path / "last.pt", *options)

    label = next(row["group"] for row in report["rows"] if str(row["group"]).startswith("a"))
    assert values(report, group=label) == [groups[0]["lr"] for groups in both["a"].used]
