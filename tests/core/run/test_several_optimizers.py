"""One Scheduler for several optimizers: what it reads, writes, counts and refuses."""

import copy
import gc
import math
import pickle
import re
import weakref
from contextlib import suppress

import pytest
import torch

import paramsched as ps
from paramsched.errors import InvalidArgument, MissingFact, ParamschedError, PlanError, UnknownField
from support.records import record_in
from support.several import PLAN, lines, probes
from support.updates import group, probe, run, used

TEXT = """
horizon: 40
lr: linear(1, 0)
momentum: linear(absolute(0.85), absolute(0.95), over="30 steps")
weight_decay: like("lr")
groups:
  adamw/embed: {lr: 'like("lr") * 0.5'}
targets:
  temperature: {initial: 2, schedule: linear()}
"""


def model_optimizers():
    muon = torch.optim.SGD([torch.nn.Parameter(torch.ones(2, 2))], lr=0.02, momentum=0.95)
    adamw = torch.optim.AdamW([{**group(), "name": "embed"}, {**group(), "name": "rest"}], lr=3e-4)
    for one in muon.param_groups[0]["params"]:
        one.grad = torch.ones_like(one)
    return {"muon": muon, "adamw": adamw}


def test_values_equal_the_trace_also_between_two_steps_of_an_update():
    optimizers, plan = model_optimizers(), ps.loads(TEXT)
    shown = ps.trace(plan, optimizers)
    scheduler = ps.Scheduler(optimizers, plan)

    assert set(scheduler.values()) == set(shown.keys())
    for t in range(1, 10):
        for name in ("adamw", "muon"):
            optimizers[name].step()
            assert scheduler.values() == {key: shown[key][t] for key in shown.keys()}
            assert scheduler.scalars("coming").values() == pytest.approx(list(scheduler.values().values()), abs=0)
            last = {key: shown[key][t - 1] for key in scheduler.values()}
            assert list(scheduler.scalars().values()) == list(last.values())


def test_scalars_are_named_by_optimizer_and_group():
    scheduler = ps.Scheduler(model_optimizers(), ps.loads(TEXT))

    assert list(scheduler.scalars()) == [
        *("lr/muon", "momentum/muon", "weight_decay/muon", "lr/adamw/embed", "weight_decay/adamw/embed"),
        *("lr/adamw/rest", "weight_decay/adamw/rest", "temperature"),
    ]


def test_names_that_loggers_would_confuse_stay_apart():
    scheduler = ps.Scheduler(probes(["a b", "a_b", "layers.0.weight", "1"]), PLAN)

    names = [name for name in scheduler.scalars() if name.startswith("lr/")]
    assert names == ["lr/a_b.0", "lr/a_b.1", "lr/layers.0.weight", "lr/1"]


def test_a_value_is_that_of_a_group_of_an_optimizer_or_of_the_first_with_the_field():
    scheduler = ps.Scheduler(model_optimizers(), ps.loads(TEXT))

    found = [scheduler.value("lr", one) for one in (None, "muon", "adamw", "adamw/rest", "embed")]
    assert found == [0.02, 0.02, 1.5e-4, 3e-4, 1.5e-4]
    assert (scheduler.value("momentum"), scheduler.value("temperature")) == (0.85, 2.0)
    for unknown in (0, "head", "adamw/head", "muon/embed"):
        with pytest.raises(InvalidArgument, match="does not schedule it"):
            scheduler.value("lr", unknown)


def test_a_group_name_that_two_optimizers_have_is_ambiguous():
    scheduler = ps.Scheduler({name: probe({"name": "body"}) for name in "ab"}, PLAN)

    with pytest.raises(InvalidArgument, match="does not schedule it"):
        scheduler.value("lr", "body")


def test_engines_read_the_lr_of_all_groups_in_the_order_of_the_mapping():
    optimizers = model_optimizers()
    scheduler = ps.Scheduler(optimizers, ps.Plan(lr="linear()", horizon=10))

    assert scheduler.optimizers == optimizers
    assert scheduler.optimizer is optimizers["muon"]
    assert scheduler.base_lrs == [0.02, 3e-4, 3e-4]
    run(optimizers["adamw"], 1)
    assert scheduler.get_last_lr() == [0.02, 3e-4, 3e-4]
    run(optimizers["muon"], 1)
    scheduler.step()
    assert scheduler.get_last_lr() == scheduler.get_lr() == [0.02 * 0.9, 3e-4 * 0.9, 3e-4 * 0.9]


def test_one_optimizer_passed_alone_has_a_name_too():
    scheduler = ps.Scheduler(optimizer := probe(), PLAN)

    assert scheduler.optimizers == {"optimizer": optimizer}


