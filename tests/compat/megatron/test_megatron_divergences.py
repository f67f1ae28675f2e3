"""The rows of `docs/reference/divergences.md`, "Megatron": our class passes, Megatron's is a strict xfail.

Rows in which both behave alike run with both classes.
"""

import copy
from types import SimpleNamespace
from typing import Any

import pytest

from compat.clones import import_peer
from compat.megatron.peer import MEGATRON
from paramsched.compat import megatron as ours
from paramsched.errors import AssertedArgument

ARGUMENTS = {
    "init_lr": 0.0,
    "max_lr": 1.0,
    "min_lr": 0.1,
    "lr_warmup_steps": 10,
    "lr_decay_steps": 100,
    "lr_decay_style": "cosine",
    "start_wd": 0.0,
    "end_wd": 0.0,
    "wd_incr_steps": 100,
    "wd_incr_style": "linear",
}


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> Any:
    if request.param == "paramsched":
        return ours.OptimizerParamScheduler
    return import_peer(*MEGATRON).OptimizerParamScheduler


both = pytest.mark.parametrize("kind", ["paramsched", "Megatron"], indirect=True)


def row(number: int) -> pytest.MarkDecorator:
    """Run a test with both classes; Megatron's must fail."""
    reason = f"docs/reference/divergences.md, Megatron, row {number}"
    peer = pytest.param("Megatron", marks=pytest.mark.xfail(strict=True, reason=reason))
    return pytest.mark.parametrize("kind", ["paramsched", peer], indirect=True)


def built(kind: Any, *groups: dict[str, Any], at: int = 0, **arguments: Any) -> Any:
    scheduler = kind(SimpleNamespace(param_groups=list(groups) or [{}]), **{**ARGUMENTS, **arguments})
    scheduler.step(at)
    return scheduler


def first(scheduler: Any, entry: str = "lr") -> Any:
    return scheduler.optimizer.param_groups[0][entry]


def plain_state(**changes: Any) -> dict[str, Any]:
    """A state of Megatron's class."""
    state = {name: value for name, value in ARGUMENTS.items() if name != "init_lr"}
    return {**state, "num_steps": 50, **changes}


@row(1)
def test_loading_restores_the_weight_decay_before_it_is_written(kind: Any) -> None:
    scheduler = built(kind, start_wd=0.5, end_wd=0.5)

    scheduler.load_state_dict(plain_state(end_wd=0.1))

    assert first(scheduler, "weight_decay") == scheduler.get_wd() == 0.05


@row(2)
def test_loading_into_a_scheduler_that_has_stepped_restores_the_count(kind: Any) -> None:
    scheduler = built(kind, at=30)

    scheduler.load_state_dict(plain_state())

    assert scheduler.num_steps == 50


@row(3)
def test_an_override_restores_the_bounds_of_the_groups(kind: Any) -> None:
    groups = {"max_lr": 1.0}, {}
    saved = copy.deepcopy(built(kind, *groups, at=50).optimizer.param_groups)
    flags = {"override_opt_param_scheduler": True, "use_checkpoint_opt_param_scheduler": False}
    scheduler = built(kind, {"max_lr": 0.5}, {}, max_lr=0.5, **flags)

    scheduler.optimizer.param_groups[:] = saved  # the optimizer's state is loaded first
    scheduler.load_state_dict(plain_state())

    assert [group["lr"] for group in saved] == [pytest.approx(0.334729635533386)] * 2
    assert "max_lr" not in saved[1]


@both
def test_bounds_that_megatrons_checkpoint_writes_are_used(kind: Any) -> None:  # row 4
    flags = {"override_opt_param_scheduler": True, "use_checkpoint_opt_param_scheduler": False}
    scheduler = built(kind, {"max_lr": 0.2}, **flags)
    scheduler.load_state_dict(plain_state())

    for group in scheduler.optimizer.param_groups:
        group["max_lr"] = 1.0  # `load_checkpoint` writes args.lr into all groups
    scheduler.step(increment=0)

    assert first(scheduler) == pytest.approx(0.628142241422)


