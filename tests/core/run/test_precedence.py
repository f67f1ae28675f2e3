"""What takes precedence at a resume: kinds of plans, in every order of construction and loading, with every choice.

The oracle is a run of the expected plan from update 0, with the same consumption and metrics, which never resumes.
"""

import copy
import itertools
import pickle
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import paramsched as ps
from paramsched.errors import PlanChanged, StateError
from support.records import record_in, with_record
from support.spread import every
from support.tables import table
from support.updates import planned, probe, run, used

AT = 7
REST = 6
ORDERS = ["SO", "OS", "SOR", "SRO", "OSR", "SR"]
"""S: construct the Scheduler; O: load the optimizers; R: load the Scheduler's state."""
POLICIES: dict[str, Any] = {
    "new": "new",
    "checkpoint": "checkpoint",
    "error": "error",
}
POINTS = {10 * i: 0.5 + 0.001 * (i % 7) for i in range(1, 300)}


class Case(NamedTuple):
    """The plan of the checkpoint and that of the code, with their run facts."""

    old: ps.Plan
    new: ps.Plan
    facts: Mapping[str, Any] = MappingProxyType({})
    names: tuple[str, ...] = ("optimizer",)
    has_text: bool = True
    later: Mapping[str, Any] | None = None
    """The run facts of the code, if it has others."""
    """True if the weight decay differs too."""


def plan(lr: Any, **options: Any) -> ps.Plan:
    return ps.Plan(lr=lr, weight_decay=ps.linear(1.0, 0.5), **{"total": 20} | options)


def by_function(lr: str) -> ps.Plan:
    return ps.Plan(ps.Binding("lr", lr, groups=lambda value: True), weight_decay=ps.linear(1.0, 0.5), total=20)


HALF = ps.constant(0.5)
CASES = {
    "updates": Case(plan(ps.cosine()), plan(HALF)),
    "units": Case(
        plan('warmup("10%") >> cosine()', total="2 epochs"), plan(HALF, total="2 epochs"), {"steps_per_epoch": 10}
    ),
    "amounts": Case(
        plan(ps.cosine(), clock="tokens", total="2000 tokens"), plan(HALF, clock="tokens", total="2000 tokens")
    ),
    "longer": Case(
        plan('warmup("10%") >> cosine()', total="2 epochs"), plan('warmup("10%") >> cosine()', total="3 epochs"),
        {"steps_per_epoch": 10},
    ),
    "other epochs": Case(
        *[plan('warmup("10%") >> cosine()', total="2 epochs")] * 2,
        {"steps_per_epoch": 10}, later={"steps_per_epoch": 14},
    ),
    "rules": Case(plan('linear() * plateau("loss", patience=0)'), plan('constant() * plateau("loss", patience=0)')),
    "table": Case(plan(ps.piecewise(POINTS)), plan(ps.piecewise(POINTS | {10: 0.9}))),
    "several": Case(plan(ps.cosine()), plan(HALF), names=("a", "b")),
    "function": Case(by_function("cosine()"), by_function("constant(0.5)"), has_text=False),
}  # fmt: skip


class Run:
    """A run of one case; it consumes and observes the same at each update."""

    def __init__(self, case: Case, *, later: bool = False) -> None:
        self.facts = case.later if later and case.later is not None else case.facts
        self.optimizers = {name: probe(lr=0.1 * (1 + index)) for index, name in enumerate(case.names)}
        self.scheduler: Any = None

    def construct(self, new: ps.Plan, **options: Any) -> None:
        optimizer = self.optimizers if len(self.optimizers) > 1 else self.optimizers["optimizer"]
        self.scheduler = ps.Scheduler(optimizer, new, **self.facts, **options)

    def go(self, begin: int, end: int) -> "Run":
        for t in range(begin, end):
            if self.scheduler.plan.clock == "tokens":
                self.scheduler.consumed(tokens=100 + t)
            for optimizer in self.optimizers.values():
                optimizer.step()
            if self.scheduler.states:
                self.scheduler.observe(loss=t % 5)
        return self

    def used(self) -> list[list[float]]:
        return [used(optimizer, field) for optimizer in self.optimizers.values() for field in ("lr", "weight_decay")]


def plans_logged(caplog: Any) -> list[str]:
    """Return what was logged about plans: all but the values of the next update."""
    return [message for message in caplog.messages if " in the checkpoint, " not in message]


def reference(case: Case, new: ps.Plan, *, later: bool = False) -> list[list[float]]:
    run = Run(case, later=later)
    run.construct(new)
    return [values[AT:] for values in run.go(0, AT + REST).used()]


