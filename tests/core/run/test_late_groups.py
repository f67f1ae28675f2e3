"""Groups of an optimizer: late ones, factors that groups contain, and entries that are spoiled."""

import copy
import re
import warnings

import pytest
import torch

import paramsched as ps
from paramsched.errors import ParamschedError, PlanError, StateError
from support.records import record_in
from support.tables import table
from support.updates import group, planned, probe, run

PLAN = ps.Plan(lr=ps.linear(1.0, 0.0), total=100)


LR = planned(PLAN, {"lr": 0.1})


def joined(plan=PLAN, added_at=40, lr=0.05, **keywords):
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, plan, **keywords)
    run(optimizer, added_at)
    optimizer.add_param_group(group(lr=lr))
    return optimizer, scheduler


def test_the_present_lr_of_an_added_group_is_its_base_and_the_group_is_logged_once(caplog):
    optimizer, scheduler = joined()
    run(optimizer, 3)

    assert scheduler.base_lrs == [0.1, 0.05]
    assert [groups[1]["lr"] for groups in optimizer.used[-3:]] == [value / 2 for value in LR[40:43]]
    assert sum("was added at update 40" in message for message in caplog.messages) == 1


@pytest.mark.filterwarnings("ignore:base of lr in group 1. 0.05 in the checkpoint, 0.9 in the code")
def test_a_checkpoint_saved_before_the_first_step_of_a_late_group_has_its_base():
    optimizer, scheduler = joined()
    resumed = probe({}, {"lr": 0.9})
    again = ps.Scheduler(resumed, PLAN)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    alone, undisturbed = joined()

    for trained in (optimizer, resumed, alone):
        run(trained, 3)

    assert scheduler.base_lrs == again.base_lrs == undisturbed.base_lrs
    late = [[groups[1]["lr"] for groups in trained.used[-3:]] for trained in (optimizer, resumed, alone)]
    assert late[0] == late[1] == late[2]


def test_the_bases_are_those_of_the_groups_before_the_next_step_too():
    optimizer = probe({"lr": 0.1}, {"lr": 0.2}, lr=1.0)
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr=ps.cosine(), total=90))
    run(optimizer, 30)

    del optimizer.param_groups[0]
    assert scheduler.base_lrs == [0.2]
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.3})
    assert scheduler.base_lrs == [0.2, 0.3]


PLAN_OF_GROUPS = ps.Plan(lr=ps.linear(1.0, 0.0), weight_decay=ps.linear(1.0, 0.5), total=20)


def lr(base):
    return planned(PLAN_OF_GROUPS, {"lr": base, "weight_decay": 0.01})


# ---------------------------------------------------------------- optional lines

OWN = "constant(0.25, over=8) >> warmup(4, 0.25) >> cosine()"
LATER = ps.Plan(
    ps.Binding("lr", OWN, groups="head", optional=True),
    ps.Binding("weight_decay", "linear(1, 0.5)", groups="h*, tail", optional=True),
    lr="linear()",
    total=20,
)
ADDED = {"lr": 0.5, "weight_decay": 0.3, "name": "head"}


def values_of(optimizer, first=0):
    return [[(group["lr"], group["weight_decay"]) for group in groups] for groups in optimizer.used[first:]]


def grown(plan=LATER, added_at=8, updates=20, **options):
    optimizer = probe({"lr": 0.1})
    scheduler = ps.Scheduler(optimizer, plan, **options)
    run(optimizer, added_at)
    optimizer.add_param_group(group(**ADDED))
    return run(optimizer, updates - added_at), scheduler


