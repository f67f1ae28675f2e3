"""`paramsched resume` and the dry run under it predict what a resumed run does: values, messages and refusals."""

from __future__ import annotations

import copy
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
from paramsched.core.run import dry_run
from paramsched.errors import MissingFact, ParamschedError
from support.examples import examples
from support.several import PLAN as OF_SEVERAL
from support.several import probes
from support.strategies import ANY_PLAN, GROUPS, plans, worlds
from support.tables import table
from support.updates import probe, run, used
from tools.records.dry_runs import resume, values

PLAN = ps.Plan(
    ps.Binding("weight_decay", "linear(1, 0.5)", groups="head"),
    ps.Binding(ps.Target("temperature", 2.0), "linear(1, 0)"),
    ps.Binding("betas[1]", "linear(1, 0.9)"),
    lr="warmup(4) >> cosine()",
    total=20,
)
TOKENS = ps.Plan(lr="linear(1, 0)", clock="tokens", total="2000 tokens")
PLAN_OF_TWO = ps.Plan(lr="linear(1, 0)", total=20)
RULE = ps.Plan(lr="linear(1, 0.5) * plateau('loss', factor=0.5, patience=0)", total=20)
NAMED_GROUPS = ({"lr": 0.1, "name": "body"}, {"lr": 0.3, "name": "head"})


def checkpoint(groups, plan, facts):
    optimizer = probe(*groups)
    scheduler = ps.Scheduler(optimizer, plan, **facts)
    run(optimizer, 3)
    if plan is RULE:
        scheduler.observe(loss=1.0)
        scheduler.observe(loss=2.0)
    run(optimizer, 2)
    return copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))


def test_a_refused_resume_has_its_error_and_no_values():
    state, scheduler_state = checkpoint(NAMED_GROUPS, PLAN, {})
    other = ps.Plan(lr="linear(0.5, 0)", total=20)

    actual = dry_run({"optimizer": state["param_groups"]}, scheduler_state, other, ps.RunFacts(), on_change="error")

    assert (actual.values, actual.amount, actual.differs) == ((), None, True)
    assert [severity for severity, _ in actual.messages][-1] == "error"
    assert "-> linear(start=0.5, over=20)" in actual.messages[-1][1]


@pytest.mark.parametrize("has_state", [True, False])
@table(
    "bases",
    [
        {("lr", None): 0.5},
        {("lr", "head"): 0.5},
        {("lr", "body"): 0.5, ("lr", None): 0.25, ("weight_decay", "head"): 0.2},
        {("lr", None): 0.1},  # of one group, and not of the other
    ],
)
def test_bases_are_those_of_the_code_with_on_base(bases, has_state):
    state, scheduler_state = checkpoint(NAMED_GROUPS, PLAN, {})
    groups = [dict(group) for group in NAMED_GROUPS]
    for (field, name), base in reversed(bases.items()):
        for one in groups:
            if name in (None, one["name"]):
                one[field] = base
    optimizer = probe(*groups)
    scheduler = ps.Scheduler(optimizer, PLAN, on_base="code")
    optimizer.load_state_dict(state)
    if has_state:
        scheduler.load_state_dict(scheduler_state)

    given = scheduler_state if has_state else None
    actual = dry_run({"optimizer": state["param_groups"]}, given, PLAN, ps.RunFacts(), bases=bases, updates=3)

    for t in range(5, 8):
        assert {
            (value.field, value.group): value.value for value in actual.values if value.update == t
        } == scheduler._values()
        run(optimizer, 1)
    assert actual.differs


def test_a_dry_run_on_the_clock_of_progress_says_that_later_values_depend_on_reports():
    plan = ps.Plan(lr="linear()", clock="progress")
    scheduler = ps.Scheduler(probe(lr=0.5), plan)
    scheduler.report(progress=0.25)
    groups = {"optimizer": scheduler.optimizer.param_groups}

    actual = dry_run(groups, scheduler.state_dict(), plan, ps.RunFacts())

    assert [text for _, text in actual.messages] == [
        "the values after update 0 depend on the progress that the loop reports"
    ]
    assert [(value.update, value.value) for value in actual.values] == [(0, 0.375)]
    assert (actual.clock, actual.amount, actual.differs) == ("progress", 0.25, False)


@pytest.mark.parametrize(("line", "differs"), [("cosine()", False), ("cosine(to=1e-8)", True)])
def test_the_rounding_of_a_recursive_scheduler_of_torch_is_no_other_value(line, differs):
    optimizer = probe()
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 1000)
    for _ in range(437):
        optimizer.step()
        scheduler.step()

    groups = {"optimizer": optimizer.state_dict()["param_groups"]}
    result = dry_run(groups, None, ps.Plan(lr=line), ps.RunFacts(total=1000), start=437)

    assert result.values[0].stored != result.values[0].value
    assert result.differs == differs


