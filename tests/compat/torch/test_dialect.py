"""The dialect of torch against torch's own schedulers, and schedulers in files of other programs."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch.optim import lr_scheduler as peers

import paramsched as ps
from paramsched.compat.torch import plans as dialect
from paramsched.core import files as config

LR, STEPS = 0.4, 45


def built(data, optimizer):
    """torch's scheduler of a class with its arguments."""
    ((name, arguments),) = data.items()
    arguments = dict(arguments)
    if "schedulers" in arguments:
        arguments["schedulers"] = [built(one, optimizer) for one in arguments["schedulers"]]
    return getattr(peers, name)(optimizer=optimizer, **arguments)


def stepped(data, steps=STEPS, lr=LR):
    """lr and momentum before each step."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr, momentum=0.9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = built(data, optimizer)
        rows = []
        for t in range(steps):
            group = optimizer.param_groups[0]
            rows.append((group["lr"], group["momentum"]))
            if t < steps - 1:
                scheduler.step()
    return np.array(rows, dtype=float)


def planned(plan, steps=STEPS, lr=LR, calendar=None):
    found = ps.trace(plan, {"lr": lr, "momentum": 0.9}, calendar or ps.Calendar(total=steps))
    return found["lr", 0], (found["momentum", 0] if "momentum" in str(plan) else np.full(len(found), 0.9))


COUNTS = st.integers(1, 30)


GAMMAS = st.sampled_from([0.1, 0.5, 0.97, 1.0])


FLOORS = st.sampled_from([0.0, 1e-3, 0.05])


def one_of_class(name, **arguments):
    return st.fixed_dictionaries({name: st.fixed_dictionaries(arguments)})


FACTORS = [
    one_of_class("StepLR", step_size=COUNTS, gamma=GAMMAS),
    one_of_class("MultiStepLR", milestones=st.lists(st.integers(0, 50), max_size=4), gamma=GAMMAS),
    one_of_class("ConstantLR", factor=st.sampled_from([0.1, 0.5, 1.0]), total_iters=COUNTS),
    one_of_class(
        "LinearLR", start_factor=st.sampled_from([1e-3, 0.5, 1.0]), end_factor=st.sampled_from([0.1, 1.0]),
        total_iters=COUNTS,
    ),
    one_of_class("ExponentialLR", gamma=GAMMAS),
]  # fmt: skip


STAGES = [
    *FACTORS,
    one_of_class("PolynomialLR", total_iters=COUNTS, power=st.sampled_from([0.5, 1.0, 2.0])),
    one_of_class("CosineAnnealingLR", T_max=COUNTS, eta_min=FLOORS),
    one_of_class("CosineAnnealingWarmRestarts", T_0=COUNTS, T_mult=st.integers(1, 3), eta_min=FLOORS),
]


CYCLES = [
    one_of_class(
        "CyclicLR", base_lr=st.just(0.01), max_lr=st.just(0.3), step_size_up=COUNTS, step_size_down=COUNTS,
        mode=st.sampled_from(["triangular", "triangular2", "exp_range"]), gamma=GAMMAS,
    ),
    one_of_class(
        "OneCycleLR", max_lr=st.just(0.7), total_steps=st.just(STEPS), pct_start=st.sampled_from([0.2, 0.3, 0.41]),
        anneal_strategy=st.sampled_from(["cos", "linear"]), three_phase=st.booleans(),
    ),
]  # fmt: skip


@st.composite
def compositions(draw):
    members = draw(st.lists(st.one_of(STAGES), min_size=2, max_size=3))
    times = sorted(
        draw(st.lists(st.integers(1, 40), min_size=len(members) - 1, max_size=len(members) - 1, unique=True))
    )
    return {"SequentialLR": {"schedulers": members, "milestones": times}}


CHAINS = st.lists(st.one_of(FACTORS), min_size=2, max_size=3).map(
    lambda found: {"ChainedScheduler": {"schedulers": found}}
)


FLOORED = st.fixed_dictionaries({"CosineAnnealingLR": st.fixed_dictionaries({"T_max": st.just(60), "eta_min": FLOORS})})


FLOORED_CHAINS = st.tuples(st.one_of(FACTORS), FLOORED).map(lambda two: {"ChainedScheduler": {"schedulers": list(two)}})


RUNS = st.one_of(*STAGES, *CYCLES, compositions(), CHAINS, FLOORED_CHAINS)


@given(data=RUNS)
@example(data={"CosineAnnealingLR": {"T_max": 10, "eta_min": 0.01}})
@example(
    data={"SequentialLR": {"schedulers": [{"LinearLR": {}}, {"CosineAnnealingLR": {"T_max": 40}}], "milestones": [5]}}
)
def test_a_plan_has_torchs_values_at_every_step(data):
    expected = stepped(data)

    rate, momentum = planned(dialect.to_plan(data, calendar=ps.Calendar(total=STEPS)))

    # Recursions of a cosine lose digits in torch itself: divergences, torch 31.
    np.testing.assert_allclose(rate, expected[:, 0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(momentum, expected[:, 1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("data", [{"CosineAnnealingLR": {"T_max": 10, "eta_min": 0.01}}, {"StepLR": {"step_size": 7}}])
def test_a_plan_without_a_horizon_is_valid_for_a_run_of_any_length(data):
    expected = stepped(data)

    np.testing.assert_allclose(planned(dialect.to_plan(data))[0], expected[:, 0], rtol=0, atol=1e-12)


def test_a_scheduler_stepped_per_epoch_changes_only_between_epochs():
    data = {"CosineAnnealingLR": {"T_max": 9}}
    expected = stepped(data, steps=20)
    calendar = ps.Calendar(total="20 epochs", steps_per_epoch=3)

    rate, _ = planned(dialect.to_plan(data | {"interval": "epoch"}, calendar=calendar), calendar=calendar)

    np.testing.assert_allclose(rate, np.repeat(expected[:, 0], 3), rtol=0, atol=1e-12)


def test_a_plateau_needs_the_name_of_its_metric_and_reacts_as_in_torch():
    data = {"ReduceLROnPlateau": {"factor": 0.5, "patience": 1.5, "min_lr": 0.1, "cooldown": 1.5}}
    losses = [1.0, 0.9, 0.9, 0.9, 0.9, 0.95, 0.95, 0.95, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8]
    plan = dialect.to_plan(data | {"monitor": "loss"}, base=LR)
    ours = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR)
    theirs = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR)
    scheduler, peer = ps.Scheduler(ours, plan), built(data, theirs)
    for loss in losses:
        scheduler.observe(loss=loss)
        ours.step()
        theirs.step()
        peer.step(loss)
        assert ours.param_groups[0]["lr"] == pytest.approx(theirs.param_groups[0]["lr"], rel=1e-12)


def test_a_file_is_read_by_its_format(tmp_path):
    (tmp_path / "run.yaml").write_text("{type: StepLR, step_size: 30, interval: epoch, horizon: 90 epochs}\n")

    plan = ps.load(tmp_path / "run.yaml", format="torch")

    assert plan == ps.Plan(lr='step("30 epochs")', horizon="90 epochs")
    with pytest.raises(ps.errors.ConfigError, match=r"looks like a config of torch"):
        ps.load(tmp_path / "run.yaml")


def in_form(data, form):
    """A class with its arguments as Hydra or Lightning writes it."""
    ((name, arguments),) = data.items()
    arguments = {
        key: [in_form(one, form) for one in value] if key == "schedulers" else value for key, value in arguments.items()
    }
    path = f"torch.optim.lr_scheduler.{name}"
    if form == "hydra":
        return {"_target_": path, "_partial_": True, "_convert_": "all", **arguments}
    return {"class_path": path, "init_args": arguments}


PLACES = {
    "lr_scheduler": lambda one: {"lr_scheduler": one},
    "scheduler": lambda one: {"scheduler": one, "optimizer": {"_target_": "torch.optim.Adam", "lr": LR}},
    "interval in it": lambda one: {"lr_scheduler": {**one, "interval": "step"}, "trainer": {"max_epochs": 3}},
    "interval beside it": lambda one: {"scheduler": one, "interval": "step", "trainer": {"max_epochs": 3}},
    "Lightning's dict": lambda one: {"lr_scheduler": {"scheduler": one, "interval": "step", "frequency": 1}},
    "in a model": lambda one: {"model": {"net": {}, "scheduler": one, "interval": "step"}},
    "in a model's arguments": lambda one: {"model": {"init_args": {"lr_scheduler": {**one, "interval": "step"}}}},
    "in a list": lambda one: {"run": [{"_call_": "train", "scheduler": one, "interval": "step"}]},
    "by a reference": lambda one: {"variables": {"s": [one]}, "scheduler": "${variables.s[0]}", "interval": "step"},
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("form", ["hydra", "lightning"])
@given(data=st.one_of(*STAGES))
def test_the_forms_of_hydra_and_lightning_give_the_same_scheduler(place, form, data):
    written = in_form(data, form)
    if place in ("lr_scheduler", "scheduler"):
        written.pop("_partial_", None)

    found = dialect.to_plan(PLACES[place](written))

    assert found == dialect.to_plan(data)


@given(data=st.one_of(*STAGES), epoch=st.integers(1, 4))
def test_a_file_of_lightning_cli_steps_once_per_epoch(data, epoch):
    config = {
        "trainer": {"max_epochs": STEPS},
        "optimizer": {"class_path": "torch.optim.SGD", "init_args": {"lr": LR, "momentum": 0.9}},
        "lr_scheduler": in_form(data, "lightning"),
    }
    theirs = stepped(data)

    ours, _ = planned(dialect.to_plan(config), STEPS * epoch, calendar=ps.Calendar(steps_per_epoch=epoch))

    np.testing.assert_allclose(ours, np.repeat(theirs[:, 0], epoch), rtol=1e-9, atol=1e-15)
    assert dialect.bases_of(config, None).groups == ({"lr": LR, "momentum": 0.9},)


def test_lightning_steps_a_scheduler_once_per_epoch_by_default():
    types = pytest.importorskip("lightning.pytorch.utilities.types")

    assert types.LRSchedulerConfig(scheduler=None).interval == "epoch"


def test_an_environment_variable_is_rejected_with_its_location():
    text = "scheduler:\n  _target_: torch.optim.lr_scheduler.StepLR\n  step_size: ${oc.env:STEPS}\n"

    with pytest.raises(ps.errors.ConfigError, match=r"torch text:3:14: \$\.scheduler\.step_size: "):
        config.loads(text, "torch")