@pytest.mark.parametrize("drive", ["optimizer", "manual"])
def test_an_optional_line_applies_from_the_update_on_at_which_its_group_is_added(drive):
    optimizer = probe({"lr": 0.1})
    scheduler = ps.Scheduler(optimizer, LATER, drive=drive)
    for t in range(20):
        if t == 8:
            optimizer.add_param_group(group(**ADDED))
            scheduler.seek(8)  # by hand, the groups are written after a step
        optimizer.step()
        if drive == "manual":
            scheduler.step()

    shown = ps.trace(LATER, [{"lr": 0.1, "weight_decay": 0.0}, ADDED])
    assert ("lr", "head") not in ps.trace(LATER, [{"lr": 0.1, "weight_decay": 0.0}]).keys()
    assert [values[0][0] for values in values_of(optimizer)] == shown["lr", 0].tolist()
    late = [values[1] for values in values_of(optimizer, 8)]
    assert late == list(zip(shown["lr", "head"][8:], shown["weight_decay", "head"][8:], strict=True))


def test_an_optional_line_whose_group_is_there_is_a_line_of_groups():
    required = ps.Plan(
        *(ps.Binding(*(binding.field, binding.schedule, binding.groups)) for binding in LATER.bindings), total=20
    )
    pairs = [(LATER, required), (LATER, LATER)]
    runs = [[probe({"lr": 0.1}, ADDED, {"name": "tail"}) for _ in pair] for pair in pairs]
    for pair, optimizers in zip(pairs, runs, strict=True):
        for plan, optimizer in zip(pair, optimizers, strict=True):
            ps.Scheduler(optimizer, plan)
            run(optimizer, 20)

    first, *rest = [values_of(optimizer) for optimizers in runs for optimizer in optimizers]
    assert all(values == first for values in rest)
    with pytest.raises(ps.errors.UnknownGroup):
        ps.Scheduler(probe(), required)


@table("line", [None, "linear()", OWN, "0.5 * linear()"])
def test_an_optional_line_changes_no_base(line):
    optional = [] if line is None else [ps.Binding("lr", line, groups="head", optional=True)]
    _, scheduler = grown(ps.Plan(*optional, lr="linear()", total=20))

    assert scheduler.base_lrs == [0.1, 0.5]


@table(
    "order",
    ["construct add optimizer", "add construct optimizer", "add optimizer construct", "construct add both",
     "construct add scheduler", "add construct scheduler"],
)  # fmt: skip
@pytest.mark.parametrize("saved", [9, 14])
@pytest.mark.filterwarnings("ignore:base of lr in .* in the checkpoint, 0.9 in the code")
def test_a_run_with_an_added_group_resumes_in_each_order(order, saved):
    whole = grown()[0]
    optimizer, scheduler = grown(updates=saved)
    states = copy.deepcopy(optimizer.state_dict()), scheduler.state_dict()
    resumed = probe({"lr": 0.9})
    for action in order.split():
        if action == "construct":
            again = ps.Scheduler(resumed, LATER)
        elif action == "add":
            resumed.add_param_group(group(**{**ADDED, "lr": 0.9} if "optimizer" in order else ADDED))
        if action in ("optimizer", "both"):
            resumed.load_state_dict(states[0])
        if action in ("scheduler", "both"):
            again.load_state_dict(states[1])
    run(resumed, 20 - saved)

    assert again.plan == LATER
    assert values_of(resumed) == values_of(whole, saved)


@pytest.mark.filterwarnings("ignore:a new Scheduler replaces one")
def test_an_optional_line_of_several_optimizers_waits_for_a_group_of_the_named_one():
    plan = ps.Plan(
        ps.Binding("lr", OWN, groups="b/head", optional=True), lr="linear()", weight_decay='like("lr")', total=20
    )
    optimizers = {"a": probe({"lr": 0.1}), "b": probe({"lr": 0.2})}
    ps.Scheduler(optimizers, plan)
    for t in range(20):
        for optimizer in optimizers.values():
            if t == 8:
                optimizer.add_param_group(group(**ADDED))
            optimizer.step()

    shown = ps.trace(
        plan, {name: [optimizer.param_groups[0] | {"lr": 0.0}, ADDED] for name, optimizer in optimizers.items()}
    )
    for name, optimizer in optimizers.items():
        actual = [values[1] for values in values_of(optimizer, 8)]
        assert actual == [
            (shown["lr", f"{name}/head"][t], shown["weight_decay", f"{name}/head"][t]) for t in range(8, 20)
        ]
    with pytest.raises(PlanError, match="an index"):
        ps.Scheduler(optimizers, ps.Plan(ps.Binding("lr", "linear()", 1, optional=True), total=9))


