"""Checkpoints of several optimizers under one plan: any order, kills between two steps, and what is refused."""

import copy
import io
import itertools
import json
import logging
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.errors import PlanChanged, StateError
from support.records import record_in, with_record
from support.several import PLAN, lines, probes
from support.tables import table
from support.updates import group, probe, run, used

CHANGED = ps.Plan(lr="linear(0.5, 0)", weight_decay="linear(0.5, 1.5)", horizon=64)
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

    assert (again.t, again.amount, again._values()) == (scheduler.t, scheduler.amount, scheduler._values())
    assert again._run.numbers == scheduler._run.numbers
    assert again._run.behind == scheduler._run.behind
    kept = ("lr", "weight_decay", "paramsched_t", "paramsched")
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


def test_an_optimizer_that_is_more_than_one_update_behind_joins_the_run():
    saved, optimizers = saved_at(a=4, b=6, c=5), probes("abc")
    scheduler = ps.Scheduler(optimizers, PLAN)
    scheduler.seek(4)
    for name in "abc":  # a loads the count that it has, so no later load is compared with it
        optimizers[name].load_state_dict(saved[name])

    assert scheduler._run.numbers == {"a": 6, "b": 6, "c": 5}
    planned = lines(PLAN, probes("abc"))
    held = [one.param_groups[0]["lr"] for one in optimizers.values()]
    assert held == [planned["a"][6], planned["b"][6], planned["c"][5]]


def test_after_a_load_only_optimizers_that_have_loaded_are_behind():
    saved, optimizers = saved_at(a=9, b=10, c=10), probes("abc")
    scheduler = ps.Scheduler(optimizers, PLAN)
    steps_until(optimizers, scheduler, 9)
    optimizers["a"].step(), optimizers["c"].step()
    optimizers["c"].load_state_dict(saved["c"])
    optimizers["a"].load_state_dict(saved["a"])

    assert scheduler._run.numbers == {"a": 9, "b": 10, "c": 10}
    planned = lines(PLAN, probes("abc"))
    held = [one.param_groups[0]["lr"] for one in optimizers.values()]
    assert held == [planned["a"][9], planned["b"][10], planned["c"][10]]


def test_a_load_of_the_update_of_the_run_moves_the_optimizers_that_are_behind():
    saved, optimizers = saved_at(a=10, b=10, c=10), probes("abc")
    scheduler = ps.Scheduler(optimizers, PLAN)
    steps_until(optimizers, scheduler, 3 * 9 + 1)
    optimizers["b"].load_state_dict(saved["b"])

    assert scheduler._run.numbers == {"a": 10, "b": 10, "c": 10}
    planned = lines(PLAN, probes("abc"))
    assert [one.param_groups[0]["lr"] for one in optimizers.values()] == [planned[name][10] for name in "abc"]


@pytest.mark.parametrize(("driven", "numbers"), [(False, {"a": 4, "b": 3}), (True, {"a": 3, "b": 3})])
def test_counts_that_the_optimizers_carried_are_those_of_loads_unless_a_scheduler_drove_them(driven, numbers):
    saved, optimizers = saved_at(a=4, b=4), probes("ab")
    if driven:
        earlier = ps.Scheduler(optimizers, PLAN)
    for name, one in optimizers.items():
        one.load_state_dict(saved[name])
    scheduler = ps.Scheduler(optimizers, PLAN)
    optimizers["b"].load_state_dict(saved_at(a=3, b=3)["b"])

    assert scheduler._run.numbers == numbers
    assert not driven or earlier is not scheduler


def test_a_scheduler_state_that_differs_from_the_optimizer_before_construction_is_logged(caplog):
    optimizer, other = probe(), probe()
    state = ps.Scheduler(run(other, 0), PLAN)
    run(other, 7)
    saved = copy.deepcopy(other.state_dict())
    run(other, 2)
    optimizer.load_state_dict(saved)
    scheduler = ps.Scheduler(optimizer, PLAN)
    caplog.clear()
    scheduler.load_state_dict(state.state_dict())

    text = "the optimizer checkpoint is of update 7, the scheduler checkpoint of update 9"
    assert [one for one in caplog.messages if text in one] == caplog.messages != []
    assert scheduler.t == 9


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


def test_a_state_without_a_count_is_checked_from_the_position_of_the_run_which_it_joins():
    optimizers, plain = probes("ab"), probes("b")["b"].state_dict()
    ps.Scheduler(optimizers, PLAN).seek(5)
    scheduler = ps.Scheduler(optimizers, ps.Plan(lr="constant(-1, 2) >> cosine()", horizon=64))

    optimizers["b"].load_state_dict(plain)

    assert scheduler._run.numbers == {"a": 5, "b": 5}


