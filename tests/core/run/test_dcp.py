"""torch.distributed.checkpoint restores the same state as torch.save, even after changes."""

import copy
import tempfile
import warnings
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributed.checkpoint.default_planner import DefaultLoadPlanner
from torch.distributed.checkpoint.format_utils import dcp_to_torch_save
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_optimizer_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.optim import ZeroRedundancyOptimizer

import paramsched as ps
from core.run.dcp import load, model_and_optimizer, save, through_a_file, train
from support.updates import planned

LR = ps.Plan(lr=ps.cosine(), total=20)
LINEAR = ps.Plan(lr=ps.linear(1.0, 0.0), total=20)
PLANS = {
    "lr": LR,
    "another lr": ps.Plan(lr=ps.linear(1.0, 0.1), total=25),
    "two fields": ps.Plan(lr=ps.cosine(), weight_decay=ps.linear(1.0, 0.5), total=20),
    "betas": ps.Plan(ps.Binding("betas[0]", ps.linear(1.0, 0.9)), weight_decay=ps.cosine(to=2.0), total=20),
    "one group": ps.Plan(ps.Binding("lr", ps.cosine(), groups=1), total=20),
    "epochs": ps.Plan(lr='warmup("1 epoch") >> cosine()', total="2 epochs"),
    "plateau": ps.Plan(lr=ps.cosine() * ps.plateau("loss", patience=0, factor=0.5), total=20),
    "another plateau": ps.Plan(lr=ps.cosine() * ps.plateau("loss", patience=1, factor=0.1), total=20),
    "tokens": ps.Plan(lr=ps.cosine(), clock="tokens", total="2000 tokens"),
    "samples": ps.Plan(lr=ps.linear(), clock="samples", total="300 samples"),
    "target": ps.Plan(ps.Binding(ps.Target("heat", 2.0), ps.linear()), lr=ps.cosine(), total=20),
}
FACTS = [
    {"steps_per_epoch": 10, "batch_size": 8, "tokens_per_step": 100},
    {"batches_per_epoch": 20, "accumulation": 2, "batch_size": 8, "tokens_per_step": 100},
    {"steps_per_epoch": 5, "batch_size": 16, "tokens_per_step": 50},
]
ON_CHANGE = ["new", "checkpoint", "error"]


def report(scheduler, t):
    """Report a part of the consumption of the next update, at some updates."""
    unit = next((unit for unit in ("tokens", "samples") if unit in str(scheduler.plan.clock)), None)
    if unit is not None and t % 3:
        scheduler.consumed(**{unit: 7 * t})


def run(model, optimizer, scheduler, updates):
    actual = []
    for _ in range(updates):
        actual += train(model, optimizer, 1, before=lambda: report(scheduler, scheduler.t))
        if scheduler.plan.metric_rules:
            scheduler.observe(loss=float(scheduler.t % 4))
    return actual