def test_a_dry_run_without_a_run_fact_raises_and_a_stored_value_that_is_no_float_is_none():
    state, _ = checkpoint(NAMED_GROUPS, PLAN_OF_TWO, {})
    groups = {"optimizer": [{**one, "lr": 10**400} for one in state["param_groups"]]}

    actual = dry_run(groups, None, PLAN_OF_TWO, ps.RunFacts(), updates=1)

    assert [value.stored for value in actual.values] == [None, None]
    assert [value.value for value in actual.values] == [0.1 * 0.75, 0.3 * 0.75]
    with pytest.raises(ps.errors.MissingFact, match="the number of updates per epoch is unknown"):
        dry_run(groups, None, ps.Plan(lr="linear()", total="2 epochs"), ps.RunFacts())


@pytest.mark.parametrize("has_state", [False, True])
def test_an_optimizer_that_is_behind_takes_its_coming_step_at_the_amount_that_was_reported(has_state):
    optimizers = {"a": probe(lr=0.1), "b": probe(lr=0.1)}
    scheduler = ps.Scheduler(optimizers, TOKENS)
    for consumed in (100, 300):
        scheduler.consumed(tokens=consumed)
        for name in ("a", "b") if consumed == 100 else ("a",):  # b has not stepped in the last update
            optimizers[name].step()
    state = copy.deepcopy(scheduler.state_dict()) if has_state else None
    groups = {name: copy.deepcopy(optimizer.state_dict())["param_groups"] for name, optimizer in optimizers.items()}

    actual = dry_run(groups, state, TOKENS, ps.RunFacts())

    coming = {value.group: value.value for value in actual.values if value.update == 1}
    optimizers["b"].step()
    assert coming == {"b/0": used(optimizers["b"])[-1]} == {"b/0": pytest.approx(0.095)}


def test_a_dry_run_says_that_no_further_metric_is_assumed():
    one = probe({"lr": 0.1})
    plan = ps.Plan(lr='cosine() * plateau("val_loss")', total=10)
    scheduler = ps.Scheduler(one, plan)

    actual = dry_run({"optimizer": one.state_dict()["param_groups"]}, scheduler.state_dict(), plan, ps.RunFacts())

    assert ("info", "the values assume that no further metric is reported: val_loss") in actual.messages


@pytest.mark.parametrize("has_state", [True, False])
def test_an_optimizer_that_is_behind_takes_its_coming_step_as_in_the_resumed_run(has_state):
    def made(lr):
        both = {"a": probe(lr=lr), "b": probe(lr=0.1)}
        return both, ps.Scheduler(both, PLAN_OF_TWO, on_base="code")

    both, scheduler = made(0.1)
    run(both["b"], 1)
    states = copy.deepcopy({name: one.state_dict() for name, one in both.items()})
    groups, state = {name: one["param_groups"] for name, one in states.items()}, scheduler.state_dict()

    given = state if has_state else None
    actual = dry_run(groups, given, PLAN_OF_TWO, ps.RunFacts(), bases={("lr", "a/0"): 0.5}, updates=2)

    both, scheduler = made(0.5)
    for name, one in both.items():
        one.load_state_dict(states[name])
    if has_state:
        scheduler.load_state_dict(state)
    run(both["a"], 1)
    for _ in range(2):
        run(both["b"], 1), run(both["a"], 1)
    values = {name: [value.value for value in actual.values if str(value.group).startswith(name)] for name in both}
    assert values == {name: used(one) for name, one in both.items()}


WARMED = ps.Plan(lr="warmup('5%') >> cosine(to=0.1)", total=100)
BOTH_BY_TOKENS = ps.Plan(lr="linear(over='640 tokens')", weight_decay="linear(1, 0, over='640 tokens')", clock="tokens")


def options_of(facts: ps.RunFacts) -> list[object]:
    known = ((field.name, getattr(facts, field.name)) for field in fields(facts))
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


@ANY_PLAN
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
    plan, facts = (BOTH_BY_TOKENS, {"tokens_per_step": 7}) if by_tokens else (OF_SEVERAL, {})
    after = plan if not is_new else ps.Plan(ps.Binding("lr", "cosine()", "muon"), lr="linear(2, 1)", total=64)
    facts_after = facts if after is plan else {}
    if by_tokens and is_new:
        return

    def attached(plan, facts, states=None):
        optimizers = probes(names)
        for name, optimizer in optimizers.items():
            if states is not None:
                optimizer.load_state_dict(states[name])
        return optimizers, ps.Scheduler(optimizers, plan, **facts)

    optimizers, scheduler = attached(plan, facts)
    for name in itertools.islice(itertools.cycle(names), count):
        optimizers[name].step()
    states = {name: optimizer.state_dict() for name, optimizer in optimizers.items()}
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
    file = saved(tmp_path, WARMED, 30)

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


@pytest.mark.long
def test_the_command_does_not_import_the_compiler_of_torch(tmp_path):
    run_main = "from paramsched.cli import main; main(standalone_mode=False)"
    code = f"import sys; {run_main}; print('torch._dynamo' in sys.modules)"
    file = saved(tmp_path, WARMED, 30)

    done = subprocess.run([sys.executable, "-c", code, "resume", file], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "False"  # the import would take as long as half of that of torch
