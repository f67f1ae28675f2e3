"""Several optimizers under one plan: the updates that steps belong to, against the model of four lines."""

import logging

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.plan import counted_plan
from paramsched.core.time import counts_in_unit
from support.several import PLAN, SharedClock, killed, lines, probes
from support.updates import Probe, used

NAMES = ("muon", "adamw", "sgd")
EVENTS = ("step", "step", "step", "closure", "raised", "hidden", "kill")


class Optimizer(Probe):
    """A probe whose step may raise before it takes part in anything."""

    fails = False

    def step(self, closure=None):
        if self.fails:
            raise FloatingPointError
        super().step(closure)


def take(optimizer, event):
    """Take one step; return whether it counts."""
    if event == "raised":
        optimizer.fails = True
        with pytest.raises(FloatingPointError):
            optimizer.step()
        optimizer.fails = False
        return False
    if event == "hidden":  # of a fused optimizer, which a GradScaler skips
        optimizer.found_inf = torch.tensor(1.0)
        optimizer.step()
        del optimizer.found_inf
        optimizer.used.pop()
        return False
    optimizer.step((lambda: torch.tensor(0.0)) if event == "closure" else None)
    return True


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(EVENTS)), max_size=60), st.randoms())
def test_each_step_uses_the_values_of_its_update_in_any_order_and_after_kills(steps, random):
    names = random.sample(NAMES, len(NAMES))

    def new():
        return {name: Optimizer(probe.param_groups) for name, probe in probes(names).items()}

    optimizers = new()
    scheduler = ps.Scheduler(optimizers, PLAN)
    model = SharedClock(names)
    planned = lines(PLAN, optimizers)

    for name, event in steps:
        if event == "kill":
            before = optimizers
            optimizers = new()
            scheduler = killed(before, scheduler, optimizers, random)
        elif take(optimizers[name], event):
            assert used(optimizers[name])[-1] == planned[name][min(model.step(name), 63)]
        assert scheduler.t == model.t
        for label, number in model.number.items():
            group = optimizers[label].param_groups[0]
            assert group["paramsched_t"] == number
            assert number >= 64 or group["lr"] == planned[label][number]


@given(
    st.lists(st.sets(st.sampled_from(NAMES)), max_size=20),
    st.randoms(),
    st.sampled_from([(), ("adamw",)]),
)
def test_t_is_the_number_of_iterations_if_one_optimizer_steps_in_each(iterations, random, frozen):
    optimizers = probes(NAMES)
    scheduler = ps.Scheduler(optimizers, PLAN)

    for count, stepped in enumerate(iterations, 1):
        for name in random.sample(sorted({"muon", *stepped} - set(frozen)), len({"muon", *stepped} - set(frozen))):
            optimizers[name].step()
        assert scheduler.t == count


@given(st.lists(st.sets(st.sampled_from(NAMES), min_size=1), max_size=20), st.randoms())
def test_t_is_never_above_the_iterations_nor_below_the_steps_of_any_optimizer(iterations, random):
    optimizers = probes(NAMES)
    steps = dict.fromkeys(NAMES, 0)
    scheduler = ps.Scheduler(optimizers, PLAN)

    for count, stepped in enumerate(iterations, 1):
        for name in random.sample(sorted(stepped), len(stepped)):
            optimizers[name].step()
            steps[name] += 1
        assert max(steps.values()) <= scheduler.t <= count


@given(st.lists(st.sampled_from(NAMES), max_size=40))
def test_a_driver_counts_its_own_updates_and_moves_all(steps):
    optimizers = probes(NAMES)
    scheduler = ps.Scheduler(optimizers, PLAN, drive="adamw")
    planned = lines(PLAN, optimizers)

    for index, name in enumerate(steps):
        count = steps[:index].count("adamw")
        optimizers[name].step()
        assert used(optimizers[name])[-1] == planned[name][count]
        now = count + (name == "adamw")
        assert scheduler.t == now
        assert [optimizer.param_groups[0]["lr"] for optimizer in optimizers.values()] == [
            planned[name][now] for name in NAMES
        ]


@given(st.lists(st.sampled_from([*NAMES, "step()"]), max_size=40))
def test_by_hand_only_the_scheduler_moves_and_moves_all(steps):
    optimizers = probes(NAMES)
    scheduler = ps.Scheduler(optimizers, PLAN, drive="manual")
    planned = lines(PLAN, optimizers)

    for index, name in enumerate(steps):
        (scheduler if name == "step()" else optimizers[name]).step()
        now = steps[: index + 1].count("step()")
        assert scheduler.t == now
        assert [optimizer.param_groups[0]["lr"] for optimizer in optimizers.values()] == [
            planned[name][now] for name in NAMES
        ]


BY_AMOUNT = {"tokens": ps.Plan(lr='linear(1, 0.25, over="200 tokens")', clock="tokens", total="200 tokens")}


@pytest.mark.parametrize("unit", BY_AMOUNT)
@given(st.lists(st.tuples(st.sampled_from([*NAMES, "kill"]), st.integers(1, 9)), max_size=50), st.randoms())
def test_each_step_uses_the_value_at_the_amount_of_its_update_also_after_kills(unit, events, random):
    plan = BY_AMOUNT[unit]
    model = SharedClock(NAMES)
    amounts = [0]
    (line,) = counted_plan(plan.resolve()).bindings
    optimizers = probes(NAMES)
    scheduler = ps.Scheduler(optimizers, plan)

    for name, amount in events:
        if name == "kill":
            before = optimizers
            optimizers = probes(NAMES)
            scheduler = killed(before, scheduler, optimizers, random)
        else:
            if model.number[name] == model.t:  # this step starts an update
                scheduler.consumed(**{unit: amount})
                amounts.append(amounts[-1] + amount)
            optimizers[name].step()
            base = 0.1 * (NAMES.index(name) + 1)
            assert used(optimizers[name])[-1] == line.schedule(amounts[model.step(name)] * counts_in_unit(unit), base)
        assert (scheduler.t, scheduler.amount) == (model.t, amounts[model.t])


