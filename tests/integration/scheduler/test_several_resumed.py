"""Checkpoints of several optimizers under one plan: any order, kills between two steps, and what is refused."""

import copy
import io
import itertools
import logging
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.errors import PlanChanged, StateError
from support.several import PLAN, lines, probes
from support.tables import table
from support.updates import probe, run, used

NAMES = ("muon", "adamw", "sgd")
TOKENS = ps.Plan(lr="linear(1, 0, over='640 tokens')", weight_decay="linear(over='640 tokens')", clock="tokens")


def states(optimizers):
    return {name: copy.deepcopy(one.state_dict()) for name, one in optimizers.items()}


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

    assert (again.t, again.amount, again.values()) == (scheduler.t, scheduler.amount, scheduler.values())
    assert again._run.numbers == scheduler._run.numbers
    assert again._run.driver.behind == scheduler._run.driver.behind
    kept = ("lr", "weight_decay", "paramsched_t", "paramsched_amount", "paramsched_said", "paramsched_bases")
    for name in NAMES:
        one, other = (found[name].state_dict()["param_groups"][0] for found in (optimizers, resumed))
        assert {key: one[key] for key in kept} == {key: other[key] for key in kept}
    for run_of, made in ((optimizers, scheduler), (resumed, again)):
        for name in itertools.islice(itertools.cycle(NAMES), count % 3, 12):
            if tokens is not None and made._run.numbers[name] == made.t:
                made.consumed(tokens=5)
            run_of[name].step()
    assert {name: used(one) for name, one in resumed.items()} == {
        name: used(one)[len(used(one)) - len(used(resumed[name])) :] for name, one in optimizers.items()
    }


@given(st.integers(0, 20))
def test_the_state_of_the_scheduler_alone_is_exact_after_a_kill_between_two_steps(count):
    optimizers, resumed = probes(NAMES), probes(NAMES)
    scheduler = ps.Scheduler(optimizers, PLAN)
    steps_until(optimizers, scheduler, count)
    again = ps.Scheduler({name: resumed[name] for name in reversed(NAMES)}, PLAN)
    again.load_state_dict(scheduler.state_dict())

    assert (again.t, again._run.numbers) == (scheduler.t, scheduler._run.numbers)
    assert [resumed[name].param_groups[0]["lr"] for name in NAMES] == [
        optimizers[name].param_groups[0]["lr"] for name in NAMES
    ]


@pytest.mark.parametrize("order", list(itertools.permutations(["muon", "adamw", "scheduler"])))
def test_states_of_one_moment_do_not_conflict_in_any_order(order, caplog):
    optimizers = probes(("muon", "adamw"))
    scheduler = ps.Scheduler(optimizers, PLAN)
    steps_until(optimizers, scheduler, 9)
    saved = {**states(optimizers), "scheduler": scheduler.state_dict()}
    resumed = probes(("muon", "adamw"))
    again = ps.Scheduler(resumed, PLAN)
    for name in order:
        (again if name == "scheduler" else resumed[name]).load_state_dict(saved[name])
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert again._run.numbers == scheduler._run.numbers


@pytest.mark.parametrize("drive", ["optimizer", "muon", "manual"])
def test_the_state_of_one_optimizer_moves_the_whole_run(drive):
    optimizers, resumed = probes(NAMES), probes(NAMES)
    scheduler = ps.Scheduler(optimizers, PLAN)
    steps_until(optimizers, scheduler, 30)
    again = ps.Scheduler(resumed, PLAN, drive=drive)
    resumed["adamw"].load_state_dict(optimizers["adamw"].state_dict())

    planned = lines(PLAN, probes(NAMES))
    assert again.t == 10
    assert [one.param_groups[0]["lr"] for one in resumed.values()] == [planned[name][10] for name in NAMES]


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_with_a_driver_the_larger_of_two_numbers_is_that_of_all(order):
    saved = {}
    for name, count in (("a", 7), ("b", 8)):
        optimizers = probes("ab")
        ps.Scheduler(optimizers, PLAN, drive="b")
        run(optimizers["b"], count)
        saved[name] = states(optimizers)[name]
    resumed = probes("ab")
    scheduler = ps.Scheduler(resumed, PLAN, drive="b")
    for name in order:
        resumed[name].load_state_dict(saved[name])

    assert scheduler._run.numbers == {"a": 8, "b": 8}
    planned = lines(PLAN, probes("ab"))
    assert [one.param_groups[0]["lr"] for one in resumed.values()] == [planned["a"][8], planned["b"][8]]


