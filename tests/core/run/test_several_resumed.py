"""Checkpoints of several optimizers under one plan: any order, kills between two steps, and what is refused."""

import copy
import io
import itertools
import logging
import pickle
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.errors import ParamschedError, PlanChanged, StateError
from support.records import with_record
from support.several import PLAN, lines, probes
from support.tables import table
from support.updates import group, probe, run, used

CHANGED = ps.Plan(lr="linear(0.5, 0)", weight_decay="linear(0.5, 1.5)", total=64)
NAMES = ("muon", "adamw", "sgd")
TOKENS = ps.Plan(lr="linear(1, 0, over='640 tokens')", weight_decay="linear(over='640 tokens')", clock="tokens")


def states(optimizers):
    return {name: copy.deepcopy(optimizer.state_dict()) for name, optimizer in optimizers.items()}


def steps_until(optimizers, scheduler, count, tokens=None):
    """Take steps in turn, `count` of all optimizers together."""
    for index, name in enumerate(itertools.islice(itertools.cycle(optimizers), count)):
        if tokens is not None and index % len(optimizers) == 0:
            scheduler.consumed(tokens=tokens(index))
        optimizers[name].step()


@given(st.integers(0, 20), st.permutations([*NAMES, "scheduler"]), st.sets(st.sampled_from([*NAMES, "scheduler"])))
@pytest.mark.parametrize("plan", [PLAN, TOKENS], ids=["updates", "tokens"])
def test_a_run_resumes_exactly_after_a_kill_between_any_two_steps(plan, count, order, before):
    tokens = None if plan is PLAN else lambda index: 1 + index % 7
    optimizers = probes(NAMES)
    scheduler = ps.Scheduler(optimizers, plan)
    steps_until(optimizers, scheduler, count, tokens)
    saved = {**states(optimizers), "scheduler": pickle.loads(pickle.dumps(scheduler.state_dict()))}
    resumed = probes(NAMES)
    for name in order:  # some are loaded before the Scheduler is constructed
        if name in before - {"scheduler"}:
            resumed[name].load_state_dict(saved[name])
    again = ps.Scheduler(resumed, plan)
    for name in order:
        if name not in before:
            (again if name == "scheduler" else resumed[name]).load_state_dict(saved[name])

    assert (again.t, again.amount, again._values()) == (scheduler.t, scheduler.amount, scheduler._values())
    assert numbers(resumed) == numbers(optimizers)
    assert (again.scalars(), again.scalars("coming")) == (scheduler.scalars(), scheduler.scalars("coming"))
    kept = ("lr", "weight_decay", "paramsched_t", "paramsched")
    for name in NAMES:
        expected, actual = (by_name[name].state_dict()["param_groups"][0] for by_name in (optimizers, resumed))
        assert {key: expected[key] for key in kept} == {key: actual[key] for key in kept}
    for run_of, attached in ((optimizers, scheduler), (resumed, again)):
        for name in itertools.islice(itertools.cycle(NAMES), count % 3, 12):
            if tokens is not None and numbers(run_of)[name] == attached.t:
                attached.consumed(tokens=5)
            run_of[name].step()
    assert {name: used(optimizer) for name, optimizer in resumed.items()} == {
        name: used(optimizer)[len(used(optimizer)) - len(used(resumed[name])) :]
        for name, optimizer in optimizers.items()
    }


@given(st.integers(0, 20))
def test_the_state_of_the_scheduler_alone_is_exact_after_a_kill_between_two_steps(count):
    optimizers = probes(NAMES)
    resumed = probes(NAMES)
    scheduler = ps.Scheduler(optimizers, PLAN)
    steps_until(optimizers, scheduler, count)
    again = ps.Scheduler({name: resumed[name] for name in reversed(NAMES)}, PLAN)
    again.load_state_dict(scheduler.state_dict())

    assert (again.t, numbers(resumed)) == (scheduler.t, numbers(optimizers))
    assert [resumed[name].param_groups[0]["lr"] for name in NAMES] == [
        optimizers[name].param_groups[0]["lr"] for name in NAMES
    ]