def saved(case: Case) -> tuple[dict[str, Any], Any]:
    run = Run(case)
    run.construct(case.old)
    run.go(0, AT)
    return copy.deepcopy(
        ({name: optimizer.state_dict() for name, optimizer in run.optimizers.items()}, run.scheduler.state_dict())
    )


def resumed(
    case: Case, new: ps.Plan, order: str, states: tuple[dict[str, Any], Any], *, later: bool = False, **options: Any
) -> Run:
    run = Run(case, later=later)
    for action in order:
        if action == "S":
            run.construct(new, **options)
        elif action == "R":
            run.scheduler.load_state_dict(states[1])
        else:
            for name, optimizer in run.optimizers.items():
                optimizer.load_state_dict(states[0][name])
    return run


@pytest.mark.parametrize(("name", "order"), every(5, itertools.product(CASES, ORDERS)))
@table(("policy", "changed"), list(itertools.product(POLICIES, [False, True])))
@pytest.mark.filterwarnings("ignore:the learning rate is nearly 0")
@pytest.mark.filterwarnings("ignore:.* takes 14950% of the total")
def test_a_resume_uses_the_plan_of_the_choice_and_tells_each_difference_once(caplog, name, order, policy, changed):
    caplog.clear()
    case = CASES[name]
    choice = POLICIES[policy]
    new = case.new if changed else case.old
    differs = changed or not case.has_text
    if differs and choice == "error":
        with pytest.raises(PlanChanged):
            resumed(case, new, order, saved(case), later=changed, on_change=choice)
        return

    run = resumed(case, new, order, saved(case), later=changed, on_change=choice)
    history = run.scheduler.history
    run.go(AT, AT + REST)

    keeps_all = case.has_text and choice == "checkpoint"
    both = zip(reference(case, case.old), reference(case, new, later=changed), strict=True)
    assert run.used() == [old if keeps_all else now for old, now in both]
    if not differs:
        assert caplog.messages == []
    elif not case.has_text:
        (reported,) = plans_logged(caplog)
        assert "cannot be compared with the code's" in reported
    else:
        reported, *rest = plans_logged(caplog)
        assert reported.startswith("the plan differs from the checkpoint's, which was in force up to update 7")
        assert choice == {"lr": "checkpoint"} or ("stays in force" in reported) == (choice == "checkpoint")
        assert re.search(r"\nlr: \(?\w+\(.* -> \(?\w+\(", reported)
        assert ['clock="samples"' in message for message in rest] == [True] * (case.later is not None)
    if case.has_text:
        assert history[0][2] == case.old.text
        is_another = choice != "checkpoint" and run.scheduler.plan != case.old
        assert len(history) == 1 + (changed and is_another)


@table("updates", [0, 3])
def test_a_scheduler_that_replaces_another_one_in_a_process_resumes_nothing(caplog, updates):
    caplog.clear()
    run = Run(CASES["other epochs"])
    run.construct(CASES["other epochs"].old)
    run.go(0, updates)

    again = Run(CASES["other epochs"], later=True)
    again.optimizers = run.optimizers
    again.construct(CASES["other epochs"].new)

    assert (again.scheduler.t, again.scheduler.total) == (updates, 28)
    (reported,) = caplog.messages
    assert reported.startswith("the plan differs from that of the previous Scheduler")


FOREIGN = [{}, {"initial_lr": 0.4}]


@table(("order", "t", "entries"), list(itertools.product(["SO", "OS"], [None, AT], FOREIGN)))
def test_a_checkpoint_of_other_code_never_moves_a_base_that_the_code_had(order, t, entries, recwarn):
    recwarn.clear()
    state = probe(lr=0.025).state_dict()
    state["param_groups"][0] |= entries
    optimizer = probe(lr=0.1)
    linear = ps.Plan(lr="linear()", weight_decay="linear()", total="2 epochs")
    if order == "OS":
        optimizer.load_state_dict(state)
    scheduler = ps.Scheduler(optimizer, linear, t=t, steps_per_epoch=10)
    if order == "SO":
        optimizer.load_state_dict(state)

    base = entries.get("initial_lr", 0.025 if order == "OS" else 0.1)
    assert (scheduler.t, scheduler.base_lrs) == (t or 0, [base])
    assert optimizer.param_groups[0]["lr"] == base * (1 - (t or 0) / 20)
    reported = [str(warning.message) for warning in recwarn]
    if order == "OS" and t and not entries:
        assert any("with the present values as bases (lr 0.025" in report for report in reported)
    if order == "SO" and t is None:
        assert sum("no update count found" in report for report in reported) == 1


