"""Megatron's methods on a plan, and invalid arguments."""

import logging
import math
import warnings
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from compat.megatron.peer import FALLING, lr_of_megatron, wd_of_megatron
from paramsched.compat.megatron import OptimizerParamScheduler
from paramsched.errors import AssertedArgument, InvalidArgument, MissingFact, PlanError, StateError
from support.examples import examples
from support.tables import table

COSINE = {
    "init_lr": 0.0,
    "max_lr": 1.0,
    "min_lr": 0.1,
    "lr_warmup_steps": 10,
    "lr_decay_steps": 100,
    "lr_decay_style": "cosine",
    "start_wd": 0.1,
    "end_wd": 0.1,
    "wd_incr_steps": 100,
    "wd_incr_style": "constant",
}
FACTS = ps.Calendar(batch_size=4, accumulation=2, sequence_length=16)


class Optimizer:
    """An optimizer that builds its list of groups at each access, as Megatron's do."""

    def __init__(self, *groups: dict[str, Any]) -> None:
        self._groups = groups

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return list(self._groups)


def planned(plan: ps.Plan, *groups: dict[str, Any], calendar: ps.Calendar = FACTS, **options: Any) -> Any:
    return OptimizerParamScheduler.of_plan(Optimizer(*groups), plan, calendar, **options)


# ---------------------------------------------------------------- Megatron's arguments


RUNS = [
    *({"lr_decay_style": one} for one in ("constant", "linear", "cosine", "inverse-square-root")),
    *({"lr_decay_style": "WSD", "wsd_decay_steps": 20, "lr_wsd_decay_style": one} for one in FALLING),
    {"lr_decay_style": "WSD", "wsd_decay_steps": 0, "lr_wsd_decay_style": "linear"},
    {"lr_warmup_steps": 0, "lr_decay_style": "linear"},
    {"lr_warmup_steps": 0, "lr_decay_style": "inverse-square-root"},
    {"init_lr": 0.3, "min_lr": 0.0},
    {"start_wd": 0.02, "end_wd": 0.2, "wd_incr_style": "linear"},
    {"start_wd": 0.02, "end_wd": 0.2, "wd_incr_style": "cosine", "wd_incr_steps": 60},
]


@table("changes", RUNS)
def test_every_style_follows_the_formulas_of_megatron(changes: dict[str, Any]) -> None:
    given = COSINE | changes
    group: dict[str, Any] = {}
    scheduler = OptimizerParamScheduler(Optimizer(group), **given)

    for n in range(0, 130, 5):
        assert group["lr"] == pytest.approx(lr_of_megatron(n, given), rel=1e-12, abs=1e-15), n
        assert group["weight_decay"] == pytest.approx(wd_of_megatron(n, given), rel=1e-12), n
        assert (scheduler.num_steps, scheduler.get_lr(group), scheduler.get_wd(group)) == (n, *group.values())
        scheduler.step(5)


def test_an_integer_maximum_is_a_float_in_a_state() -> None:
    scheduler = OptimizerParamScheduler(Optimizer({}), **COSINE | {"max_lr": 1})

    assert type(scheduler.state_dict()["max_lr"]) is float


@table("changes", RUNS)
def test_bounds_and_multipliers_of_a_group_apply_to_it(changes: dict[str, Any]) -> None:
    bounds = {"max_lr": 0.5, "min_lr": 0.05, "start_wd": 0.3, "end_wd": 0.3 if "end_wd" not in changes else 0.4}
    plain: dict[str, Any] = {}
    group = {**bounds, "lr_mult": 3.0, "wd_mult": 0.5}
    scheduler = OptimizerParamScheduler(Optimizer(plain, group), **{**COSINE, **changes})
    for n in range(0, 120, 15):
        given = COSINE | changes | bounds
        assert group["lr"] == pytest.approx(3 * lr_of_megatron(n, given), rel=1e-12, abs=1e-15), n
        assert group["weight_decay"] == pytest.approx(0.5 * wd_of_megatron(n, given), rel=1e-12), n
        assert plain["lr"] == pytest.approx(lr_of_megatron(n, COSINE | changes), rel=1e-12, abs=1e-15)
        scheduler.step(15)