def saved_at(number, names):
    """Return the states of optimizers that were saved after an update."""
    optimizers = probes(names)
    ps.Scheduler(optimizers, PLAN).seek(number)
    return states(optimizers)


def numbers(optimizers):
    """Return the number of updates of each optimizer."""
    return {name: optimizer.param_groups[0]["paramsched_t"] for name, optimizer in optimizers.items()}


@table(
    ("drive", "actions", "expected"),
    [
        *(("optimizer", f"c{c} a{a} b{b}", f"a{a} b{b} c{c}") for a, b, c in itertools.product([9, 10], repeat=3)),
        *((drive, "b10", "a10 b10 c10") for drive in ("optimizer", "a", "manual")),  # one moves the entire run
        *(("b", order, "a8 b8") for order in ("a7 b8", "b8 a7")),
        ("optimizer", "a= b= a10 b10", "a10 b10"),  # as Accelerate's `prepare` does
        ("optimizer", "a10 a20 b20", "a20 b20"),
        ("optimizer", "a10 a b b30", "a30 b30"),
        ("optimizer", "4 a4 b6 c5", "a6 b6 c5"),  # a loads the count that it has, so no load is compared with it
        ("optimizer", "a b c " * 9 + "a c c10 a9", "a9 b9 c10"),
        ("optimizer", "a b c " * 9 + "a b10", "a10 b10 c9"),
        ("optimizer", "a b c " * 9 + "a5 b5", "a9 b9 c9"),  # c has its count; the others continue with it
        ("optimizer", "a b c " * 9 + "a5 b5 c4", "a5 b5 c4"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:the run is at update")
def test_loads_set_the_update_of_each_optimizer(drive, actions, expected):
    """In `actions`, a10 loads the state that a had after 10 updates, a= its own state; a is a step and 4 a seek."""
    expected = {word[0]: int(word[1:]) for word in expected.split()}
    optimizers = probes(expected)
    planned = lines(PLAN, probes(expected))
    scheduler = ps.Scheduler(optimizers, PLAN, drive=drive)

    for action in actions.split():
        optimizer = optimizers.get(action[0])
        number = action[1:]
        if optimizer is None:
            scheduler.seek(int(action))
        elif number:
            optimizer.load_state_dict(
                optimizer.state_dict() if number == "=" else saved_at(int(number), optimizers)[action[0]]
            )
        else:
            optimizer.step()

    assert (scheduler.t, numbers(optimizers)) == (max(expected.values()), expected)
    assert {name: optimizer.param_groups[0]["lr"] for name, optimizer in optimizers.items()} == {
        name: planned[name][number] for name, number in expected.items()
    }


def test_counts_that_differ_by_more_than_1_are_refused_at_a_start_and_t_decides():
    optimizers = probes("ab")
    for name, n in (("a", 10), ("b", 12)):
        optimizers[name].load_state_dict(saved_at(n, "ab")[name])
    before = states(optimizers)

    with pytest.raises(StateError, match="a is of update 10, that of b of update 12"):
        ps.Scheduler(optimizers, PLAN)
    assert states(optimizers) == before
    ps.Scheduler(optimizers, PLAN, t=11)
    assert numbers(optimizers) == {"a": 11, "b": 11}


def test_a_loaded_count_that_is_further_behind_is_warned_of_at_the_next_update(recwarn):
    optimizers = probes("ab")
    scheduler = ps.Scheduler(optimizers, PLAN)
    for name, n in (("a", 10), ("b", 12)):
        optimizers[name].load_state_dict(saved_at(n, "ab")[name])
    assert (scheduler.t, numbers(optimizers), recwarn.list) == (12, {"a": 12, "b": 12}, [])

    for name in "abab":
        optimizers[name].step()

    assert scheduler.t == 14
    assert ["of a is of update 10, and the run is at update 12" in str(warning.message) for warning in recwarn] == [
        True
    ]


@pytest.mark.parametrize("loaded", ["a", "b", "ab"])
@pytest.mark.parametrize("drive", ["optimizer", "b", "manual"])
@pytest.mark.parametrize(
    ("order", "update"),
    [
        ("load start step", 7),
        ("start load step", 7),
        ("start load step", 1),
        ("start step load step", 7),
        ("start step load step", 2),
    ],
)
def test_a_load_of_one_of_two_optimizers_is_reported_by_the_next_update(loaded, drive, order, update, recwarn, caplog):
    optimizers = probes("ab")
    for action in order.split():
        if action == "load":
            for name in loaded:
                optimizers[name].load_state_dict(saved_at(update, "ab")[name])
        elif action == "start":
            scheduler = ps.Scheduler(optimizers, PLAN, drive=drive)
        else:
            for optimizer in optimizers.values():
                optimizer.step()
            if drive == "manual":
                scheduler.step()

    source = loaded if order.startswith("load") else f"the checkpoint of {loaded}"
    actual = [str(warning.message) for warning in recwarn] + caplog.messages
    reports = [message for message in actual if "the run is at update" in message]
    expected = f"the run is at update {update}, from {source}, "
    assert [expected in report for report in reports] == [True] * (len(loaded) == 1)
    assert numbers(optimizers) == dict.fromkeys("ab", update + 1)
    assert scheduler.t == update + 1


@pytest.mark.parametrize("name", "ab")
def test_a_load_of_the_own_state_between_two_steps_is_silent(name, recwarn):
    optimizers = probes("ab")
    ps.Scheduler(optimizers, PLAN)
    optimizers["a"].step()
    optimizers[name].load_state_dict(optimizers[name].state_dict())
    optimizers["b"].step()

    assert numbers(optimizers) == {"a": 1, "b": 1}

    assert [str(warning.message) for warning in recwarn if warning.category is ps.PlanWarning] == []


def test_an_optimizer_without_a_count_joins_the_run_and_leaves_its_history():
    optimizers = probes("ab")
    later = probes("ab")
    optimizers["a"].load_state_dict(saved_at(10, "ab")["a"])
    scheduler = ps.Scheduler(optimizers, PLAN)
    resumed = ps.Scheduler(later, PLAN)
    later["a"].load_state_dict(saved_at(10, "ab")["a"])

    later["b"].load_state_dict(probes("b")["b"].state_dict())

    assert numbers(optimizers) == numbers(later) == {"a": 10, "b": 10}
    assert scheduler.history == resumed.history == [[0, None, PLAN.text]]


def test_a_state_without_a_count_is_checked_from_the_position_of_the_run_which_it_joins():
    optimizers = probes("ab")
    plain = probes("b")["b"].state_dict()
    ps.Scheduler(optimizers, PLAN).seek(5)
    scheduler = ps.Scheduler(
        optimizers, ps.Plan(lr="constant(-1, 2) >> cosine(start=1)", weight_decay="linear()", total=64)
    )

    optimizers["b"].load_state_dict(plain)

    assert numbers(optimizers) == {"a": 5, "b": 5}
    assert scheduler.t == 5


def test_a_missing_count_is_warned_of_once(recwarn):
    plain = {name: optimizer.state_dict() for name, optimizer in probes("ab").items()}
    optimizers = probes("ab")
    ps.Scheduler(optimizers, PLAN)

    for name, optimizer in optimizers.items():
        optimizer.load_state_dict(plain[name])

    assert ["no update count found" in str(warning.message) for warning in recwarn] == [True]


def test_a_state_with_other_names_gives_the_common_ones_their_bases(caplog):
    first = ps.Scheduler(probes(["muon", "adamw"]), PLAN)
    run(first.optimizers["adamw"], 5)
    resumed = probes(["sgd", "adamw"])
    resumed["adamw"].param_groups[0]["lr"] = 9.0
    again = ps.Scheduler(resumed, PLAN)
    with caplog.at_level(logging.WARNING, "paramsched"):
        again.load_state_dict(first.state_dict())

    assert again.base_lrs == [0.1, 0.2]
    assert again.t == 5
    assert "the scheduler's state is of the optimizers muon, adamw, the run has sgd, adamw" in caplog.text


def test_messages_about_counts_plans_and_groups_name_several_optimizers(caplog):
    first = probes("ab")
    scheduler = ps.Scheduler(first, PLAN)
    steps_until(first, scheduler, 6)
    resumed = probes("ab")
    for name, optimizer in resumed.items():
        optimizer.load_state_dict(first[name].state_dict())

    with pytest.raises(PlanChanged, match="the plan differs from the checkpoint's"):
        ps.Scheduler(resumed, CHANGED, on_change="error")
    again = ps.Scheduler(resumed, PLAN, t=2)
    assert caplog.messages[-1].startswith("t=2 is ignored: these optimizers carry a count of 3 updates")
    resumed["b"].add_param_group(group(lr=0.1))
    again.load_state_dict(scheduler.state_dict())
    assert "groups of b, the optimizer has 2: the groups in both use the saved bases" in caplog.messages[-1]


def test_a_state_of_one_optimizer_the_reverse_and_one_of_torch_are_refused():
    single = ps.Scheduler(probe(), PLAN)
    several = ps.Scheduler(probes("ab"), PLAN)
    run(single.optimizer, 3)

    step_lr = torch.optim.lr_scheduler.StepLR(probe(), 10)
    for scheduler, state in (
        (several, single.state_dict()),
        (single, several.state_dict()),
        (several, step_lr.state_dict()),
    ):
        with pytest.raises(StateError):
            scheduler.load_state_dict(state)
    assert (single.t, several.t) == (3, 0)


SAMPLES = ps.Plan(lr="linear(1, 0)", weight_decay="linear(0.5, 1.5)", total="64 samples", clock="samples")


@table(
    "changed",
    [
        *({"optimizers": names} for names in (3, [], ["a"], ["a", "a"])),
        *({"groups": groups} for groups in ([1, 2, 3], [1, "x"], [1, 2**20], True)),
        *({"counts": counts} for counts in ({"a": 2, "b": 2}, "b", {"c": 2}, {"b": 1}, {"b": "2"}, ["b"], 1)),
        {"counts": {"b": -1}, "t": 0},
        *({"bases": {"lr": bases}} for bases in ([0.1], [0.1, 0.2, 0.3], [None, None], [0.1, "x"])),
        *({"history": history} for history in (
            [[0, None, SAMPLES.text]], [[0, None, "x"], [0, None, PLAN.text]], [[0, -1, PLAN.text]], [[0, None, 5]],
            [[0, None, PLAN.text, {"who": "ann"}]], [[0, None]],
        )),
    ],
)  # fmt: skip
@pytest.mark.parametrize("what", ["scheduler", "optimizer"])
def test_an_invalid_record_is_refused_and_changes_nothing(changed, what):
    optimizers = probes("ab")
    scheduler = ps.Scheduler(optimizers, PLAN)
    run(optimizers["a"], 3)
    before = states(optimizers)
    if what == "optimizer" and (changed.keys() & {"groups", "bases"} or changed.get("t") == 0):
        return  # only a Scheduler's state has these; a record of another update is one of a copy
    holder = scheduler if what == "scheduler" else optimizers["a"]
    state = with_record(holder.state_dict(), **changed)

    with pytest.raises(StateError):
        holder.load_state_dict(state)
    assert states(optimizers) == before


def test_the_state_is_small_and_plain():
    names = [f"layers.{index}.weight" for index in range(300)]
    optimizers = {name: probe(lr=0.1) for name in names}
    scheduler = ps.Scheduler(optimizers, PLAN)
    run(optimizers[names[0]], 2)
    state = scheduler.state_dict()

    assert len(pickle.dumps(state)) <= 2048 + 2 * sum(len(name) + 4 for name in names)  # those behind are listed, too
    torch.save(state, buffer := io.BytesIO())
    buffer.seek(0)
    assert torch.load(buffer, weights_only=True) == state


def test_the_plan_of_a_checkpoint_schedules_fields_that_the_plan_of_the_code_lacks():
    first = probes("ab")
    optimizers = probes("ab")
    scheduler = ps.Scheduler(first, PLAN)
    steps_until(first, scheduler, 6)
    again = ps.Scheduler(optimizers, ps.Plan(lr="linear(1, 0)", total=64), on_change="checkpoint")

    again.load_state_dict(scheduler.state_dict())

    assert again._values() == scheduler._values()
    assert [optimizer.param_groups[0]["weight_decay"] for optimizer in optimizers.values()] == [
        0.01 * (0.5 + 3 / 64)
    ] * 2


def test_a_state_is_loaded_although_a_group_that_a_line_names_was_removed():
    optimizers = {"a": probe({}, {"name": "head"}), "b": probe()}
    scheduler = ps.Scheduler(
        optimizers, ps.Plan(ps.Binding("lr", "constant(0.5)", groups="head"), lr="linear()", total=9)
    )
    steps_until(optimizers, scheduler, 6)
    state = scheduler.state_dict()
    steps_until(optimizers, scheduler, 2)
    del optimizers["a"].param_groups[1]

    scheduler.load_state_dict(state)

    assert scheduler.t == 3
    assert optimizers["a"].param_groups[0]["lr"] == pytest.approx(0.1 * 6 / 9)


def test_a_new_scheduler_takes_all_optimizers_over(caplog):
    optimizers = probes("abc")
    first = ps.Scheduler(optimizers, PLAN)
    steps_until(optimizers, first, 7)
    with caplog.at_level(logging.WARNING, "paramsched"):
        second = ps.Scheduler({name: optimizers[name] for name in "ab"}, PLAN)

    assert (second.t, numbers(optimizers)) == (3, {"a": 3, "b": 2, "c": 2})
    assert "a new Scheduler takes over a, b from a Scheduler that also drove c" in caplog.text
    with pytest.raises(ParamschedError):
        first.seek(0)
    run(optimizers["c"], 1)
    assert optimizers["c"].param_groups[0]["paramsched_t"] == 2


def test_a_scheduler_for_one_takes_it_over_from_several_and_the_reverse(caplog):
    optimizers = probes("ab")
    ps.Scheduler(optimizers, PLAN)
    for _ in range(3):
        for optimizer in optimizers.values():
            optimizer.step()
    alone = ps.Scheduler(optimizers["b"], PLAN)
    assert "so no plan drives a now" in caplog.text
    run(optimizers["b"], 1)
    assert alone.t == 4

    both = ps.Scheduler(optimizers, PLAN)
    assert (both.t, numbers(optimizers)) == (4, {"a": 3, "b": 4})
    with pytest.raises(ParamschedError):
        alone.seek(0)


@pytest.mark.parametrize("count", [1, 40])
@pytest.mark.parametrize("loads", ["all", "all but one", "scheduler"])
def test_other_bases_are_warned_of_in_one_line_for_each_field(recwarn, count, loads):
    def new_optimizers(lr):
        return {f"o{index}": probe({}, {}, lr=lr * (1 + index)) for index in range(count)}

    plan = ps.Plan(lr="cosine()", weight_decay="linear()", total=100)
    first = new_optimizers(0.1)
    second = new_optimizers(0.2)
    before = ps.Scheduler(first, plan)
    after = ps.Scheduler(second, plan)
    for optimizer in first.values():
        optimizer.step()
    recwarn.clear()
    if loads == "scheduler":
        after.load_state_dict(before.state_dict())
    else:
        for name in list(second)[: count - (loads == "all but one" and count > 1)]:
            second[name].load_state_dict(first[name].state_dict())
    for optimizer in second.values():
        optimizer.step()

    lines = [line for line in map(str, (warning.message for warning in recwarn)) if "loaded none" not in line]
    groups = 2 * count - 2 * (loads == "all but one" and count > 1)
    assert len(lines) == 1
    assert lines[0].startswith(f"base of lr in {groups} groups (o0/0, o0/1")
    assert "0.1 in the checkpoint, 0.2 in the code" in lines[0]


@pytest.mark.parametrize("drive", ["optimizer", "a", "manual"])
def test_the_checkpoint_of_any_optimizer_with_another_plan_is_refused(drive):
    optimizers = {"a": probe(lr=0.1), "b": probe(lr=0.2)}
    ps.Scheduler(optimizers, ps.Plan(lr="linear()", total=100), drive=drive)
    resumed = {"a": probe(lr=0.1), "b": probe(lr=0.2)}
    scheduler = ps.Scheduler(resumed, ps.Plan(lr="constant(0.5)", total=100), drive=drive, on_change="error")

    for name, optimizer in resumed.items():
        with pytest.raises(PlanChanged, match="the plan differs from the checkpoint's"):
            optimizer.load_state_dict(optimizers[name].state_dict())

    assert scheduler.t == 0
    assert [optimizer.param_groups[0]["lr"] for optimizer in resumed.values()] == [0.05, 0.1]


def test_a_load_of_one_optimizer_that_moves_the_run_writes_its_targets():
    def plan(written):
        target = ps.Binding(ps.Target("tau", 2.0, write=written.append), "linear(1, 0, 10)")
        return ps.Plan(target, lr="linear(1, 0, 10)", total=10)

    optimizers = probes(NAMES)
    steps_until(optimizers, ps.Scheduler(optimizers, plan([])), 15)
    resumed = probes(NAMES)
    written = []
    ps.Scheduler(resumed, plan(written))

    resumed["adamw"].load_state_dict(states(optimizers)["adamw"])

    assert written == [2.0, 1.0]


def made_of_two():
    return {"a": probe(lr=0.1), "b": probe(lr=0.2)}


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_the_own_state_may_be_loaded_again_under_another_plan(order):
    optimizers = made_of_two()
    again = made_of_two()
    scheduler = ps.Scheduler(optimizers, ps.Plan(lr="linear()", total=100))
    steps_until(optimizers, scheduler, 7)
    resumed = ps.Scheduler(again, ps.Plan(lr="constant(0.5)", total=100))
    for name in order:
        again[name].load_state_dict(optimizers[name].state_dict())
    before = [optimizer.param_groups[0]["lr"] for optimizer in again.values()], resumed.t

    resumed.load_state_dict(resumed.state_dict())

    assert (
        ([optimizer.param_groups[0]["lr"] for optimizer in again.values()], resumed.t)
        == before
        == ([0.05, 0.1], before[1])
    )


@pytest.mark.parametrize("clock", ["updates", "tokens"])
def test_a_write_into_an_optimizer_that_is_behind_is_compared_with_the_plan_in_force(clock):
    first, resumed = ({name: probe(*({"lr": torch.tensor(lr)} for lr in (0.5, 0.25))) for name in "ab"} for _ in "12")
    before, after = (
        ps.Scheduler(optimizers, ps.Plan(lr=line, clock=clock, total=f"16 {clock}"), tokens_per_step=1)
        for optimizers, line in ((first, "linear()"), (resumed, "cosine()"))
    )
    steps_until(first, before, 3)
    after.load_state_dict(before.state_dict())
    planned = resumed["b"].param_groups[1]["lr"].item()
    resumed["b"].param_groups[1]["lr"].fill_(0.75)

    with pytest.warns(UserWarning, match="instead of the planned") as caught:
        resumed["b"].step()

    (wanted,) = [re.search(r"'b/1'.* instead of the planned ([\d.]+)", str(warning.message)) for warning in caught]
    assert float(wanted[1].rstrip(".")) == pytest.approx(planned, rel=1e-6)  # of float32