def test_a_checkpoint_that_carries_its_count_resumes_in_silence(recwarn, caplog):
    def made():
        optimizer = torch.optim.AdamW([group()], lr=0.1)
        return optimizer, ps.Scheduler(optimizer, PLAN)

    optimizer, scheduler = made()
    run(optimizer, 5)
    resumed, again = made()
    recwarn.clear(), caplog.clear()
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))

    assert (again.t, again._values()) == (5, scheduler._values())
    assert [str(one.message) for one in recwarn] == caplog.messages == []


@table("count", [3, 4, 5, 6])
def test_the_values_of_the_last_update_are_those_of_the_saved_run(count):
    optimizers, resumed = probes(NAMES), probes(NAMES)
    scheduler, again = ps.Scheduler(optimizers, TOKENS), ps.Scheduler(resumed, TOKENS)
    steps_until(optimizers, scheduler, count, lambda index: 40 + index)

    for name, state in states(optimizers).items():
        resumed[name].load_state_dict(state)
    again.load_state_dict(scheduler.state_dict())

    assert again.scalars() == scheduler.scalars()
    assert again.scalars("coming") == scheduler.scalars("coming")


def test_a_missing_count_is_warned_of_once(recwarn):
    plain = {name: one.state_dict() for name, one in probes("ab").items()}
    optimizers = probes("ab")
    ps.Scheduler(optimizers, PLAN)

    for name, one in optimizers.items():
        one.load_state_dict(plain[name])

    assert ["no update count found" in str(one.message) for one in recwarn] == [True]


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
    for name, one in resumed.items():
        one.load_state_dict(first[name].state_dict())

    with pytest.raises(PlanChanged, match="the plan differs from the checkpoint's"):
        ps.Scheduler(resumed, CHANGED, on_change="error")
    again = ps.Scheduler(resumed, PLAN, t=2)
    assert caplog.messages[-1].startswith("t=2 is ignored: these optimizers carry a count of 3 updates")
    resumed["b"].add_param_group(group(lr=0.1))
    again.load_state_dict(scheduler.state_dict())
    assert "groups of b, the optimizer has 2: the groups in both use the saved bases" in caplog.messages[-1]


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


SAMPLES = ps.Plan(lr="linear(1, 0)", weight_decay="linear(0.5, 1.5)", horizon="64 samples", clock="samples")


@table(
    ("changed", "said"),
    [
        ({"optimizers": 3}, "optimizers is 3, not a list of names"),
        ({"optimizers": []}, "optimizers is [], not a list of names"),
        ({"optimizers": ["a"]}, "bases['lr'] has 2 values for 1 groups"),
        ({"optimizers": ["a", "a"]}, "not a list of names"),
        ({"groups": [1, 2, 3]}, "3 numbers of groups for 2 optimizers"),
        ({"groups": [1, "x"]}, "state: groups is "),
        ({"groups": [1, 2**20]}, "state: groups is 1048576, expected an integer from 0 to 1048575"),
        ({"groups": True}, "state: groups is True"),
        ({"t": 2**62}, "state: t is "),
        ({"behind": ["a", "b"]}, "at update 3"),
        ({"behind": ["b"], "t": 0}, "at update 0"),
        *(({"behind": behind}, "not the names of optimizers") for behind in ("b", ["c"], [1], [["b"]], 1)),
        ({"last_amount": -1}, "last_amount is -1, not a number of at least 0"),
        ({"amount": 5}, "amount is 5, but the clock of its plan counts updates"),
        ({"said": 5}, "said is 5, but the clock of its plan counts updates"),
        ({"measured": 1}, "measured is 1, not True or False"),
        ({"bases": {"lr": [0.1]}}, "bases['lr'] has 1 values for 2 groups"),
        ({"bases": {"lr": [0.1, 0.2, 0.3]}}, "bases['lr'] has 3 values for 2 groups"),
        ({"bases": {"lr": [None, None]}}, "bases['lr'] has no number"),
        ({"bases": {"lr": [0.1, "x"]}}, "which is not a finite number"),
        ({"history": [[0, None, SAMPLES.text]]}, "the last plan of history differs from the plan of the state"),
        ({"history": [[0, None, "x"], [0, None, PLAN.text]]}, "history[1] has update 0, which is not after"),
        ({"history": [[0, -1, PLAN.text]]}, "history[0] has amount -1, not a number of at least 0"),
        ({"history": [[0, None, 5]]}, "the plan of history[0] is a int, not a str"),
        ({"history": [[0, None, PLAN.text, {"who": "ann"}]]}, "history[0] has"),
        ({"history": [[0, None, PLAN.text, {}]]}, "history[0] has"),
        ({"history": [[0, None]]}, "history[0] is"),
        ({"rules": {"x": {"best": 1.0}}}, "rules is that of ['x'], but the rules of its plan are []"),
        ({"version": "1"}, "version is '1', not an integer"),
        ({"version": True}, "version is True"),
        ({"version": 4}, "state of version 4; this paramsched reads version 3"),
        ({"foreign": 1}, "state has unknown keys: foreign"),
    ],
)
@pytest.mark.parametrize("what", ["scheduler", "optimizer"])
def test_an_invalid_record_is_refused_and_changes_nothing(changed, said, what):
    optimizers = probes("ab")
    scheduler = ps.Scheduler(optimizers, PLAN)
    run(optimizers["a"], 3)
    before = states(optimizers)
    if what == "optimizer" and (changed.keys() & {"groups", "bases"} or changed.get("t") == 0):
        return  # only a Scheduler's state has these; a record of another update is one of a copy
    holder = scheduler if what == "scheduler" else optimizers["a"]
    state = with_record(holder.state_dict(), **changed)

    with pytest.raises(StateError) as refusal:
        holder.load_state_dict(state)
    assert what == "optimizer" or said in str(refusal.value)
    assert states(optimizers) == before