@row(5)
def test_a_state_of_wsd_needs_its_length(kind: Any) -> None:
    scheduler = built(kind, at=3)
    before = vars(scheduler) | {"group": dict(scheduler.optimizer.param_groups[0])}

    with pytest.raises(AssertionError, match="wsd_decay_steps"):
        scheduler.load_state_dict(plain_state(lr_decay_style="WSD", num_steps=90))

    assert vars(scheduler) | {"group": scheduler.optimizer.param_groups[0]} == before


@row(6)
def test_a_state_restores_the_length_and_the_style_of_wsd(kind: Any) -> None:
    saved = built(kind, lr_decay_style="WSD", wsd_decay_steps=20, lr_wsd_decay_style="linear", at=90).state_dict()
    scheduler = built(kind, lr_decay_style="WSD", wsd_decay_steps=50, lr_wsd_decay_style="cosine")

    scheduler.load_state_dict(saved)

    assert first(scheduler) == pytest.approx(0.55)


@row(6)
def test_a_state_restores_the_start_of_the_warmup(kind: Any) -> None:
    scheduler = built(kind, init_lr=0.5)

    scheduler.load_state_dict(built(kind, at=5).state_dict())

    assert first(scheduler) == 0.5


@row(6)
def test_another_start_of_the_warmup_is_compared(kind: Any) -> None:
    scheduler = built(kind, init_lr=0.5, use_checkpoint_opt_param_scheduler=False)

    with pytest.raises(AssertionError, match="initial learning rate"):
        scheduler.load_state_dict(built(kind, at=5).state_dict())


@pytest.mark.parametrize(
    ("arguments", "saved", "missing"),
    [
        ({"init_lr": 0.5}, {"num_steps": 5}, "init_lr"),
        ({"wsd_decay_steps": 50, "lr_wsd_decay_style": "cosine"}, {"lr_decay_style": "WSD"}, "wsd_decay_steps"),
    ],
)
def test_a_state_of_megatron_without_an_argument_that_acts_warns(arguments: Any, saved: Any, missing: str) -> None:
    scheduler = built(ours.OptimizerParamScheduler, **arguments)

    with pytest.warns(UserWarning, match=f"the state lacks {missing}") as warned:
        scheduler.load_state_dict(plain_state(**saved))

    assert len(warned) == 1


@row(7)
def test_wsd_needs_a_style(kind: Any) -> None:
    with pytest.raises(AssertionError, match="lr_wsd_decay_style"):
        built(kind, lr_decay_style="WSD", wsd_decay_steps=20)


@row(8)
def test_an_unknown_style_is_refused_at_construction(kind: Any) -> None:
    with pytest.raises(AssertionError, match='did you mean "cosine"'):
        built(kind, lr_decay_style="cosin")


@row(9)
def test_a_rise_of_no_length_is_refused(kind: Any) -> None:
    with pytest.raises(AssertionError, match="wd_incr_steps"):
        built(kind, wd_incr_steps=0)


@row(10)
@pytest.mark.parametrize("name", ["min_lr", "max_lr"])
def test_a_missing_bound_is_named(kind: Any, name: str) -> None:
    with pytest.raises(AssertionError, match=f"{name}=None.*expected a number"):
        built(kind, **{name: None})


@both
def test_the_inverse_square_root_falls_to_the_minimum_after_the_decay(kind: Any) -> None:  # row 11
    scheduler = built(kind, lr_decay_style="inverse-square-root", at=100)
    before = first(scheduler)
    scheduler.step(1)

    assert (before, first(scheduler)) == (pytest.approx(0.316227766), 0.1)


TRAPS = {
    12: ({"init_lr": 0.01}, {"max_lr": 0.001, "min_lr": 0.0}, {0: 0.01, 5: 0.0055, 10: 0.001}, "the warmup falls"),
    13: ({"min_lr": 0.1}, {"min_lr": 2.0}, {10: 1.0, 55: 1.5, 100: 2.0}, "the decay rises"),
    14: (
        {"lr_decay_style": "WSD", "wsd_decay_steps": 95, "lr_wsd_decay_style": "linear"},
        {},
        {9: 0.9, 10: 1.0, 11: 0.943157894737},
        "inside the warmup",
    ),
    15: ({"start_wd": 0.1, "end_wd": 0.1}, {"weight_decay": 0.0}, {0: 0.0}, '"wd_mult": 0.0'),
}