@pytest.mark.parametrize(
    "way", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))], ids=["copy", "pickle"]
)
@pytest.mark.parametrize("name", [name for name in CASES if name not in ("several", "function", "other epochs")])
@table(("choice", "changed"), list(itertools.product(["new", "checkpoint", "error"], [False, True])))
@pytest.mark.filterwarnings("ignore:.* takes 14950% of the total")
def test_a_copy_has_the_count_and_the_bases_and_says_that_its_plan_is_unknown(caplog, way, name, choice, changed):
    caplog.clear()
    case = CASES[name]
    new = case.new if changed else case.old
    original = Run(case)
    original.construct(case.old)
    original.go(0, AT)
    copied = Run(case)
    copied.optimizers = {"optimizer": way(original.optimizers["optimizer"])}

    if choice == "error" or name == "amounts":
        with pytest.raises(PlanChanged if choice == "error" else StateError):
            copied.construct(new, on_change=choice)
        return
    copied.construct(new, on_change=choice)

    scheduler = copied.scheduler
    assert (scheduler.t, scheduler.base_lrs, scheduler.plan) == (AT, [0.1], new)
    assert [message for message in caplog.messages if "its plan is unknown" in message] == plans_logged(caplog) != []


@pytest.mark.parametrize("order", ["SO", "OS"])
@pytest.mark.parametrize("choice", ["new", "error"])
def test_a_count_without_a_record_has_an_unknown_plan(caplog, order, choice):
    case = CASES["updates"]
    states, _ = saved(case)
    del states["optimizer"]["param_groups"][0]["paramsched"]
    if choice == "error":
        with pytest.raises(PlanChanged, match="its plan is unknown"):
            resumed(case, case.old, order, (states, None), on_change=choice)
        return

    run = resumed(case, case.old, order, (states, None))

    assert (run.scheduler.t, run.optimizers["optimizer"].param_groups[0]["initial_lr"]) == (AT, 0.1)
    assert [message for message in caplog.messages if "its plan is unknown" in message] == plans_logged(caplog) != []


def assign_entries(optimizer: Any, groups: list[dict[str, Any]]) -> None:
    """Write each entry into the live groups, as DeepSpeed does with a universal checkpoint."""
    for group, loaded in zip(optimizer.param_groups, groups, strict=True):
        for key, value in loaded.items():
            if key != "params":
                group[key] = value


def replace_groups(optimizer: Any, groups: list[dict[str, Any]]) -> None:
    pairs = zip(optimizer.param_groups, groups, strict=True)
    optimizer.param_groups = [{**loaded, "params": group["params"]} for group, loaded in pairs]


def set_state(optimizer: Any, groups: list[dict[str, Any]]) -> None:
    pairs = zip(optimizer.param_groups, groups, strict=True)
    optimizer.__setstate__(
        {"state": {}, "param_groups": [{**loaded, "params": group["params"]} for group, loaded in pairs]}
    )


WRITERS = [assign_entries, replace_groups, set_state]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("name", ["updates", "amounts", "rules", "several"])
@table(("policy", "changed"), list(itertools.product(POLICIES, [False, True])))
def test_a_state_that_other_code_writes_into_the_groups_is_loaded_before_the_step(caplog, write, name, policy, changed):
    caplog.clear()
    case = CASES[name]
    choice = POLICIES[policy]
    new = case.new if changed else case.old
    states, _ = saved(case)
    run = resumed(case, new, "S", (states, None), on_change=choice)
    for key, optimizer in run.optimizers.items():
        write(optimizer, copy.deepcopy(states[key]["param_groups"]))
    if changed and choice == "error":
        with pytest.raises(PlanChanged):
            run.go(AT, AT + REST)
        return

    if run.scheduler.plan.clock == "tokens":  # before the loop reports the consumption of the next update
        assert run.scheduler.base_lrs == [0.1]
    if len(run.optimizers) > 1:
        assert run.scheduler.base_lrs == [0.1, 0.2]
    run.go(AT, AT + REST)

    keeps = choice == "checkpoint"
    assert run.used() == reference(case, case.old if keeps else new)
    assert run.scheduler.t == AT + REST
    reports = [message[:30] for message in plans_logged(caplog)]
    assert reports == ["the plan differs from the chec"] * changed


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.filterwarnings("ignore:.* other code wrote it")
@pytest.mark.filterwarnings("ignore:.* it was changed after the save")
def test_an_update_by_hand_continues_from_a_state_that_other_code_wrote(write):
    case = CASES["updates"]
    states, _ = saved(case)
    optimizer = probe(lr=0.1)
    scheduler = ps.Scheduler(optimizer, case.old, steps_per_epoch=10, drive="manual")
    write(optimizer, copy.deepcopy(states["optimizer"]["param_groups"]))

    for _ in range(REST):
        optimizer.step()
        scheduler.step()

    assert used(optimizer, "lr") == reference(case, case.old)[0]
    assert scheduler.t == AT + REST


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.filterwarnings("ignore:the run is at update 7, from the checkpoint of b")
def test_an_optimizer_that_is_behind_continues_from_a_state_that_other_code_wrote(write):
    case = CASES["several"]
    first = Run(CASES["several"])
    first.construct(case.old)
    first.go(0, AT).optimizers["a"].step()
    states = copy.deepcopy({name: optimizer.state_dict() for name, optimizer in first.optimizers.items()})
    run = resumed(case, case.old, "S", (states, None))
    for name, optimizer in run.optimizers.items():
        write(optimizer, copy.deepcopy(states[name]["param_groups"]))

    run.optimizers["b"].step()
    run.go(AT + 1, AT + REST)

    a, b = reference(case, case.old)[::2]
    assert run.used()[::2] == [a[1:], b]