def saved_at(**numbers):
    """The states of optimizers that were saved at different updates."""
    found = {}
    for name, number in numbers.items():
        optimizers = probes(numbers)
        scheduler = ps.Scheduler(optimizers, PLAN)
        scheduler.seek(number)
        found[name] = states(optimizers)[name]
    return found


def test_numbers_that_differ_by_more_than_1_are_refused_before_anything_is_written():
    saved, optimizers = saved_at(a=10, b=12), probes("ab")
    scheduler = ps.Scheduler(optimizers, PLAN)
    optimizers["a"].load_state_dict(saved["a"])
    before = states(optimizers)

    with pytest.raises(StateError, match="a is of update 10, that of b of update 12"):
        optimizers["b"].load_state_dict(saved["b"])
    assert states(optimizers) == before
    assert scheduler.t == 10


def test_the_constructor_refuses_them_too_and_t_decides():
    saved, optimizers = saved_at(a=10, b=12), probes("ab")
    for name, one in optimizers.items():
        one.load_state_dict(saved[name])
    before = states(optimizers)

    with pytest.raises(StateError, match="a is of update 10, that of b of update 12"):
        ps.Scheduler(optimizers, PLAN)
    assert states(optimizers) == before
    assert ps.Scheduler(optimizers, PLAN, t=11)._run.numbers == {"a": 11, "b": 11}


def test_a_reload_of_the_own_state_is_not_compared_with_the_checkpoint_that_follows():
    saved, optimizers = saved_at(a=10, b=10), probes("ab")
    scheduler = ps.Scheduler(optimizers, PLAN)
    for one in optimizers.values():  # as Accelerate's `prepare` does
        one.load_state_dict(one.state_dict())
    for name, one in optimizers.items():
        one.load_state_dict(saved[name])

    assert scheduler._run.numbers == {"a": 10, "b": 10}


def test_a_second_load_before_the_next_update_replaces_the_first_of_the_same_optimizer():
    first, second, optimizers = saved_at(a=10, b=10), saved_at(a=20, b=20), probes("ab")
    scheduler = ps.Scheduler(optimizers, PLAN)
    for saved in (first, second):
        optimizers["a"].load_state_dict(saved["a"])
    optimizers["b"].load_state_dict(second["b"])

    assert scheduler._run.numbers == {"a": 20, "b": 20}


def test_after_an_update_a_load_starts_anew():
    saved, optimizers = saved_at(a=10, b=30), probes("ab")
    scheduler = ps.Scheduler(optimizers, PLAN)
    optimizers["a"].load_state_dict(saved["a"])
    for one in optimizers.values():
        one.step()
    optimizers["b"].load_state_dict(saved["b"])

    assert scheduler._run.numbers == {"a": 30, "b": 30}


@table("numbers", list(itertools.product([9, 10], repeat=3)))
@pytest.mark.parametrize("order", [("a", "b", "c"), ("c", "a", "b")])
def test_all_numbers_of_three_optimizers_are_kept_in_any_order(numbers, order):
    saved, optimizers = saved_at(**dict(zip("abc", numbers, strict=True))), probes("abc")
    scheduler = ps.Scheduler(optimizers, PLAN)
    for name in order:
        optimizers[name].load_state_dict(saved[name])

    assert scheduler._run.numbers == dict(zip("abc", numbers, strict=True))


def test_an_optimizer_without_a_count_joins_at_t():
    saved, optimizers = saved_at(a=10, b=10), probes("ab")
    optimizers["a"].load_state_dict(saved["a"])
    scheduler = ps.Scheduler(optimizers, PLAN)

    assert scheduler._run.numbers == {"a": 10, "b": 10}
    assert optimizers["b"].param_groups[0]["lr"] == lines(PLAN, probes("ab"))["b"][10]