def outcome(call):
    """Return the exception of a load, or None."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            call()
        except ps.errors.ParamschedError as error:
            return type(error), str(error)
        except dcp.CheckpointException as failures:
            error = next(iter(failures.failures.values()))[0]
            return type(error), str(error)
    return None


@given(
    names=st.lists(st.sampled_from(sorted(PLANS)), min_size=1, max_size=2),
    new=st.sampled_from(sorted(PLANS)),
    facts=st.tuples(*[st.sampled_from(FACTS)] * 2),
    groups=st.integers(2, 3),
    updates=st.integers(1, 6),
    pending=st.integers(0, 50),
    on_change=st.sampled_from(ON_CHANGE),
    flat=st.booleans(),
    with_scheduler=st.booleans(),
)
@settings(deadline=None)
def test_a_run_resumes_from_dcp_as_from_torch_save(
    names, new, facts, groups, updates, pending, on_change, flat, with_scheduler
):
    model, optimizer = model_and_optimizer(groups)
    for name in names:
        scheduler = ps.Scheduler(optimizer, PLANS[name], facts=ps.RunFacts(**facts[0]))
        run(model, optimizer, scheduler, updates)
    if pending and scheduler.plan.clock != "updates":
        scheduler.consumed(**{"samples" if names[-1] == "samples" else "tokens": pending})

    def resumed(load_into):
        model, optimizer = model_and_optimizer(groups)
        scheduler = ps.Scheduler(optimizer, PLANS[new], facts=ps.RunFacts(**facts[1]), on_change=on_change)
        reported = outcome(lambda: load_into(model, optimizer, scheduler if with_scheduler else None))
        return model, optimizer, scheduler, reported

    def by_torch_save(model, optimizer, scheduler):
        optimizer.load_state_dict(saved[0])
        if scheduler is not None:
            scheduler.load_state_dict(saved[1])

    def by_dcp(model, optimizer, scheduler):
        for group, loaded in zip(optimizer.param_groups, saved[0]["param_groups"], strict=True):
            if "initial_lr" not in loaded:  # as docs/how-to/several-machines.md says, because torch needs each key
                group.pop("initial_lr", None)
        load(Path(folder), model, optimizer, flat=flat, scheduler=scheduler)

    with tempfile.TemporaryDirectory() as folder:
        save(Path(folder), model, optimizer, flat=flat, scheduler=scheduler.state_dict())
        saved = through_a_file([optimizer.state_dict(), scheduler.state_dict()])
        from_dcp = resumed(by_dcp)
        from_torch = resumed(by_torch_save)

    assert from_dcp[3] == from_torch[3]
    assert from_dcp[2].state_dict() == from_torch[2].state_dict()
    assert from_dcp[2].history == from_torch[2].history
    assert run(*from_dcp[:3], 6) == run(*from_torch[:3], 6)
    assert from_dcp[2].state_dict() == from_torch[2].state_dict()


@pytest.mark.filterwarnings("ignore:a new Scheduler replaces one")
@given(names=st.lists(st.sampled_from(sorted(PLANS)), min_size=2, max_size=4))
@settings(deadline=None)
def test_the_state_keys_are_the_same_for_every_plan_and_dcp_flattens_none(names):
    from torch.distributed._state_dict_utils import _flatten_state_dict  # with `full_state_dict`
    from torch.distributed.checkpoint._nested_dict import flatten_state_dict

    model, optimizer = model_and_optimizer(2)
    forms = set()
    for name in names:
        scheduler = ps.Scheduler(optimizer, PLANS[name], facts=ps.RunFacts(**FACTS[0]))
        run(model, optimizer, scheduler, 2)
        report(scheduler, 1)
        state = scheduler.state_dict()
        groups = optimizer.state_dict()["param_groups"]
        assert flatten_state_dict(state)[0].keys() == state.keys()
        forms |= {frozenset(state), *(frozenset(group) - {"initial_lr"} for group in groups)}  # only of a planned lr
        for group in groups:
            added = {key: value for key, value in group.items() if key.startswith("paramsched")}
            assert flatten_state_dict(added)[0].keys() == _flatten_state_dict(added)[0].keys() == added.keys()

    assert len(forms) == 2


@pytest.mark.parametrize("flat", [False, True], ids=["nested", "flat"])
@pytest.mark.parametrize("loads", ["optimizers", "both"])
@given(count=st.integers(2, 9), clock=st.sampled_from(["updates", "tokens"]))
@settings(deadline=None, max_examples=10)
def test_two_optimizers_resume_from_dcp_also_after_a_kill_between_their_steps(flat, loads, count, clock):
    lengths = {"total": 20} if clock == "updates" else {"total": "900 tokens", "clock": "tokens"}
    plan = ps.Plan(ps.Binding("lr", "cosine()", groups="second"), lr="linear()", **lengths)
    parts = ("first", "second")
    options = StateDictOptions(flatten_optimizer_state_dict=flat)

    def begin():
        model = torch.nn.ModuleDict({name: torch.nn.Linear(2, 2) for name in parts})
        both = {
            name: torch.optim.AdamW(model[name].parameters(), lr=base)
            for name, base in zip(parts, (0.1, 0.2), strict=True)
        }
        return model, both, ps.Scheduler(both, plan)

    def steps(model, both, scheduler, several):
        steps = []
        for step in several:
            if step % 2 == 0:
                sum(model[name](torch.ones(1, 2)).sum() for name in parts).backward()
                if clock == "tokens":
                    scheduler.consumed(tokens=30 + step)
            optimizer = both[parts[step % 2]]
            steps.append((optimizer.param_groups[0]["lr"], scheduler.t, scheduler.amount))
            optimizer.step()
            optimizer.zero_grad()
        return steps

    def state_of(model, both, scheduler):
        state = {"optimizer": get_optimizer_state_dict(model, tuple(both.values()), options=options)}
        return state | ({"scheduler": scheduler.state_dict()} if loads == "both" else {})

    run = begin()
    steps(*run, range(count))
    again = begin()
    with tempfile.TemporaryDirectory() as folder:
        dcp.save(state_of(*run), checkpoint_id=folder)
        state = state_of(*again)
        dcp.load(state, checkpoint_id=folder)
    set_optimizer_state_dict(again[0], tuple(again[1].values()), state["optimizer"], options=options)
    if loads == "both":
        again[2].load_state_dict(state["scheduler"])

    assert again[2]._values() == run[2]._values()
    rest = range(count, count + 8)
    assert steps(*again, rest) == steps(*run, rest)


def test_dcp_treats_a_scheduler_as_stateful(tmp_path):
    model, optimizer = model_and_optimizer()
    ps.Scheduler(optimizer, LR)
    train(model, optimizer, 4)
    scheduler = ps.Scheduler(optimizer, PLANS["tokens"], tokens_per_step=100)
    train(model, optimizer, 4, before=lambda: scheduler.consumed(tokens=90))
    scheduler.consumed(tokens=37)
    dcp.save({"scheduler": scheduler}, checkpoint_id=tmp_path)
    _, resumed = model_and_optimizer()
    again = ps.Scheduler(resumed, LR, on_change="checkpoint")

    dcp.load({"scheduler": again}, checkpoint_id=tmp_path)

    assert again.state_dict() == scheduler.state_dict()
    assert again.history == scheduler.history


@pytest.mark.parametrize("name", sorted(PLANS))
def test_a_checkpoint_converted_to_torch_save_loads(name, tmp_path):
    model, optimizer = model_and_optimizer(2)
    scheduler = ps.Scheduler(optimizer, PLANS[name], facts=ps.RunFacts(**FACTS[0]))
    run(model, optimizer, scheduler, 3)
    save(tmp_path / "dcp", model, optimizer, scheduler=scheduler)

    dcp_to_torch_save(tmp_path / "dcp", tmp_path / "one.pt")
    again = ps.Scheduler(model_and_optimizer(2)[1], PLANS[name], facts=ps.RunFacts(**FACTS[0]))
    again.load_state_dict(torch.load(tmp_path / "one.pt")["scheduler"])

    assert again.state_dict() == scheduler.state_dict()


def by_torchs_scheduler(folder, updates=10):
    model, optimizer = model_and_optimizer()
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20)
    for _ in range(updates):
        train(model, optimizer, 1)
        scheduler.step()
    save(folder, model, optimizer)


@pytest.mark.parametrize("attach_first", [True, False])
def test_a_count_of_zero_with_a_nonzero_optimizer_state_causes_a_warning(attach_first, tmp_path):
    by_torchs_scheduler(tmp_path)
    model, optimizer = model_and_optimizer()
    ps.Scheduler(optimizer, LR)

    def load_partly():
        load(tmp_path, model, optimizer, planner=DefaultLoadPlanner(allow_partial_load=True))

    if attach_first:
        with pytest.warns(UserWarning, match=r"a count of 0 updates.*its own state counts 10"):
            load_partly()
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            load_partly()
        again = model_and_optimizer()[1]
        again.load_state_dict(optimizer.state_dict())
        with pytest.warns(UserWarning, match=r"a count of 0 updates.*its own state counts 10"):
            ps.Scheduler(again, LR)


@pytest.mark.parametrize("t", [None, 0])
def test_a_new_run_causes_no_warning(t, tmp_path, recwarn):
    model, optimizer = model_and_optimizer()
    ps.Scheduler(optimizer, LR, t=t)
    save(tmp_path, model, optimizer)  # its hidden step counts one in the state of Adam
    model, optimizer = model_and_optimizer()
    ps.Scheduler(optimizer, LR, t=t)

    load(tmp_path, model, optimizer)

    assert [str(warning.message) for warning in recwarn if "count" in str(warning.message)] == []


# ---------------------------------------------------------------------- torch's ZeroRedundancyOptimizer


@pytest.fixture(scope="module")
def single_process(tmp_path_factory):
    dist.init_process_group(
        "gloo", init_method=f"file://{tmp_path_factory.mktemp('group') / 'store'}", rank=0, world_size=1
    )
    yield
    dist.destroy_process_group()


def zero():
    model = torch.nn.Linear(2, 1)
    return model, ZeroRedundancyOptimizer(model.parameters(), torch.optim.AdamW, lr=0.1)


def train_zero(model, optimizer, updates):
    actual = []
    for _ in range(updates):
        model(torch.ones(1, 2)).sum().backward()
        inner = optimizer.optim
        hook = inner.register_step_pre_hook(lambda value, *_: actual.append(value.param_groups[0]["lr"]))
        optimizer.step()
        hook.remove()
        optimizer.zero_grad()
    return actual


def test_zero_uses_the_planned_values_in_its_inner_optimizer(single_process):
    model, optimizer = zero()
    scheduler = ps.Scheduler(optimizer, LINEAR)

    assert train_zero(model, optimizer, 20) == planned(LINEAR, {"lr": 0.1})
    assert scheduler.last_epoch == 20


@pytest.mark.parametrize("plan", [LINEAR, LR])
@pytest.mark.parametrize("before", [True, False])
def test_zero_resumes_with_the_plan_in_the_code_from_the_first_update(single_process, plan, before):
    model, optimizer = zero()
    ps.Scheduler(optimizer, LINEAR)
    train_zero(model, optimizer, 7)
    optimizer.consolidate_state_dict()
    saved = copy.deepcopy(optimizer.state_dict())

    model, again = zero()
    if before:
        scheduler = ps.Scheduler(again, plan)
    again.load_state_dict(saved)
    if not before:
        scheduler = ps.Scheduler(again, plan)

    assert train_zero(model, again, 5) == planned(plan, {"lr": 0.1})[7:12]
    assert scheduler.last_epoch == 12


def test_a_program_without_the_library_loads_the_checkpoint_and_trains():
    model, optimizer = model_and_optimizer()
    ps.Scheduler(optimizer, LINEAR)
    train(model, optimizer, 7)
    model, bare = model_and_optimizer()
    bare.load_state_dict(optimizer.state_dict())

    assert [groups[0][0] for groups in train(model, bare, 2)] == [planned(LINEAR, {"lr": 0.1})[7]] * 2