def test_a_mapping_with_one_entry_follows_the_rules_of_several():
    scheduler = ps.Scheduler(probes(["muon"]), ps.Plan(ps.Binding("lr", "linear()", groups="muon"), horizon=4))
    run(scheduler.optimizer, 2)

    assert (scheduler.t, scheduler.values()) == (2, {("lr", "muon/0"): 0.05})


def test_a_target_is_written_once_per_update():
    written = []
    plan = ps.Plan(ps.Binding(ps.Target("temperature", 4, written.append), "linear()"), lr=1.0, horizon=4)
    optimizers = probes("abc")
    ps.Scheduler(optimizers, plan)
    for _ in range(3):
        for one in optimizers.values():
            one.step()

    assert written == [4, 3, 2, 1]


@pytest.mark.parametrize("drive", ["optimizer", "b", "manual"])
def test_reported_consumption_is_counted_once_per_update(drive):
    plan = ps.Plan(lr="linear(1, 0, over='100 tokens')", weight_decay=1.0, clock="tokens")
    optimizers = probes("ab")
    scheduler = ps.Scheduler(optimizers, plan, drive=drive)
    expected, amount = [], 0
    for tokens in (10, 10, 20, 5, 5, 5):
        scheduler.consumed(tokens=tokens)
        expected.append(1 - amount / 100)
        for name in "ab":
            optimizers[name].step()
        if drive == "manual":
            scheduler.step()
        amount += tokens
        assert scheduler.amount == amount
        assert scheduler.scalars()["consumed_tokens"] == amount - tokens
        records = [record_in(one.state_dict()) for one in optimizers.values()]
        assert [(one["amount"], one["last_amount"]) for one in records] == [(amount, amount - tokens)] * 2
    for base, one in zip((0.1, 0.2), optimizers.values(), strict=True):
        assert used(one) == pytest.approx([base * factor for factor in expected], rel=1e-12)


def test_missing_consumption_is_an_error_only_from_the_step_that_starts_an_update():
    optimizers = probes("ab")
    scheduler = ps.Scheduler(optimizers, ps.Plan(lr="linear(1, 0, over='100 tokens')", clock="tokens"))

    with pytest.raises(MissingFact, match="tokens"):
        optimizers["b"].step()
    scheduler.consumed(tokens=10)
    run(optimizers["b"], 1)
    run(optimizers["a"], 1)
    with pytest.raises(MissingFact):
        optimizers["a"].step()
    assert (scheduler.t, scheduler.amount) == (1, 10)


def test_with_a_driver_only_the_driver_needs_the_consumption():
    optimizers = probes("ab")
    scheduler = ps.Scheduler(optimizers, ps.Plan(lr="linear(1, 0, over='100 tokens')", clock="tokens"), drive="b")
    run(optimizers["a"], 3)

    with pytest.raises(MissingFact):
        optimizers["b"].step()
    assert (scheduler.t, scheduler.amount) == (0, 0)


def test_planned_batch_sizes_are_counted_once():
    sizes = ps.Binding(ps.Target("batch_size", 8), "multistep([2, 4], 2)")
    plan = ps.Plan(sizes, lr="linear(1, 0, over='200 samples')", clock={"lr": "samples"})
    optimizers = probes("ab")
    scheduler = ps.Scheduler(optimizers, plan)
    amounts = []
    for _ in range(6):
        amounts.append(scheduler.amount)
        for one in optimizers.values():
            one.step()

    assert amounts == [0, 8, 16, 32, 48, 80]
    assert used(optimizers["b"]) == pytest.approx([0.2 * (1 - amount / 200) for amount in amounts])


def test_a_metric_acts_on_all_optimizers():
    optimizers = probes("ab")
    scheduler = ps.Scheduler(optimizers, ps.Plan(lr='constant() * plateau("loss", patience=0, factor=0.5)'))
    for one in optimizers.values():
        one.step()
    optimizers["a"].step()
    for _ in range(2):
        scheduler.observe(loss=1.0)

    assert [one.param_groups[0]["lr"] for one in optimizers.values()] == [0.05, 0.1]
    assert len(scheduler.states) == 1
    run(optimizers["b"], 2)
    assert used(optimizers["b"]) == [0.2, 0.1, 0.1]


def test_seek_moves_every_optimizer():
    optimizers = probes("ab")
    scheduler = ps.Scheduler(optimizers, PLAN)
    optimizers["a"].step()
    scheduler.seek(20)

    assert scheduler._run.numbers == {"a": 20, "b": 20}
    planned = lines(PLAN, optimizers)
    assert [one.param_groups[0]["lr"] for one in optimizers.values()] == [planned["a"][20], planned["b"][20]]