def copy_all(optimizer):
    optimizer.param_groups = [dict(group) for group in optimizer.param_groups]


def copy_the_last(optimizer):
    optimizer.param_groups[-1] = dict(optimizer.param_groups[-1])


def turn_round(optimizer):
    optimizer.param_groups.reverse()


@pytest.mark.parametrize("drive", ["optimizer", "manual"])
@pytest.mark.parametrize("exchange", [copy_all, copy_the_last, turn_round])
def test_a_target_receives_each_value_once_even_if_the_groups_change(drive, exchange):
    reported = []
    line = ps.linear(1.0, 0.0)
    plan = ps.Plan(ps.Binding(ps.Target("rate", 2.0, reported.append), line), lr=line, total=50)
    optimizer = probe({"lr": 0.1}, {"lr": 0.2})
    scheduler = ps.Scheduler(optimizer, plan, drive=drive)

    for t in range(40):
        if t % 3 == 1:
            exchange(optimizer)
        optimizer.step()
        scheduler.step()

    assert reported == [2.0 * plan.resolve().bindings[1].schedule(t) for t in range(41)]


PLAN_OF_FACTORS_IN_GROUPS = "lr: cosine()\nweight_decay: 1.0 * constant()\n"


def adamw(*groups):
    """Return an AdamW with these groups; each has an lr of 0.1 and a weight decay of 0.5 if it lacks one."""
    complete = [
        {"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.1, "weight_decay": 0.5, **group} for group in groups
    ]
    return torch.optim.AdamW(complete)


def warned(optimizer, plan=PLAN_OF_FACTORS_IN_GROUPS):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ps.Scheduler(optimizer, plan, total=100)
    return [str(warning.message) for warning in caught]


@table(
    ("groups", "named"),
    [
        ([{"lr_scale": 0.25}, {"lr_scale": 0.5}, {"lr_scale": 1.0}], ["lr_scale"]),
        ([{"lr_mult": 0.1}, {}], ["lr_mult"]),
        ([{"lr_multiplier": 0.1, "wd_multiplier": 0.0}, {"lr_multiplier": 1.0, "wd_multiplier": 1.0}],
         ["lr_multiplier", "wd_multiplier"]),
        ([{"weight_decay_mult": 0.0}, {}], ["weight_decay_mult"]),
        ([{"decay_mult": 0.0}, {"decay_mult": 1.0}], ["decay_mult"]),
    ],
)  # fmt: skip
def test_factors_that_nothing_applies_are_reported_with_a_line_that_applies_them(groups, named):
    optimizer = adamw(*groups)

    reported = warned(optimizer)

    assert [(re.match(r"\w+", report)[0], report[-7:]) for report in reported] == [(name, "[PS404]") for name in named]
    corrected = adamw(*groups)
    for report in reported:
        exec(re.search(r"for group in .*(?= \[PS404\])", report)[0], {"optimizer": corrected})
    assert warned(corrected) == []


@table(
    "groups",
    [
        [{"lr_scale": 0.5, "lr": 0.05}, {"lr_scale": 1.0}],  # multiplied already
        [{"lr_scale": 0.5}],
        [{"lr_scale": 0.5}, {"lr_scale": 0.5}],
        [{"lr_scale": "auto"}, {"lr_scale": None}],
        [{"lr_mul": 0.5}, {}],  # some optimizers multiply by it
        [{}, {}],
    ],
)
def test_other_factors_are_silent(groups):
    assert warned(adamw(*groups)) == []


@pytest.mark.parametrize("plan", ["weight_decay: 1.0 * constant()", "lr: cosine()"])
def test_only_factors_of_planned_fields_are_reported(plan):
    field = "lr" if plan.startswith("weight") else "wd"

    assert warned(adamw({f"{field}_mult": 0.5}, {}), plan) == []


PLAN_OF_SPOILED_GROUPS = ps.Plan(lr=ps.linear(1.0, 0.0), momentum=ps.linear(1.0, 0.9), total=20)


NAMED = ps.Plan(ps.Binding("momentum", ps.linear(1.0, 0.9), groups="head"), lr=ps.linear(1.0, 0.0), total=20)


SPOILED = [None, 0.9, (), (0.9,), "ab", (None, 0.9), ("x", 0.9), (True, 0.9), (1j, 0.9), (0.9, 0.99, 0.999)]


def without_momentum(optimizer):
    for entries in optimizer.param_groups:
        del entries["momentum"]
    return optimizer


def pair(plan=PLAN_OF_SPOILED_GROUPS):
    optimizer = without_momentum(probe({}, {"name": "head"}))
    return optimizer, ps.Scheduler(optimizer, plan)


@pytest.mark.parametrize(
    ("plan", "index"),
    [(PLAN_OF_SPOILED_GROUPS, 0), (PLAN_OF_SPOILED_GROUPS, 1), (NAMED, 1)],
    ids=["first", "second", "named"],
)
@table("betas", SPOILED)
@pytest.mark.parametrize("updates", [0, 3, 33])
@pytest.mark.filterwarnings("ignore:the plan is over after 20 updates")
def test_invalid_betas_are_rejected_before_the_step_and_repaired_ones_continue(plan, index, betas, updates):
    optimizer, scheduler = pair(plan)
    run(optimizer, updates)
    before = optimizer.param_groups[index]["betas"]

    optimizer.param_groups[index]["betas"] = betas
    for _ in range(2):
        with pytest.raises(ParamschedError, match="betas"):
            optimizer.step()
    assert len(optimizer.used) == updates

    optimizer.param_groups[index]["betas"] = before
    run(optimizer, 2)
    assert scheduler.last_epoch == updates + 2


@table("lr", [None, "0.1", float("nan"), float("inf"), 10**400, 1j, True, [0.1]])
@pytest.mark.parametrize("how", ["attached", "late"])
def test_an_lr_that_cannot_be_a_base_is_rejected_with_its_group_before_any_write(lr, how):
    optimizer = without_momentum(probe({}))
    if how == "late":
        ps.Scheduler(optimizer, PLAN_OF_SPOILED_GROUPS)
        run(optimizer, 1)
    late = {**optimizer.defaults, **group(lr=lr, name="head")}
    del late["momentum"]
    optimizer.param_groups.append(late)
    before = [dict(group) for group in optimizer.param_groups]

    with pytest.raises(PlanError, match=r"lr.* (in|of) group 'head'"):
        ps.Scheduler(optimizer, PLAN_OF_SPOILED_GROUPS) if how == "attached" else optimizer.step()

    assert [dict(group) for group in optimizer.param_groups] == before
    assert len(optimizer.used) == (how == "late")


@pytest.mark.parametrize("drive", ["optimizer", "manual"])
def test_removing_all_groups_is_detected_before_the_step(drive):
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, ONLY_LR, drive=drive)

    optimizer.param_groups.clear()
    for call in (optimizer.step if drive == "optimizer" else scheduler.step, scheduler._values, scheduler.state_dict):
        with pytest.raises(StateError, match="param_groups is empty"):
            call()
    assert optimizer.used == []
    scheduler.detach()