@given(st.lists(st.tuples(st.sampled_from([*NAMES, "report", "kill"]), st.integers(1, 9)), max_size=50), st.randoms())
def test_each_step_uses_the_value_at_the_last_reported_progress_also_after_kills(events, random):
    plan = ps.Plan(lr="linear(1, 0.25)", clock="progress")
    progress = 0.0
    optimizers = probes(NAMES)
    scheduler = ps.Scheduler(optimizers, plan)
    scheduler.report(progress=progress)

    for name, more in events:
        if name == "kill":
            before = optimizers
            optimizers = probes(NAMES)
            scheduler = killed(before, scheduler, optimizers, random)
        elif name == "report":
            progress = min(progress + more / 100, 1.0)
            scheduler.report(progress=progress)
        else:
            optimizers[name].step()
            base = 0.1 * (NAMES.index(name) + 1)
            assert used(optimizers[name])[-1] == ps.trace(plan, {"lr": base}, amounts=[progress])["lr"][0]


def test_steps_inside_backward_are_one_update_per_iteration():
    parameters = {f"layers.{index}.weight": torch.nn.Parameter(torch.ones(2)) for index in range(4)}
    optimizers = {
        name: torch.optim.SGD([parameter], lr=0.1, weight_decay=0.1) for name, parameter in parameters.items()
    }
    scheduler = ps.Scheduler(optimizers, PLAN)
    for name, parameter in parameters.items():
        parameter.register_post_accumulate_grad_hook(lambda _, name=name: optimizers[name].step())

    for count in range(1, 6):
        sum(parameter.sum() for parameter in parameters.values()).backward()
        assert {scheduler.t, *(optimizer.param_groups[0]["paramsched_t"] for optimizer in optimizers.values())} == {
            count
        }


def test_a_step_of_a_closure_optimizer_that_steps_another_in_its_closure_is_one_update():
    optimizers = {"lbfgs": torch.optim.LBFGS([torch.nn.Parameter(torch.ones(2))], max_iter=1), **probes(["inner"])}
    scheduler = ps.Scheduler(optimizers, ps.Plan(lr="linear()", total=9))

    def closure():
        optimizers["inner"].step()
        return torch.tensor(0.0)

    for count in range(1, 4):
        optimizers["lbfgs"].step(closure)
        assert {scheduler.t, *(optimizer.param_groups[0]["paramsched_t"] for optimizer in optimizers.values())} == {
            count
        }


def test_the_first_update_that_ends_without_an_optimizer_is_logged_once(caplog):
    optimizers = probes(list("abcdefgh"))
    ps.Scheduler(optimizers, PLAN)
    with caplog.at_level(logging.WARNING, "paramsched"):
        for optimizer in optimizers.values():
            optimizer.step()
        for _ in range(3):
            optimizers["a"].step()
            optimizers["h"].step()

    (logged,) = caplog.messages
    assert logged.startswith("update 1 ended without a step of b, c, d, e, f and 1 more. ")
    assert 'drive="h"' in logged


@given(st.integers(1, 8), st.sampled_from(["ab", "abc"]))
def test_a_skipped_step_of_the_first_optimizer_is_logged_one_update_later(skipped, names):
    optimizers = probes(names)
    logged = []
    handler = logging.Handler()
    handler.emit = lambda record: logged.append((iteration, record.getMessage()))
    logging.getLogger("paramsched").addHandler(handler)
    try:
        scheduler = ps.Scheduler(optimizers, PLAN)
        for iteration in range(12):
            for name, optimizer in optimizers.items():
                if (name, iteration) != ("a", skipped):
                    optimizer.step()
    finally:
        logging.getLogger("paramsched").removeHandler(handler)

    ((iteration, text),) = logged
    assert iteration == skipped + 1
    assert text.startswith(f"a step of b has started the updates from {skipped} on, and one of a the update before")
    assert 'drive="b"' in text
    assert scheduler.t == 12


@pytest.mark.parametrize("loop", ["ab" * 9, "ba" * 9, "aaaab" * 4, "baaaa" * 4, "ab" * 5 + "aab" * 3])
def test_a_loop_without_a_skipped_step_has_no_line_of_one(loop, caplog):
    optimizers = probes("ab")
    ps.Scheduler(optimizers, PLAN)
    for name in loop:
        optimizers[name].step()

    assert not [message for message in caplog.messages if "has started the updates" in message]


@pytest.mark.parametrize("drive", ["a", "manual"])
def test_with_a_driver_no_optimizer_is_missed(drive, caplog):
    optimizers = probes("ab")
    ps.Scheduler(optimizers, PLAN, drive=drive)
    for _ in range(3):
        optimizers["a"].step()

    assert not caplog.messages


def test_the_first_drive_of_the_log_counts_iterations_of_several_steps(caplog):
    def iterations(**options):
        optimizers = probes(["generator", "critic"])
        scheduler = ps.Scheduler(optimizers, ps.Plan(lr="linear()", total=20), **options)
        count = 0
        while not scheduler.should_stop:
            for _ in range(5):
                optimizers["critic"].step()
            optimizers["generator"].step()
            count += 1
        return count

    with caplog.at_level(logging.WARNING, "paramsched"):
        assert iterations() == 4

    (logged,) = caplog.messages
    assert iterations(drive=logged.partition('drive="')[2].partition('"')[0]) == 20