def test_detach_leaves_all_optimizers_as_they_were():
    optimizers = probes("ab")
    scheduler = ps.Scheduler(optimizers, PLAN)
    run(optimizers["a"], 2)
    scheduler.detach()
    values = [one.param_groups[0]["lr"] for one in optimizers.values()]
    for one in optimizers.values():
        one.step()
        assert not [key for key in one.param_groups[0] if key.startswith("paramsched")]

    assert [one.param_groups[0]["lr"] for one in optimizers.values()] == values
    with pytest.raises(ParamschedError, match="detached"):
        scheduler.seek(0)


def test_late_groups_join_each_optimizer_at_its_update():
    optimizers = probes("ab")
    ps.Scheduler(optimizers, PLAN)
    planned = lines(PLAN, optimizers)
    for one in optimizers.values():
        one.step()
    optimizers["a"].step()
    for name, one in optimizers.items():
        one.add_param_group(group(lr={"a": 0.1, "b": 0.2}[name], name="late"))
        one.step()

    assert [one.used[-1][1]["lr"] for one in optimizers.values()] == [planned["a"][2], planned["b"][2]]


def test_a_selector_with_a_late_group_of_another_optimizer_is_kept():
    plan = ps.Plan(ps.Binding("lr", "constant(0.5)", groups="layer_*"), lr=1.0)
    optimizers = {"a": probe({"name": "layer_0"}), "b": probe({"name": "head"})}
    scheduler = ps.Scheduler(optimizers, plan)
    optimizers["b"].add_param_group(group(lr=1.0, name="layer_1"))
    optimizers["b"].step()

    assert optimizers["b"].used[0][1]["lr"] == 0.5
    assert scheduler.value("lr", "layer_1") == 0.5


def test_an_external_write_is_reported_with_the_optimizer():
    optimizers = probes("ab")
    ps.Scheduler(optimizers, PLAN)
    optimizers["b"].param_groups[0]["lr"] = 7.0

    with pytest.warns(UserWarning, match="lr of group 'b/0' was 7.0 at update 0"):
        optimizers["b"].step()


def test_facts_may_be_passed_later():
    optimizers = probes("ab")
    scheduler = ps.Scheduler(optimizers, ps.Plan(lr="linear(1, 0, over='2 epochs')"), calendar="later")
    with pytest.raises(ParamschedError, match="no run facts yet"):
        optimizers["b"].step()
    scheduler.set_facts(steps_per_epoch=5)
    for _ in range(5):
        for one in optimizers.values():
            one.step()

    assert scheduler.value("lr", "b") == pytest.approx(0.1)


def test_lines_are_checked_also_before_the_facts_are_passed():
    with pytest.raises(UnknownField):
        ps.Scheduler(probes("ab"), ps.Plan(alpha=1.0), calendar="later")


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
@pytest.mark.parametrize("drive", ["optimizer", "b"])
def test_a_copy_continues_at_the_same_numbers(copied, drive):
    optimizers = probes("ab")
    scheduler = ps.Scheduler(optimizers, PLAN, drive=drive)
    for _ in range(3):
        for one in optimizers.values():
            one.step()
    optimizers["a"].step()
    other = copied(scheduler)
    for made in (scheduler, other):
        made.optimizers["b"].step()
        made.optimizers["a"].step()

    assert (other.t, other._run.numbers, other.values()) == (scheduler.t, scheduler._run.numbers, scheduler.values())
    assert [one.param_groups[0]["lr"] for one in other.optimizers.values()] == [
        one.param_groups[0]["lr"] for one in optimizers.values()
    ]


def test_a_copy_of_a_detached_scheduler_is_detached():
    scheduler = ps.Scheduler(probes("ab"), PLAN)
    run(scheduler.optimizer, 2)
    scheduler.detach()
    other = copy.deepcopy(scheduler)

    assert other.t == 2
    with pytest.raises(ParamschedError, match="detached"):
        other.seek(0)


def test_deleting_the_optimizers_frees_their_memory_at_once():
    optimizers = probes("ab")
    scheduler = ps.Scheduler(optimizers, PLAN)
    run(optimizers["a"], 2)
    freed = [weakref.ref(one.param_groups[0]["params"][0]) for one in optimizers.values()]
    gc.disable()
    try:
        del optimizers, scheduler
        assert [one() for one in freed] == [None, None]
    finally:
        gc.enable()


def test_a_scheduler_may_be_deleted():
    optimizers = probes("ab")
    ps.Scheduler(optimizers, PLAN)
    gc.collect()
    for one in optimizers.values():
        run(one, 1)

    assert [one.param_groups[0]["paramsched_t"] for one in optimizers.values()] == [1, 1]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({}, "expected at least one optimizer"),
        ({"manual": probe()}, 'reserved for drive="manual"'),
        ({"a": object()}, "it has no param_groups"),
        ({"lr": 0.1}, "it has no param_groups"),
    ],
)
def test_a_mapping_that_is_not_of_named_optimizers_is_refused(arguments, found):
    with pytest.raises(InvalidArgument, match=found):
        ps.Scheduler(arguments, PLAN)