@both
@pytest.mark.parametrize("number", TRAPS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_trap_has_megatrons_values(kind: Any, number: int) -> None:
    arguments, group, values, _ = TRAPS[number]
    scheduler = built(kind, dict(group), **arguments)

    found = {}
    for n in values:
        scheduler.step(n - scheduler.num_steps)
        found[n] = first(scheduler)

    assert found == pytest.approx(values)
    assert first(scheduler, "weight_decay") == arguments.get("end_wd", 0.0)


@pytest.mark.parametrize("number", TRAPS)
def test_a_trap_warns_once(number: int) -> None:
    arguments, group, _, message = TRAPS[number]

    with pytest.warns(UserWarning, match=message) as warned:
        built(ours.OptimizerParamScheduler, dict(group), **arguments)

    assert len(warned) == 1
    assert warned[0].filename == __file__


@pytest.mark.parametrize("entry", [{"wd_mult": 0.0}, {"start_wd": 0.0, "end_wd": 0.0}])
def test_a_group_that_is_exempt_from_weight_decay_keeps_0(entry: dict[str, float]) -> None:
    group = {"weight_decay": 0.0, **entry}

    built(ours.OptimizerParamScheduler, group, start_wd=0.1, end_wd=0.1, at=50)

    assert group["weight_decay"] == 0.0


@row(16)
def test_lr_mult_multiplies_the_written_lr(kind: Any) -> None:
    scheduler = built(kind, {"lr_mult": 0.5}, at=55)

    assert first(scheduler) == 0.5 * scheduler.get_lr(scheduler.optimizer.param_groups[0])


@both
def test_an_override_with_a_shorter_run_is_at_the_minimum(kind: Any) -> None:  # row 17
    flags = {"override_opt_param_scheduler": True, "use_checkpoint_opt_param_scheduler": False}
    scheduler = built(kind, lr_warmup_steps=5, lr_decay_steps=50, **flags)

    scheduler.load_state_dict(plain_state(num_steps=55))

    assert first(scheduler) == 0.1


@both
def test_a_count_that_megatron_sets_is_used(kind: Any) -> None:  # row 18
    scheduler = built(kind, at=20)

    scheduler.num_steps = 55
    scheduler.step(increment=0)

    assert first(scheduler) == pytest.approx(0.55)


@row(19)
def test_a_failed_load_changes_nothing(kind: Any) -> None:
    scheduler = built(kind, use_checkpoint_opt_param_scheduler=False, at=20)
    before = {**vars(scheduler), "group": dict(scheduler.optimizer.param_groups[0])}

    with pytest.raises(AssertionError, match="total number of iterations do not match"):
        scheduler.load_state_dict(plain_state(lr_decay_steps=200, end_wd=0.1))
    with pytest.raises(AssertionError, match="end weight decay do not match"):
        scheduler.load_state_dict(plain_state(end_wd=0.1))

    assert {**vars(scheduler), "group": scheduler.optimizer.param_groups[0]} == before


ASSERTED = [
    ("min_lr", {"min_lr": -0.1}),
    ("max_lr", {"max_lr": 0.05}),
    ("init_lr", {"init_lr": 2.0}),
    ("lr_decay_steps", {"lr_decay_steps": 0, "lr_warmup_steps": -1}),
    ("lr_warmup_steps", {"lr_warmup_steps": 100}),
    ("start_wd", {"start_wd": -0.1}),
    ("end_wd", {"start_wd": 0.1}),
    ("override_opt_param_scheduler", {"override_opt_param_scheduler": True}),
    ("wsd_decay_steps", {"lr_decay_style": "WSD", "lr_wsd_decay_style": "linear"}),
    ("wd_incr_style", {"wd_incr_style": "constant", "end_wd": 0.1}),
]


@both
@pytest.mark.parametrize(("name", "arguments"), ASSERTED)
def test_both_assert(kind: Any, name: str, arguments: dict[str, Any]) -> None:
    group = {"lr": 7.0}

    with pytest.raises(AssertionError) as error:
        built(kind, group, **arguments)

    if isinstance(error.value, AssertedArgument):
        assert error.value.problem.argument == name
        assert error.value.problem.advice
        assert group == {"lr": 7.0}