@pytest.mark.parametrize("write", WRITERS)
def test_a_part_of_a_state_that_other_code_writes_is_refused_before_the_step(write):
    case = CASES["updates"]
    states, _ = saved(case)
    run = resumed(case, case.old, "S", (states, None))
    optimizer = run.optimizers["optimizer"]
    write(optimizer, [states["optimizer"]["param_groups"][0] | {"paramsched_t": 6}])

    with pytest.raises(StateError, match="the groups have the count 6 and the record of another update"):
        optimizer.step()
    assert optimizer.used == []
    optimizer.load_state_dict(states["optimizer"])

    assert run.go(AT, AT + REST).used() == reference(case, case.old)


@table("changes", [{"t": 5}, {"history": [[0, None, "x"]]}, {"facts": {"total": 0}}, {"rules": {"x": 1}}])
def test_states_of_two_updates_are_reported_and_damaged_ones_change_nothing(caplog, changes):
    case = CASES["rules"]
    states, state = saved(case)
    run = resumed(case, case.old, "SO", (states, None))
    before = copy.deepcopy(run.optimizers["optimizer"].state_dict())
    caplog.clear()

    if changes.keys() == {"t"}:
        run.scheduler.load_state_dict(with_record(state, **changes))
        assert "the optimizer checkpoint is of update 7, the scheduler checkpoint of update 5" in caplog.text
        assert record_in(run.scheduler.state_dict())["t"] == 5
    else:
        with pytest.raises(StateError):
            run.scheduler.load_state_dict(with_record(state, **changes))
        assert run.optimizers["optimizer"].state_dict() == before


# ---------------------------------------------------------------------- what else differs

BASES = ({"lr": 0.1, "weight_decay": 0.01}, {"lr": 0.5, "weight_decay": 0.02})
OLD = ps.Plan(lr=ps.warmup("10%") >> ps.cosine(to=0.1), weight_decay=ps.linear(1.0, 0.5), total="2 epochs")


def of_two_groups(updates=0, plan=OLD, bases=BASES, **options):
    """Return an optimizer and its Scheduler after some updates, with copies of their states."""
    optimizer = probe(*bases)
    scheduler = ps.Scheduler(optimizer, plan, steps_per_epoch=10, **options)
    run(optimizer, updates)
    return optimizer, scheduler, *copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))