@pytest.mark.parametrize("key", ["version", "plan", "calendar", "groups", "bases", "t"])
def test_a_truncated_state_is_refused(key):
    scheduler = ps.Scheduler(probes("ab"), PLAN)
    record = record_in(scheduler.state_dict())
    del record[key]

    with pytest.raises(StateError):
        scheduler.load_state_dict({"paramsched": json.dumps(record)})


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


def test_the_plan_of_a_checkpoint_schedules_fields_that_the_plan_of_the_code_lacks():
    first, optimizers = probes("ab"), probes("ab")
    scheduler = ps.Scheduler(first, PLAN)
    steps_until(first, scheduler, 6)
    again = ps.Scheduler(optimizers, ps.Plan(lr="linear(1, 0)", horizon=64), on_change="checkpoint")

    again.load_state_dict(scheduler.state_dict())

    assert again._values() == scheduler._values()
    assert [one.param_groups[0]["weight_decay"] for one in optimizers.values()] == [0.01 * (0.5 + 3 / 64)] * 2


def test_a_state_is_loaded_although_a_group_that_a_line_names_was_removed():
    optimizers = {"a": probe({}, {"name": "head"}), "b": probe()}
    scheduler = ps.Scheduler(
        optimizers, ps.Plan(ps.Binding("lr", "constant(0.5)", groups="head"), lr="linear()", horizon=9)
    )
    steps_until(optimizers, scheduler, 6)
    state = scheduler.state_dict()
    steps_until(optimizers, scheduler, 2)
    del optimizers["a"].param_groups[1]

    scheduler.load_state_dict(state)

    assert scheduler.t == 3
    assert optimizers["a"].param_groups[0]["lr"] == pytest.approx(0.1 * 6 / 9)


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
    assert "0.1 in the checkpoint, 0.2 in the code" in lines[0]


@table(
    ("change", "held", "then"),
    [
        (lambda groups: None, [0.194, 0.388], [0.1, 0.2]),
        (lambda groups: groups.append(group(lr=0.5)), [0.194, 0.388, 0.25], [0.1, 0.2, 0.25]),
        (lambda groups: groups.reverse(), [0.388, 0.194], [0.2, 0.1]),
        (lambda groups: groups.pop(0), [0.388], [0.2]),
    ],
)
def test_groups_of_an_optimizer_that_is_behind_keep_the_values_of_the_plan_before(change, held, then, recwarn):
    optimizers = {"a": probe(lr=0.1), "b": probe({"lr": 0.2}, {"lr": 0.4})}
    scheduler = ps.Scheduler(optimizers, ps.Plan(lr="linear()", horizon=100))
    steps_until(optimizers, scheduler, 7)  # b has taken three of them
    a, b = probe(lr=0.1), probe({"lr": 0.2}, {"lr": 0.4})
    again = ps.Scheduler({"a": a, "b": b}, ps.Plan(lr="constant(0.5)", horizon=100))
    again.load_state_dict(scheduler.state_dict())

    change(b.param_groups)
    for one in (b, a, b):
        run(one, 1)

    assert [[one["lr"] for one in groups] for groups in b.used] == [held, then]
    assert again.t == 5
    assert not recwarn.list