ONLY_LR = ps.Plan(lr=ps.linear(1.0, 0.0), total=20)


def test_a_removed_field_is_restored_by_a_checkpoint():
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN_OF_SPOILED_GROUPS)
    saved = run(optimizer, 2).state_dict()
    saved["param_groups"] = [dict(group) for group in saved["param_groups"]]
    run(optimizer, 2)
    del optimizer.param_groups[0]["lr"]

    optimizer.load_state_dict(saved)

    assert (scheduler.t, optimizer.param_groups[0]["lr"]) == (2, pytest.approx(0.1 * 18 / 20))


def test_groups_removed_by_the_closure_are_detected_after_the_step():
    optimizer = probe()
    ps.Scheduler(optimizer, ONLY_LR)

    with pytest.raises(StateError, match="param_groups is empty"):
        optimizer.step(optimizer.param_groups.clear)


@pytest.mark.filterwarnings("ignore:a new Scheduler replaces one")
def test_group_keys_that_are_not_text_are_ignored():
    optimizer = probe()
    optimizer.param_groups[0].update({5: "five", None: 1.0, ("a",): 2})

    scheduler = ps.Scheduler(optimizer, ONLY_LR)
    run(optimizer, 3)
    optimizer.load_state_dict(optimizer.state_dict())
    with pytest.raises(PlanError, match="did you mean"):
        ps.Scheduler(optimizer, ps.Plan(weight_deca=ps.cosine(), total=10))
    scheduler.detach()

    assert {5, None, ("a",)} < optimizer.param_groups[0].keys()