@table(
    ("name", "action"),
    [
        (name, action)
        for name in ("updates", "longer", "other epochs")
        for action in ("optimizer", "scheduler", "construct")
    ],
)
def test_a_change_that_is_an_error_is_raised_before_anything_is_written(name, action):
    case = CASES[name]
    states, state = saved(case)
    run = Run(case, later=True)
    (optimizer,) = run.optimizers.values()
    if action == "construct":
        optimizer.load_state_dict(states["optimizer"])
    else:
        run.construct(case.new, on_change="error")
        run.go(0, 2)
    before = copy.deepcopy((optimizer.state_dict(), run.scheduler and run.scheduler.state_dict()))

    resume = {
        "optimizer": lambda: optimizer.load_state_dict(states["optimizer"]),
        "scheduler": lambda: run.scheduler.load_state_dict(state),
        "construct": lambda: run.construct(case.new, on_change="error"),
    }[action]
    with pytest.raises(PlanChanged):
        resume()

    assert (optimizer.state_dict(), run.scheduler and run.scheduler.state_dict()) == before


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.filterwarnings("ignore:base of lr in")
def test_a_state_with_another_number_of_groups_is_logged_and_common_groups_keep_their_bases(caplog, groups):
    state = of_two_groups(AT)[3]
    bases = [*BASES, {"lr": 0.9, "weight_decay": 0.03}]
    optimizer, scheduler, *_ = of_two_groups(bases=[{**base, "lr": base["lr"] * 2} for base in bases[:groups]])

    scheduler.load_state_dict(state)
    run(optimizer, REST)

    kept = [0.1, 0.5, 1.8][:groups]
    assert scheduler.base_lrs == kept
    line = planned(OLD, {"lr": kept[-1], "weight_decay": 0.01}, steps_per_epoch=10)
    assert used(optimizer, "lr", groups - 1) == line[AT : AT + REST]
    assert f"has 2 groups, the optimizer has {groups}" in caplog.text


@table(
    ("spoil", "error"),
    [
        (lambda groups: groups.pop(), ValueError),  # by torch
        (lambda groups: [group.pop("weight_decay") for group in groups], ps.errors.UnknownField),
    ],
)
def test_a_checkpoint_that_lacks_a_group_or_a_field_changes_nothing(spoil, error):
    optimizer, scheduler, before, of_scheduler = of_two_groups(2)
    state = of_two_groups(AT)[2]
    spoil(state["param_groups"])

    with pytest.raises(error):
        optimizer.load_state_dict(state)

    assert (optimizer.state_dict(), scheduler.state_dict()) == (before, of_scheduler)


@pytest.mark.parametrize("facts", [{"total": 20}, {"steps_per_epoch": 10}])
def test_run_facts_that_a_plan_does_not_need_are_no_change(caplog, facts):
    plan = ps.Plan(lr=ps.warmup(3) >> ps.cosine(), total=20)
    optimizer = probe()
    resumed = probe()
    ps.Scheduler(optimizer, plan)
    scheduler = ps.Scheduler(resumed, plan, on_change="error", **facts)

    resumed.load_state_dict(run(optimizer, 3).state_dict())

    assert (scheduler.t, caplog.messages, len(scheduler.history)) == (3, [], 1)


def test_a_plan_with_an_unregistered_shape_is_logged_and_the_codes_plan_is_used(caplog):
    state = of_two_groups(AT)[3]
    state = with_record(state, plan=record_in(state)["plan"].replace("cosine(to=0.1)", "their_shape(to=0.1)"))
    optimizer, scheduler, *_ = of_two_groups()

    scheduler.load_state_dict(state)
    run(optimizer, 1)

    assert used(optimizer) == [planned(OLD, list(BASES), steps_per_epoch=10)[AT]]
    assert "their_shape" in caplog.text
    with pytest.raises(PlanChanged, match="their_shape"):
        of_two_groups(on_change="error")[1].load_state_dict(state)


def test_a_plan_with_a_predicate_is_compared_with_a_plan_with_text(caplog):
    predicate = CASES["function"].old
    state = of_two_groups(AT)[3]
    strict, scheduler = (of_two_groups(plan=predicate, on_change=choice)[1] for choice in ("error", "new"))

    with pytest.raises(PlanChanged, match="lr: warmup"):
        strict.load_state_dict(state)
    scheduler.load_state_dict(state)

    assert (strict.t, scheduler.t) == (0, AT)
    assert "lr: warmup" in caplog.text


@table(
    ("value", "loads_first"),
    itertools.product(
        [np.int64(7), np.int32(7), 7.0, np.float64(7.0), np.array(7), torch.tensor(7), torch.tensor(7.0)], [True, False]
    ),
)
def test_a_count_that_another_library_has_stored_as_another_type_is_read(value, loads_first):
    state = of_two_groups(AT)[2]
    optimizer = probe(*BASES)
    for group in state["param_groups"]:
        group["paramsched_t"] = value
    if loads_first:
        optimizer.load_state_dict(state)

    scheduler = ps.Scheduler(optimizer, OLD, steps_per_epoch=10)
    if not loads_first:
        optimizer.load_state_dict(state)

    assert scheduler.t == AT
    assert [type(group["paramsched_t"]) for group in optimizer.param_groups] == [int] * len(BASES)