def test_an_optimizer_that_is_behind_under_the_same_plan_carries_that_plan():
    first, second, third = probes("ab"), probes("ab"), probes("ab")
    before, after = ps.Scheduler(first, PLAN), ps.Scheduler(second, PLAN)
    steps_until(first, before, 3)
    after.load_state_dict(before.state_dict())
    last = ps.Scheduler(third, PLAN, on_change="error")

    third["b"].load_state_dict(second["b"].state_dict())

    assert last.t == 1


@pytest.mark.parametrize("clock", ["updates", "tokens"])
def test_a_write_into_an_optimizer_that_is_behind_is_compared_with_the_values_of_the_plan_before(clock):
    first, resumed = ({name: probe(*({"lr": torch.tensor(lr)} for lr in (0.5, 0.25))) for name in "ab"} for _ in "12")
    before, after = (
        ps.Scheduler(made, ps.Plan(lr=line, clock=clock, horizon=f"16 {clock}"), tokens_per_step=1)
        for made, line in ((first, "linear()"), (resumed, "cosine()"))
    )
    steps_until(first, before, 3)
    after.load_state_dict(before.state_dict())

    resumed["b"].param_groups[1]["lr"].fill_(0.75)
    with pytest.warns(UserWarning, match=r"lr of group 'b/1' was tensor\(0.75.*\) at update 1 instead of .* 0.234375:"):
        resumed["b"].step()


@pytest.mark.parametrize("drive", ["optimizer", "a", "manual"])
def test_the_checkpoint_of_any_optimizer_with_another_plan_is_refused(drive):
    optimizers = {"a": probe(lr=0.1), "b": probe(lr=0.2)}
    ps.Scheduler(optimizers, ps.Plan(lr="linear()", horizon=100), drive=drive)
    resumed = {"a": probe(lr=0.1), "b": probe(lr=0.2)}
    scheduler = ps.Scheduler(resumed, ps.Plan(lr="constant(0.5)", horizon=100), drive=drive, on_change="error")

    for name, optimizer in resumed.items():
        with pytest.raises(PlanChanged, match="the plan differs from the checkpoint's"):
            optimizer.load_state_dict(optimizers[name].state_dict())

    assert scheduler.t == 0
    assert [one.param_groups[0]["lr"] for one in resumed.values()] == [0.05, 0.1]


def test_an_optimizer_that_is_behind_a_change_of_the_plan_is_not_refused():
    optimizers, other = ({"a": probe(lr=0.1), "b": probe(lr=0.2)} for _ in range(2))
    scheduler = ps.Scheduler(optimizers, ps.Plan(lr="linear()", horizon=100))
    steps_until(optimizers, scheduler, 7)  # b has taken three of them
    plan = ps.Plan(lr="constant(0.5)", horizon=100)
    changed = ps.Scheduler(other, plan)
    changed.load_state_dict(scheduler.state_dict())
    resumed = {"a": probe(lr=0.1), "b": probe(lr=0.2)}
    again = ps.Scheduler(resumed, plan, on_change="error")

    for name, optimizer in resumed.items():
        optimizer.load_state_dict(copy.deepcopy(other[name].state_dict()))

    assert again.t == 4
    assert [one.param_groups[0]["lr"] for one in resumed.values()] == [0.05, 0.2 * 0.97]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_samples_are_counted_from_the_checkpoint_of_an_optimizer_that_has_taken_the_last_step(count):
    optimizers = probes(NAMES)
    steps_until(optimizers, ps.Scheduler(optimizers, PLAN), count)
    resumed = probes(NAMES)
    for name, state in states(optimizers).items():
        resumed[name].load_state_dict(state)

    again = ps.Scheduler(resumed, PLAN)

    assert again._run.clock.counts_from.t == again.t == -(-count // 3)


def test_a_load_of_one_optimizer_that_moves_the_run_writes_its_targets():
    def plan(written):
        target = ps.Binding(ps.Target("tau", 2.0, write=written.append), "linear(1, 0, 10)")
        return ps.Plan(target, lr="linear(1, 0, 10)", horizon=10)

    optimizers = probes(NAMES)
    steps_until(optimizers, ps.Scheduler(optimizers, plan([])), 15)
    resumed, written = probes(NAMES), []
    ps.Scheduler(resumed, plan(written))

    resumed["adamw"].load_state_dict(states(optimizers)["adamw"])

    assert written == [2.0, 1.0]