@table("changes", RUNS)
def test_a_state_continues_the_run_of_another_scheduler(changes: dict[str, Any]) -> None:
    group: dict[str, Any] = {}
    first = OptimizerParamScheduler(Optimizer(group), **{**COSINE, **changes})
    first.step(35)
    other: dict[str, Any] = {}
    second = OptimizerParamScheduler(Optimizer(other), **{**COSINE, **changes})

    second.load_state_dict(first.state_dict())

    assert (second.num_steps, other) == (35, group)
    assert second.state_dict() == first.state_dict()
    first.step(40)
    second.step(40)
    assert other == group


@table("state", [None, 3, "x", [("num_steps", 3)]])
def test_a_state_that_is_no_mapping_is_refused(state: Any) -> None:
    with pytest.raises(StateError, match="expected a mapping, got"):
        OptimizerParamScheduler(Optimizer({}), **COSINE).load_state_dict(state)


@table("name", [name for name in COSINE if "style" not in name])
def test_text_in_place_of_a_number_is_refused(name: str) -> None:
    with pytest.raises(AssertedArgument, match=f"{name}='1'.*expected a number, got str"):
        OptimizerParamScheduler(Optimizer({}), **{**COSINE, name: "1"})


def test_a_bound_of_a_group_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(AssertedArgument, match=r'param_groups\[1\]\["min_lr"\]: expected a number, got NoneType'):
        OptimizerParamScheduler(Optimizer({}, {"min_lr": None}), **COSINE)