def test_the_same_optimizer_twice_is_refused():
    one = probe()

    with pytest.raises(InvalidArgument, match="the same optimizer"):
        ps.Scheduler({"a": one, "b": one}, PLAN)


def test_nothing_is_written_if_one_optimizer_cannot_follow_the_plan():
    optimizers = {"a": probe(), "b": probe(weight_decay=None)}
    before = [dict(one.param_groups[0]) for one in optimizers.values()]

    with pytest.raises(PlanError):
        ps.Scheduler(optimizers, PLAN)
    assert [dict(one.param_groups[0]) for one in optimizers.values()] == before


def test_tensor_learning_rates_are_filled():
    optimizers = {
        name: torch.optim.Adam([{**group()}, {**group()}], lr=torch.tensor(base))
        for name, base in (("a", 0.1), ("b", 0.2))
    }
    plan = ps.Plan(lr="linear()", horizon=10)
    ps.Scheduler(optimizers, plan)
    for _ in range(3):
        optimizers["a"].step()

    assert [float(g["lr"]) for one in optimizers.values() for g in one.param_groups] == pytest.approx(
        [0.07, 0.07, 0.16, 0.16]
    )


@pytest.mark.parametrize(
    "plans", [[PLAN, PLAN], {"muon": PLAN, "adamw": PLAN}, {"muon": "linear()", "adamw": "linear()"}]
)
def test_several_plans_are_an_error_with_the_one_plan_to_write(plans):
    with pytest.raises(InvalidArgument, match="one plan drives all optimizers") as refusal:
        ps.Scheduler(model_optimizers(), plans)

    plan = eval(re.sub("^(Write|For example:) ", "", refusal.value.instead), {"ps": ps})
    scheduler = ps.Scheduler(model_optimizers(), plan)
    assert {binding.groups for binding in plan.bindings} == {"muon", "adamw"}
    assert scheduler.value("lr", "muon") == 0.02


class NoHooks:
    """An optimizer of another kind."""

    def __init__(self):
        self.param_groups = [{"params": [], "lr": 0.1}]


@pytest.mark.parametrize(
    "second",
    [
        "x",
        NoHooks(),
        torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=math.nan),
        torch.optim.SGD([{**group(), "paramsched_t": "x"}], lr=0.1),
        [torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)],
    ],
)
@pytest.mark.parametrize("calendar", [None, "later"])
def test_an_error_about_one_of_several_optimizers_names_it(second, calendar):
    first = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    before = dict(first.param_groups[0])
    plan = ps.Plan(lr="linear()", horizon=9)

    with pytest.raises(ParamschedError, match="adamw"):
        ps.Scheduler({"muon": first, "adamw": second}, plan, calendar=calendar).set_facts()
    assert first.param_groups[0] == before


@pytest.mark.parametrize("drive", ["optimizer", "a", "manual"])
@pytest.mark.parametrize("spoiled", ["b", "a target"])
def test_an_update_that_could_not_be_written_for_one_optimizer_is_counted_for_all(drive, spoiled):
    written = []

    def write(value):
        if spoiled == "broken":
            raise OSError("full")
        written.append(value)

    optimizers = probes("abc")
    target = ps.Binding(ps.Target("x", 1.0, write=write), ps.linear(1.0, 0.0))
    plan = ps.Plan(target, lr=ps.linear(1.0, 0.0), horizon=20)
    scheduler = ps.Scheduler(optimizers, plan, drive=drive)

    def iterate(names="abc"):
        run_all = [optimizers[name].step for name in names] + [scheduler.step] * (drive == "manual")
        for step in run_all:
            with suppress(ParamschedError, OSError):
                step()

    for _ in range(3):
        iterate()
    if spoiled == "b":
        del optimizers["b"].param_groups[0]["lr"]
    else:
        spoiled = "broken"
    iterate("a")
    iterate("a")
    optimizers["b"].param_groups[0]["lr"] = 0.5
    spoiled = ""
    iterate()
    iterate()

    now = lines(plan, optimizers)
    assert scheduler.t == 7
    assert {name: one.param_groups[0]["lr"] for name, one in optimizers.items()} == {
        name: now[name][7] for name in optimizers
    }
    assert written[-1] == scheduler.value("x")


def test_a_step_of_a_detached_scheduler_changes_nothing():
    optimizers = probes("ab")
    scheduler = ps.Scheduler(optimizers, PLAN, drive="manual")
    scheduler.step()
    scheduler.detach()

    with pytest.raises(ParamschedError, match="detached"):
        scheduler.step()
    assert scheduler._run.clock.t == 1
    assert scheduler._run.numbers == {"a": 1, "b": 1}