def test_a_state_without_a_count_joins_the_run_and_leaves_its_history():
    optimizers, plain = probes("ab"), probes("b")["b"].state_dict()
    scheduler = ps.Scheduler(optimizers, PLAN)
    optimizers["a"].load_state_dict(saved_at(a=10, b=10)["a"])
    before = scheduler.history

    optimizers["b"].load_state_dict(plain)

    assert scheduler._run.numbers == {"a": 10, "b": 10}
    assert scheduler.history == before == [[0, None, PLAN.text]]


def test_a_missing_count_is_warned_of_once():
    plain = {name: one.state_dict() for name, one in probes("ab").items()}
    optimizers = probes("ab")
    ps.Scheduler(optimizers, PLAN)

    with pytest.warns(UserWarning, match="no update count found"):
        optimizers["a"].load_state_dict(plain["a"])
    optimizers["b"].load_state_dict(plain["b"])  # a second warning would be an error


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


def test_a_state_of_one_optimizer_and_the_reverse_are_refused():
    one, several = ps.Scheduler(probe(), PLAN), ps.Scheduler(probes("ab"), PLAN)
    run(one.optimizer, 3)

    with pytest.raises(StateError, match="call scheduler"):
        several.load_state_dict(one.state_dict())
    with pytest.raises(StateError, match="call scheduler"):
        one.load_state_dict(several.state_dict())
    assert (one.t, several.t) == (3, 0)


def test_a_state_of_torch_is_refused():
    theirs = torch.optim.lr_scheduler.StepLR(probe(), 10)

    with pytest.raises(StateError):
        ps.Scheduler(probes("ab"), PLAN).load_state_dict(theirs.state_dict())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("optimizers", 3),
        ("optimizers", ""),
        ("optimizers", "a"),
        ("groups", (1, 2, 3)),
        ("groups", (1, "x")),
        ("behind", "11"),
        ("behind", "2"),
        ("last_amount", -1),
        ("bases", (("lr", (0.1,)), ("weight_decay", 0.01))),
    ],
)
def test_an_invalid_state_is_refused_and_changes_nothing(key, value):
    optimizers = probes("ab")
    scheduler = ps.Scheduler(optimizers, PLAN)
    run(optimizers["a"], 3)
    state = scheduler.state_dict() | {key: value}
    before = states(optimizers)

    with pytest.raises(StateError):
        scheduler.load_state_dict(state)
    assert states(optimizers) == before


@pytest.mark.parametrize("key", ["optimizers", "behind", "last_amount", "t"])
def test_a_truncated_state_is_refused(key):
    scheduler = ps.Scheduler(probes("ab"), PLAN)
    state = scheduler.state_dict()
    del state[key]

    with pytest.raises(StateError):
        scheduler.load_state_dict(state)


def test_the_state_is_small_and_plain():
    names = [f"layers.{index}.weight" for index in range(300)]
    optimizers = {name: probe(lr=0.1) for name in names}
    scheduler = ps.Scheduler(optimizers, PLAN)
    run(optimizers[names[0]], 2)
    state = scheduler.state_dict()

    assert len(pickle.dumps(state)) <= 2048 + sum(map(len, names))
    torch.save(state, buffer := io.BytesIO())
    buffer.seek(0)
    assert torch.load(buffer, weights_only=True) == state


CHANGED = ps.Plan(lr="linear(0.5, 0)", weight_decay="linear(0.5, 1.5)", horizon=64)


@pytest.mark.parametrize("on_change", ["new", "checkpoint", "error"])
def test_a_changed_plan_obeys_on_change_for_all_together(on_change, caplog):
    first = probes("ab")
    scheduler = ps.Scheduler(first, PLAN)
    run(first["a"], 5)
    run(first["b"], 1)
    state = scheduler.state_dict()
    optimizers = probes("ab")
    again = ps.Scheduler(optimizers, CHANGED, on_change=on_change)
    before = states(optimizers)

    if on_change == "error":
        with pytest.raises(PlanChanged):
            again.load_state_dict(state)
        assert states(optimizers) == before
        return
    with caplog.at_level(logging.WARNING, "paramsched"):
        again.load_state_dict(state)
    plan = PLAN if on_change == "checkpoint" else CHANGED
    assert again.plan == plan
    planned = lines(plan, probes("ab"))
    assert [one.param_groups[0]["lr"] for one in optimizers.values()] == [planned["a"][5], planned["b"][5]]
    assert caplog.text.count("the plan differs") == 1