RISING = ps.Plan(lr=ps.linear(1.0, 0.0), momentum=ps.linear(1.0, 1.05), total=20)


@pytest.mark.parametrize("drive", ["optimizer", "manual"])
@table("late", [{"momentum": 0.99}, {"lr": float("nan")}, {"lr": None}, {"betas": (0.9,)}])
def test_a_late_group_that_the_step_refuses_does_not_prevent_a_checkpoint(drive, late):
    optimizer = probe({})
    scheduler = ps.Scheduler(optimizer, RISING, drive=drive)
    step = optimizer.step if drive == "optimizer" else scheduler.step
    step()
    bases = record_in(scheduler.state_dict())["bases"]
    added = {**group(), **late}
    optimizer.param_groups.append(added)
    before = dict(added)

    of_optimizer = optimizer.state_dict()
    of_scheduler = scheduler.state_dict()

    with pytest.raises(ParamschedError):
        step()
    assert {name: added[name] for name in before} == before or late["lr"] != late["lr"]
    assert record_in(of_scheduler)["bases"].keys() == bases.keys()
    of_optimizer["param_groups"].pop()  # as of a run that has removed the group again
    resumed = probe({})
    ps.Scheduler(resumed, RISING)
    resumed.load_state_dict(of_optimizer)
    optimizer.param_groups.pop()
    step()
    run(resumed, 1)
    assert resumed.param_groups[0]["momentum"] == optimizer.param_groups[0]["momentum"]


class Mixed(torch.optim.Optimizer):
    """Muon with an auxiliary Adam in one optimizer: its groups have different entries, and it has no defaults."""

    def __init__(self, *algorithms):
        super().__init__([self.new(algorithm) for algorithm in algorithms], {})

    @staticmethod
    def new(algorithm):
        entries = {"momentum": 0.95} if algorithm == "muon" else {"betas": (0.9, 0.95), "eps": 1e-8}
        return group(lr=0.02 if algorithm == "muon" else 3e-4, **entries)

    def step(self, closure=None):
        pass


MIXED = ps.loads("""
total: 20
lr: linear()
momentum: linear(absolute(0.85), absolute(0.95), over=10)
"betas[1]": linear(1, 0.9)
eps: linear(1, 0.5)
""")


def planned_entries(group):
    return {key: group[key] for key in ("lr", "momentum", "betas", "eps") if key in group}


@pytest.mark.parametrize("drive", ["optimizer", "manual"])
@table("algorithms", [("muon", "adam"), ("adam", "muon"), ("adam", "muon", "adam")])
def test_groups_of_two_kinds_are_scheduled_as_two_optimizers(algorithms, drive):
    def step(optimizers, scheduler):
        for _ in range(3):
            if drive == "manual":
                scheduler.step()
            else:
                run_all(optimizers)

    def run_all(optimizers):
        for optimizer in optimizers:
            optimizer.step()

    mixed = Mixed(*algorithms)
    several = {f"o{index}": Mixed(algorithm) for index, algorithm in enumerate(algorithms)}
    of_one = ps.Scheduler(mixed, MIXED, drive=drive)
    of_several = ps.Scheduler(several, MIXED, drive=drive)
    step([mixed], of_one)
    step(several.values(), of_several)
    resumed = Mixed(*algorithms)
    again = ps.Scheduler(resumed, MIXED, drive=drive)
    resumed.load_state_dict(copy.deepcopy(mixed.state_dict()))
    for optimizers, scheduler in (([mixed], of_one), (several.values(), of_several), ([resumed], again)):
        step(optimizers, scheduler)

    expected = [planned_entries(optimizer.param_groups[0]) for optimizer in several.values()]
    assert [entries["betas"][0] for entries in expected if "betas" in entries] == [0.9] * algorithms.count("adam")
    assert [planned_entries(group) for group in mixed.param_groups] == expected
    assert [planned_entries(group) for group in resumed.param_groups] == expected