def messages(*groups: dict[str, Any], **changes: Any) -> list[str]:
    """Return the warnings of a constructor."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        OptimizerParamScheduler(Optimizer(*groups), **{**COSINE, **changes})
    return [str(one.message).split(":")[0] for one in caught]


WSD = {"lr_decay_style": "WSD", "lr_wsd_decay_style": "linear"}
PLAIN = {"lr": 0.0, "weight_decay": 0.1}


@table(
    ("groups", "changes", "said"),
    [
        ([PLAIN], {}, []),
        ([{**PLAIN, "max_lr": 0.5}], {"init_lr": 0.5}, []),
        ([{**PLAIN, "max_lr": 0.4}, PLAIN], {"init_lr": 0.5}, ["max_lr is less than init_lr=0.5 in param_groups[0]"]),
        ([{**PLAIN, "max_lr": 0.4}], {"init_lr": 0.5, "lr_warmup_steps": 0}, []),
        (
            [{**PLAIN, "max_lr": 0.4}],
            {"init_lr": 0.5, "lr_warmup_steps": 1},
            ["max_lr is less than init_lr=0.5 in param_groups[0]"],
        ),
        ([PLAIN, {**PLAIN, "min_lr": 2.0}], {}, ["min_lr is greater than max_lr in param_groups[1]"]),
        ([{**PLAIN, "min_lr": 1.0}], {}, []),
        ([PLAIN], {**WSD, "wsd_decay_steps": 90}, []),
        ([PLAIN], {**WSD, "wsd_decay_steps": 91}, ["the decay of WSD begins at 9, inside the warmup of 10"]),
        ([PLAIN], {"wsd_decay_steps": 99}, []),
        ([{**PLAIN, "lr_mult": 1.0}], {}, []),
        ([{**PLAIN, "lr_mult": 0.5}], {}, ["lr_mult multiplies the lr of param_groups[0]; Megatron ignores it since"]),
        (
            [{**PLAIN, "weight_decay": 0.0}, PLAIN],
            {},
            ["weight_decay was 0 in param_groups[0] and is now scheduled, as"],
        ),
        ([{**PLAIN, "weight_decay": 0.0, "wd_mult": 0.0}], {}, []),
        ([{**PLAIN, "weight_decay": 0.0}], {"start_wd": 0.0, "end_wd": 0.0}, []),
        ([{**PLAIN, "weight_decay": 0.0, "start_wd": 0.0, "end_wd": 0.0}], {}, []),
    ],
)
def test_what_megatron_accepts_by_mistake_is_warned_of_once(groups: Any, changes: Any, said: list[str]) -> None:
    found = messages(*[dict(group) for group in groups], **changes)

    assert len(found) == len(said)
    assert all(text.startswith(expected) for text, expected in zip(found, said, strict=True)), found


@table(
    ("changes", "argument"),
    [
        ({"min_lr": -0.1}, "min_lr"),
        ({"max_lr": 0.05}, "max_lr"),
        ({"init_lr": 1.1}, "init_lr"),
        ({"lr_decay_steps": 0, "lr_warmup_steps": -1}, "lr_decay_steps"),
        ({"lr_warmup_steps": 100}, "lr_warmup_steps"),
        ({"start_wd": -0.1}, "start_wd"),
        ({"end_wd": 0.05}, "end_wd"),
        ({"override_opt_param_scheduler": True}, "override_opt_param_scheduler"),
        ({"lr_decay_style": "cosin"}, "lr_decay_style"),
        ({"wd_incr_style": "up"}, "wd_incr_style"),
        ({"lr_decay_style": "WSD"}, "wsd_decay_steps"),
        ({"lr_decay_style": "WSD", "wsd_decay_steps": 20}, "lr_wsd_decay_style"),
        ({"wd_incr_style": "linear", "wd_incr_steps": 0}, "wd_incr_steps"),
        ({"max_lr": None}, "max_lr"),
    ],
)
def test_an_invalid_argument_is_named_and_nothing_is_written(changes: Any, argument: str) -> None:
    group = dict(PLAIN)

    with pytest.raises(AssertionError) as refusal:
        OptimizerParamScheduler(Optimizer(group), **{**COSINE, **changes})

    assert refusal.value.problem.argument == argument  # type: ignore[attr-defined]
    assert group == PLAIN


@table(
    "changes",
    [
        {"min_lr": 0.0},
        {"min_lr": 1.0},
        {"init_lr": 1.0},
        {"lr_warmup_steps": 99},
        {"start_wd": 0.0, "wd_incr_style": "linear"},
        {"wd_incr_steps": 0},
        {"override_opt_param_scheduler": True, "use_checkpoint_opt_param_scheduler": False},
        {"wsd_decay_steps": "x"},
    ],
)
def test_arguments_at_their_bounds_are_accepted(changes: Any) -> None:
    OptimizerParamScheduler(Optimizer(dict(PLAIN)), **{**COSINE, **changes})


OLD_KEYS = {
    "max_lr": "start_lr",
    "lr_warmup_steps": "warmup_iter",
    "lr_decay_steps": "end_iter",
    "lr_decay_style": "decay_style",
    "num_steps": "num_iters",
}


@pytest.mark.filterwarnings("ignore")
@table("mode", ["checkpoint", "override", "equal"])
def test_each_argument_comes_from_the_state_or_from_the_constructor(mode: str) -> None:
    flags = {
        "use_checkpoint_opt_param_scheduler": mode == "checkpoint",
        "override_opt_param_scheduler": mode == "override",
    }
    saved = {**COSINE, "max_lr": 2.0, "lr_warmup_steps": 20, "start_wd": 0.3, "end_wd": 0.3, "lr_decay_style": "linear"}
    state = {**saved, "num_steps": 60, "wsd_decay_steps": None, "lr_wsd_decay_style": None}
    for one in (state, {OLD_KEYS.get(key, key): value for key, value in state.items()}):
        group = dict(PLAIN)
        scheduler = OptimizerParamScheduler(Optimizer(group), **{**COSINE, **flags})
        before = {**vars(scheduler)}
        if mode == "equal":
            with pytest.raises(AssertionError, match="do not match"):
                scheduler.load_state_dict(one)
            assert {**vars(scheduler)} == before
            continue

        scheduler.load_state_dict(one)

        used = saved if mode == "checkpoint" else COSINE
        assert scheduler.num_steps == 60
        assert all(getattr(scheduler, name) == value for name, value in used.items())
        assert group["lr"] == pytest.approx(lr_of_megatron(60, used))
        assert group["weight_decay"] == pytest.approx(wd_of_megatron(60, used))


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        ({}, " > using checkpoint value 0.2 for minimum learning rate"),
        (
            {"override_opt_param_scheduler": True, "use_checkpoint_opt_param_scheduler": False},
            " > overriding minimum learning rate value to 0.1",
        ),
    ],
)
def test_the_source_of_each_argument_is_logged(
    caplog: pytest.LogCaptureFixture, flags: dict[str, bool], line: str
) -> None:
    scheduler = OptimizerParamScheduler(Optimizer({}), **COSINE | flags)
    state = scheduler.state_dict()

    with caplog.at_level(logging.INFO, "paramsched"):
        scheduler.load_state_dict({**state, "min_lr": 0.2})

    assert [one.getMessage() for one in caplog.records].count(line) == 1
    assert len(caplog.records) == len(state) - 1  # all but num_steps


@table(
    ("changes", "steps", "lacking"),
    [
        ({}, 5, "init_lr"),
        ({}, 10, ""),
        ({"override_opt_param_scheduler": True, "use_checkpoint_opt_param_scheduler": False}, 5, ""),
        ({**WSD, "wsd_decay_steps": 20}, 5, "init_lr, wsd_decay_steps, lr_wsd_decay_style"),
        ({**WSD, "wsd_decay_steps": 20}, 100, "wsd_decay_steps, lr_wsd_decay_style"),
        ({**WSD, "wsd_decay_steps": 20}, 101, ""),
    ],
)
def test_arguments_that_a_state_of_megatron_lacks_are_warned_of_if_they_matter(
    changes: Any, steps: int, lacking: str
) -> None:
    scheduler = OptimizerParamScheduler(Optimizer(dict(PLAIN)), **{**COSINE, **changes})
    state = {key: value for key, value in scheduler.state_dict().items() if "wsd" not in key and key != "init_lr"}

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scheduler.load_state_dict({**state, "num_steps": steps})

    found = [str(one.message) for one in caught]
    assert len(found) == bool(lacking)
    assert not lacking or found[0].startswith(f"the state lacks {lacking}: the values of the constructor are used")


def test_bounds_of_a_group_are_restored_only_with_the_constructors_arguments() -> None:
    kept, bare = {**PLAIN, "max_lr": 0.5}, dict(PLAIN)
    flags = {"override_opt_param_scheduler": True, "use_checkpoint_opt_param_scheduler": False}
    for override in (True, False):
        groups = dict(kept), dict(bare)
        scheduler = OptimizerParamScheduler(Optimizer(*groups), **{**COSINE, **(flags if override else {})})
        groups[0].update(max_lr=3.0)
        groups[1].update(max_lr=4.0, min_lr=0.2)

        scheduler.load_state_dict({**scheduler.state_dict(), "num_steps": 10})

        assert groups[0]["max_lr"] == groups[0]["lr"] == (0.5 if override else 3.0)
        assert ("max_lr" in groups[1]) is not override
        assert groups[1]["lr"] == (1.0 if override else 4.0)


def test_groups_with_different_weight_decays_need_a_rising_style() -> None:
    groups = {"lr": 7.0}, {"start_wd": 0.0}

    with pytest.raises(AssertedArgument, match=r"start_wd=0\.0 and end_wd=0\.1 must be equal"):
        OptimizerParamScheduler(Optimizer(*groups), **COSINE)

    assert groups[0] == {"lr": 7.0}


def test_a_decrement_below_0_is_refused_and_changes_nothing() -> None:
    group: dict[str, Any] = {}
    scheduler = OptimizerParamScheduler(Optimizer(group), **{**COSINE, "lr_warmup_steps": 0})
    before = dict(group)

    with pytest.raises(AssertedArgument, match=r"num_steps=-1.*must not be negative"):
        scheduler.step(-1)

    assert (scheduler.num_steps, group) == (0, before)


def test_a_tensor_is_filled_in_place() -> None:
    lr = torch.zeros((), dtype=torch.float64)

    OptimizerParamScheduler(Optimizer({"lr": lr}), **COSINE).step(5)

    assert lr.item() == 0.5


@pytest.mark.parametrize("missing", ["min_lr", "lr_decay_style", "num_steps"])
def test_a_state_without_a_required_key_is_refused(missing: str) -> None:
    scheduler = OptimizerParamScheduler(Optimizer({}), **COSINE)
    state = scheduler.state_dict()
    del state[missing]

    with pytest.raises(StateError, match=f"{missing} missing"):
        scheduler.load_state_dict(state)


def test_the_state_of_a_plan_is_refused_with_the_way_to_load_it() -> None:
    state = planned(ps.Plan(lr="constant()", clock="samples"), {"lr": 0.5}).state_dict()

    with pytest.raises(StateError, match=r"build the scheduler by OptimizerParamScheduler\.of_plan"):
        OptimizerParamScheduler(Optimizer({}), **COSINE).load_state_dict(state)


# ---------------------------------------------------------------- a plan


@table(
    ("clock", "length", "counts", "increment"),
    [
        ("samples", "80 samples", "samples", 40),
        ("samples", "80 samples", "updates", 5),
        ("tokens", "1280 tokens", "samples", 40),
        ("tokens", "1280 tokens", "updates", 5),
        ("updates", 10, "samples", 40),
        ("updates", 10, "updates", 5),
        ({"lr": "tokens"}, "1280 tokens", "samples", 40),
        ({"lr": "tokens"}, "1280 tokens", "updates", 5),
    ],
)
def test_each_clock_is_at_half_of_the_warmup(clock: Any, length: Any, counts: Any, increment: int) -> None:
    group = {"lr": 0.5, "weight_decay": 0.1}
    plan = ps.Plan(lr=ps.warmup(length) >> ps.constant(), weight_decay=ps.constant(0.5), clock=clock)
    scheduler = planned(plan, group, counts=counts)

    scheduler.step(increment=increment)

    assert group == {"lr": 0.25, "weight_decay": 0.05}


def test_a_planned_batch_size_converts_samples_into_updates() -> None:
    batch = ps.Binding(ps.Target("batch_size", 1), "constant(4, 2) >> constant(8)")
    group = {"lr": 1.0}
    scheduler = planned(ps.Plan(batch, lr="linear(over=10)"), group, calendar=ps.Calendar(total=10))

    found = []
    for size in (4, 4, 8, 8):
        scheduler.step(size)
        found.append(group["lr"])

    assert found == [0.9, 0.8, 0.7, 0.6]


@examples(200)
@given(st.integers(0, 99), st.sampled_from(["samples", "updates"]))
def test_values_are_those_of_the_trace(t: int, counts: Any) -> None:
    plan = ps.Plan(lr="warmup(10) >> cosine(to=0.1)", weight_decay="linear()", horizon=100)
    groups = {"lr": 0.3, "weight_decay": 0.1}, {"lr": 0.03, "weight_decay": 0.0}
    expected = ps.trace(plan, [dict(group) for group in groups])
    scheduler = planned(plan, *groups, counts=counts)

    scheduler.num_steps = t * (8 if counts == "samples" else 1)
    scheduler.step(0)

    for index, group in enumerate(groups):
        assert group == {field: expected[field, index][t] for field in ("lr", "weight_decay")}
        assert (scheduler.get_lr(group), scheduler.get_wd(group)) == (group["lr"], group["weight_decay"])
    assert scheduler.get_wd() == groups[0]["weight_decay"]


def test_max_lr_is_the_base_and_multipliers_apply_to_planned_values() -> None:
    group = {"lr": 0.0, "max_lr": 0.4, "lr_mult": 0.5, "weight_decay": 0.2, "wd_mult": 0.5}
    scheduler = planned(ps.Plan(lr="linear(over='100 samples')", weight_decay="constant()", clock="samples"), group)

    group["max_lr"] = 0.8
    scheduler.step(50)

    assert (group["lr"], group["weight_decay"], scheduler.get_lr(group)) == (0.2, 0.1, 0.4)


def test_groups_are_selected_by_name_and_other_fields_are_written() -> None:
    body, head = {"name": "body", "lr": 1.0, "betas": (0.9, 0.95)}, {"name": "head", "lr": 0.1, "betas": (0.9, 0.95)}
    plan = ps.Plan(
        ps.Binding("lr", "constant(0.5)", groups="head"),
        ps.Binding("betas[1]", "constant(absolute(0.99))"),
        clock="samples",
    )
    scheduler = planned(plan, body, head)

    assert body == {"name": "body", "lr": 1.0, "betas": (0.9, 0.99)}
    assert head == {"name": "head", "lr": 0.05, "betas": (0.9, 0.99)}
    assert scheduler.get_lr(body) == 1.0


def test_the_position_inside_an_update_of_a_plan_by_updates_is_refused() -> None:
    group = {"lr": 1.0}
    scheduler = planned(ps.Plan(lr="linear(over=10)"), group)
    scheduler.step(8)

    with pytest.raises(InvalidArgument, match=r"inside an update that ends at 16\. Use clock: samples in the plan"):
        scheduler.step(2)

    assert (scheduler.num_steps, group) == (8, {"lr": 0.9})


@pytest.mark.parametrize("steps", [-8, 0.5, math.nan])
def test_a_position_that_is_not_a_count_is_refused(steps: float) -> None:
    scheduler = planned(ps.Plan(lr="linear(over=10)"), {"lr": 1.0})

    with pytest.raises(InvalidArgument, match="expected an integer of at least 0"):
        scheduler.step(steps)


@table(
    ("clock", "counts", "fact"),
    [
        ("samples", "updates", "batch_size"),
        ("tokens", "updates", "tokens_per_step"),
        ("tokens", "samples", "sequence_length"),
        ("updates", "samples", "batch_size"),
    ],
)
def test_a_missing_fact_is_named(clock: Any, counts: Any, fact: str) -> None:
    group = {"lr": 1.0}

    with pytest.raises(MissingFact, match=fact):
        planned(ps.Plan(lr="constant(0.5)", clock=clock), group, calendar=ps.Calendar(), counts=counts)

    assert group == {"lr": 1.0}


@table(
    ("plan", "options", "message"),
    [
        (ps.Plan(lr=ps.constant() * ps.plateau("loss")), {}, "reacts to a metric"),
        (ps.Plan(lr="constant()", clock="seconds"), {}, "expected samples, tokens or updates"),
        (ps.Plan(lr="constant()"), {"counts": "tokens"}, "unknown unit"),
        (ps.Plan(lr="constant()"), {"calendar": 100}, "not a Calendar"),
        (3, {}, "expected a plan, got int"),
    ],
)
def test_what_a_count_cannot_follow_is_refused(plan: Any, options: Any, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        planned(plan, {"lr": 1.0}, **options)


def test_a_field_that_a_group_lacks_is_refused_before_any_write() -> None:
    group = {"lr": 1.0}

    with pytest.raises(PlanError, match="momentum"):
        planned(ps.Plan(lr="constant(0.5)", momentum="constant(0.9)"), group)

    assert group == {"lr": 1.0}


def test_another_number_of_groups_is_refused() -> None:
    scheduler = planned(ps.Plan(lr="constant(0.5)", clock="samples"), {"lr": 1.0})
    scheduler.optimizer = Optimizer({"lr": 1.0}, {"lr": 1.0})

    with pytest.raises(InvalidArgument, match="2 param groups instead of 1"):
        scheduler.step(1)


def test_a_group_of_another_optimizer_is_refused() -> None:
    scheduler = planned(ps.Plan(lr="constant(0.5)", clock="samples"), {"lr": 1.0})

    with pytest.raises(InvalidArgument, match="the group is not in the optimizer"):
        scheduler.get_lr({"lr": 1.0})


def test_a_state_restores_the_position() -> None:
    plan, group = ps.Plan(lr="linear(over='100 samples')", clock="samples"), {"lr": 1.0}
    saved = planned(plan, {"lr": 1.0})
    saved.step(25)
    scheduler = planned(plan, group)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler.load_state_dict(saved.state_dict())

    assert (scheduler.num_steps, group["lr"]) == (25, 0.75)
    assert saved.state_dict() == {"num_steps": 25, "plan": plan.text}


def test_a_changed_plan_warns_with_the_difference() -> None:
    state = planned(ps.Plan(lr="linear(over='100 samples')", clock="samples"), {"lr": 1.0}).state_dict() | {
        "num_steps": 25
    }
    group = {"lr": 1.0}
    scheduler = planned(ps.Plan(lr="linear(over='50 samples')", clock="samples"), group)

    with pytest.warns(UserWarning, match="the plan has changed since the checkpoint(.|\n)*50 samples"):
        scheduler.load_state_dict(state)

    assert group["lr"] == 0.5


def test_a_state_of_megatron_restores_the_position_with_one_warning() -> None:
    state = OptimizerParamScheduler(Optimizer({}), **COSINE).state_dict() | {"num_steps": 25}
    group = {"lr": 1.0}
    scheduler = planned(ps.Plan(lr="linear(over='100 samples')", clock="samples"), group)

    with pytest.warns(UserWarning, match="the state is of Megatron's scheduler") as warned:
        scheduler.load_state_dict(state)

    assert (group["lr"], len(warned)) == (0.75, 1)


def test_a_position_that_a_state_cannot_have_is_refused() -> None:
    scheduler = planned(ps.Plan(lr="linear(over=10)"), {"lr": 1.0})

    with pytest.raises(InvalidArgument, match="inside an update"):
        scheduler.load_state_dict({"num_steps": 3, "plan": None})
    with pytest.raises(StateError, match="num_steps missing"):
        scheduler.load_state_dict({"plan": None})

    assert scheduler.num_steps == 0


def test_a_group_with_lr_mult_is_named_once_at_construction() -> None:
    groups = [{"lr": 0.0, "weight_decay": 0.1}, {"lr": 0.0, "weight_decay": 0.1, "lr_mult": 0.5}]

    with pytest.warns(UserWarning, match=r"lr_mult.*1") as warned:
        scheduler = OptimizerParamScheduler(Optimizer(*groups), **COSINE)

    scheduler.step(1)
    assert len(warned) == 1