def test_an_unknown_plan_of_the_optimizers_checkpoints_is_logged_once(caplog):
    first = probes("ab")
    ps.Scheduler(first, PLAN)
    for one in first.values():
        run(one, 5)
    optimizers = probes("ab")
    scheduler = ps.Scheduler(optimizers, CHANGED)
    with caplog.at_level(logging.WARNING, "paramsched"):
        for name, one in optimizers.items():
            one.load_state_dict(first[name].state_dict())

    assert caplog.text.count("the plan differs") == 1
    assert len(scheduler.history) == 2


def test_a_new_scheduler_takes_all_optimizers_over(caplog):
    optimizers = probes("abc")
    first = ps.Scheduler(optimizers, PLAN)
    steps_until(optimizers, first, 7)
    with caplog.at_level(logging.WARNING, "paramsched"):
        second = ps.Scheduler({name: optimizers[name] for name in "ab"}, PLAN)

    assert second._run.numbers == {"a": 3, "b": 2}
    assert "a new Scheduler takes over a, b from a Scheduler that also drove c" in caplog.text
    assert not first._is_attached
    run(optimizers["c"], 1)
    assert optimizers["c"].param_groups[0]["paramsched_t"] == 2


def test_a_scheduler_for_one_takes_it_over_from_several_and_the_reverse(caplog):
    optimizers = probes("ab")
    ps.Scheduler(optimizers, PLAN)
    for _ in range(3):
        for one in optimizers.values():
            one.step()
    alone = ps.Scheduler(optimizers["b"], PLAN)
    assert "so no plan drives a now" in caplog.text
    run(optimizers["b"], 1)
    assert alone.t == 4

    both = ps.Scheduler(optimizers, PLAN)
    assert both._run.numbers == {"a": 3, "b": 4}
    assert not alone._is_attached


def test_the_history_of_a_run_goes_on_in_a_new_scheduler():
    optimizers = probes("ab")
    ps.Scheduler(optimizers, PLAN)
    for _ in range(3):
        for one in optimizers.values():
            one.step()
    scheduler = ps.Scheduler(optimizers, CHANGED)

    assert [entry[0] for entry in scheduler.history] == [0, 3]
    again = ps.Scheduler(probes("ab"), CHANGED)
    again.load_state_dict(scheduler.state_dict())
    assert again.history == scheduler.history


@pytest.mark.parametrize("count", [1, 40])
@pytest.mark.parametrize("loads", ["all", "all but one", "scheduler"])
def test_other_bases_are_logged_in_one_line_for_each_field(caplog, count, loads):
    def made(lr):
        return {f"o{index}": probe({}, {}, lr=lr * (1 + index)) for index in range(count)}

    plan = ps.Plan(lr="cosine()", weight_decay="linear()", horizon=100)
    first, second = made(0.1), made(0.2)
    before, after = ps.Scheduler(first, plan), ps.Scheduler(second, plan)
    for one in first.values():
        one.step()
    caplog.clear()
    if loads == "scheduler":
        after.load_state_dict(before.state_dict())
    else:
        for name in list(second)[: count - (loads == "all but one" and count > 1)]:
            second[name].load_state_dict(first[name].state_dict())
    for one in second.values():
        one.step()

    lines = [text for text in caplog.messages if text.startswith("base of ")]
    groups = 2 * count - 2 * (loads == "all but one" and count > 1)
    assert len(lines) == 1
    assert lines[0].startswith(f"base of lr in {groups} groups (o0/0, o0/1")
    assert "0.2 in the code, 0.1 in the checkpoint" in lines[0]
