"""Lists of MMEngine schedulers for comparisons: generated configs, stepped as by MMEngine's Runner."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from hypothesis import reject
from hypothesis import strategies as st

EPOCHS = 12
LENGTH = 5
FIELDS = ("lr", "momentum", "weight_decay")


def optimizer_of(name: str, groups: int) -> torch.optim.Optimizer:
    """Return an SGD or Adam optimizer with one to three groups, whose values differ."""
    parameters = [
        {
            "params": [torch.nn.Parameter(torch.ones(1))],
            "lr": lr,
            "weight_decay": decay,
            **({"momentum": first} if name == "SGD" else {"betas": (first, 0.999)}),
        }
        for lr, first, decay in [(0.1, 0.9, 5e-4), (0.03, 0.8, 0.0), (2.0, 0.95, 0.1)][:groups]
    ]
    if name == "SGD":
        return torch.optim.SGD(parameters, lr=0.1, momentum=0.9, weight_decay=5e-4)
    return torch.optim.Adam(parameters, lr=0.1, betas=(0.9, 0.999), weight_decay=5e-4)


def present(optimizer: torch.optim.Optimizer) -> list[float]:
    """Return lr, momentum and weight decay of all groups."""
    return [
        float(group["betas"][0] if field == "momentum" and "betas" in group else group[field])
        for field in FIELDS
        for group in optimizer.param_groups
    ]


def run(schedulers: list, optimizer: torch.optim.Optimizer, epochs: int = EPOCHS, length: int = LENGTH) -> np.ndarray:
    """Return the values each iteration uses: a row per iteration, a column per field and group."""
    rows = []
    for _ in range(epochs):
        for _ in range(length):
            rows.append(present(optimizer))
            optimizer.step()
            for scheduler in schedulers:
                if not scheduler.by_epoch:
                    scheduler.step()
        for scheduler in schedulers:
            if scheduler.by_epoch:
                scheduler.step()
    return np.array(rows)


def built_by_original(
    configs: list[dict], optimizer: torch.optim.Optimizer, epochs: int = EPOCHS, length: int = LENGTH
) -> list:
    """Build the schedulers of a config as MMEngine's Runner does."""
    import mmengine.optim  # registers its schedulers
    from mmengine.registry import PARAM_SCHEDULERS

    assert mmengine.optim
    built = []
    for config in configs:
        complete = dict(config)
        complete.setdefault("end", epochs if config.get("by_epoch", True) else epochs * length)
        built.append(PARAM_SCHEDULERS.build(complete, default_args={"optimizer": optimizer, "epoch_length": length}))
    return built


def original_values(configs: list[dict], optimizer_name: str, groups: int) -> np.ndarray:
    """Return the values each iteration uses in MMEngine."""
    optimizer = optimizer_of(optimizer_name, groups)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return run(built_by_original(configs, optimizer), optimizer)
        except ZeroDivisionError:  # row 2: a phase of OneCycle without length
            reject()


def assert_same(actual: np.ndarray, expected: np.ndarray, optimizer_name: str, groups: int) -> None:
    """Check equality to 1e-12 of a column's largest value or base, the precision of the original's recursion."""
    bases = np.abs(np.array(present(optimizer_of(optimizer_name, groups))))
    worst = np.abs(actual - expected) / np.maximum(np.maximum(np.abs(expected).max(axis=0), bases), 1e-300)

    assert actual.shape == expected.shape
    assert worst.max(initial=0) <= 1e-12, np.argwhere(worst > 1e-12)[:5]


@st.composite
def scheduler_configs(draw: st.DrawFn, optimizer_name: str = "SGD") -> dict:
    """Draw a config of a scheduler that MMEngine computes correctly (see divergences.md)."""
    curve = draw(
        st.sampled_from(
            [
                "Constant",
                "CosineAnnealing",
                "CosineRestart",
                "Exponential",
                "Linear",
                "MultiStep",
                "OneCycle",
                "Poly",
                "Step",
            ]
        )
    )
    by_epoch = draw(st.booleans())
    convert = by_epoch and draw(st.booleans())
    longest = EPOCHS if by_epoch else EPOCHS * LENGTH
    begin = draw(st.one_of(st.just(0), st.integers(0, longest - 1)))
    config: dict = {"by_epoch": by_epoch} if not by_epoch or draw(st.booleans()) else {}
    if begin or draw(st.booleans()):
        config["begin"] = begin
    if draw(st.booleans()):
        config["end"] = draw(st.integers(begin + 1, longest + 3))
    if convert:
        config["convert_to_iter_based"] = True
    ticks = st.integers(1, max(2, longest // 2))
    factor = st.floats(0.05, 1.0)
    match curve:
        case "Constant":
            config["factor"] = draw(factor)
        case "CosineAnnealing":
            if draw(st.booleans()):
                config["T_max"] = draw(ticks)
            config |= draw(_floors(optional=True))
        case "CosineRestart":
            periods = draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
            config["periods"] = periods
            config["restart_weights"] = [draw(st.floats(0.1, 2.0)) for _ in periods]
            config |= draw(_floors(optional=False))
        case "Exponential":
            config["gamma"] = draw(st.floats(0.8, 1.0))
        case "Linear":
            config |= {"start_factor": draw(factor), "end_factor": draw(st.floats(0.0, 1.0))}
        case "MultiStep":
            config |= {"milestones": draw(st.lists(st.integers(0, longest), max_size=5)), "gamma": draw(factor)}
        case "OneCycle":
            # The full window, so that it is not stepped past its end.
            config |= {
                "eta_max": draw(st.floats(0.01, 1.0)),
                "pct_start": draw(st.floats(0.2, 0.8)),
                "anneal_strategy": draw(st.sampled_from(["cos", "linear"])),
                "div_factor": draw(st.floats(2.0, 30.0)),
                "final_div_factor": draw(st.floats(1.0, 1e4)),
                "three_phase": draw(st.booleans()),
            }
        case "Poly":
            config |= {"power": draw(st.floats(0.5, 3.0)), "eta_min": draw(st.sampled_from([0, 0.001, 0.2]))}
        case "Step":
            config |= {"step_size": draw(ticks), "gamma": draw(factor)}
    family = draw(st.sampled_from(["LR", "LR", "Momentum", "ParamScheduler"]))
    if curve == "OneCycle" and family == "Momentum":
        family = "LR"
    if family == "ParamScheduler":
        names = (
            ["lr"]
            if curve == "OneCycle"
            else ["lr", "weight_decay"] + (["momentum"] if optimizer_name == "SGD" else [])
        )
        config["param_name"] = draw(st.sampled_from(names))
    return {"type": curve + family, **config}


@st.composite
def _floors(draw: st.DrawFn, *, optional: bool) -> dict:
    kinds = ["eta_min", "eta_min_ratio"] + (["none"] if optional else [])
    which = draw(st.sampled_from(kinds))
    if which == "none":
        return {}
    return {which: draw(st.sampled_from([0.0, 0.001, 0.02, 0.3]))}


@st.composite
def lists(draw: st.DrawFn) -> tuple[list[dict], str, int]:
    """Draw one to five configs, the type of an optimizer, and its number of groups."""
    optimizer_name = draw(st.sampled_from(["SGD", "Adam"]))
    configs = draw(st.lists(scheduler_configs(optimizer_name), min_size=1, max_size=5))
    return configs, optimizer_name, draw(st.integers(1, 3))