@table(
    ("algorithms", "late", "second"),
    [(("muon", "adam"), "adam", None), (("muon", "adam"), "muon", None), (("muon",), "adam", "adam")],
)
def test_an_added_group_of_another_kind_continues_as_after_a_resume(algorithms, late, second):
    def started(*algorithms):
        optimizer = Mixed(*algorithms)
        optimizers = optimizer if second is None else {"a": optimizer, "b": Mixed(second)}
        return optimizer, ps.Scheduler(optimizers, MIXED, drive="optimizer" if second is None else "a")

    optimizer, scheduler = started(*algorithms)
    optimizer.step()
    optimizer.add_param_group(Mixed.new(late))
    resumed, again = started(*algorithms, late)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    run(optimizer, 3)
    run(resumed, 3)

    now = [planned_entries(group) for group in optimizer.param_groups]
    assert now == [planned_entries(group) for group in resumed.param_groups]
    added = planned_entries(Mixed.new(late))
    assert all(now[-1][key] != added[key] for key in added)
    assert again.t == scheduler.t == 4


def test_a_group_keeps_its_field_that_another_group_lacks():
    optimizer = Mixed("muon", "adam", "adam")
    ps.Scheduler(optimizer, MIXED)
    optimizer.step()
    del optimizer.param_groups[2]["eps"]

    with pytest.raises(ps.errors.UnknownField, match="eps"):
        run(optimizer, 2)


@pytest.mark.parametrize("drive", ["optimizer", "manual"])
@table(("field", "entry"), [("eps", 0.3), ("betas[0]", (0.9, 0.999)), ("weigth_decay", 0.2)])
def test_an_optional_line_of_a_field_that_no_group_has_is_logged_at_the_start(field, entry, drive, caplog):
    caplog.clear()
    optimizer = torch.optim.SGD([group(name="body")], lr=0.1)
    line = ps.Binding(field, "linear(0.5, 0.1)", "head, tail", optional=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = ps.Scheduler(optimizer, ps.Plan(line, lr="cosine()", total=9), drive=drive)
    assert [field in message for message in caplog.messages if "head, tail" in message] == [True]

    def step():
        optimizer.step()
        if drive == "manual":
            scheduler.step()

    optimizer.add_param_group(group(name="head"))
    for _ in range(3):
        step()
    key = field.partition("[")[0]
    assert key not in optimizer.param_groups[1]
    optimizer.add_param_group(group(name="tail", **{key: entry}))
    for _ in range(3):
        step()
    assert optimizer.param_groups[2][key] != entry
    assert scheduler.t == 6


def test_an_optional_line_whose_group_lacks_the_field_at_the_start_is_refused():
    optimizer = torch.optim.SGD([group(name="head")], lr=0.1)
    line = ps.Binding("eps", "linear(0.5, 0.1)", "head", optional=True)

    with pytest.raises(ps.errors.UnknownField):
        ps.Scheduler(optimizer, ps.Plan(line, lr="cosine()", total=9))


def test_an_optional_line_of_a_field_of_another_group_is_silent_at_the_start(caplog):
    optimizer = probe({"name": "body"})

    ps.Scheduler(optimizer, ps.Plan(ps.Binding("eps", "linear(0.5, 0.1)", "head", optional=True), total=9))

    assert caplog.messages == []
