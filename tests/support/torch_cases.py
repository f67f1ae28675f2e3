"""Generated torch schedulers and optimizer groups, shared by the tests of the drop-in classes."""

import warnings
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import torch
from hypothesis import strategies as st
from torch.optim import lr_scheduler
from torch.optim.swa_utils import SWALR

import paramsched.compat.torch as drop_in

TORCH = SimpleNamespace(
    **{name: getattr(lr_scheduler, name) for name in lr_scheduler.__all__}, SWALR=SWALR, __name__="torch"
)  # the name is part of the ids of tests
DROP_IN: Any = drop_in


@dataclass(frozen=True)
class Case:
    """A scheduler by name with its options; the members of a composition are also cases."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    members: tuple["Case", ...] = ()

    def build(self, module: Any, optimizer: Any) -> Any:
        members = [member.build(module, optimizer) for member in self.members]
        match self.name:
            case "SequentialLR":
                return module.SequentialLR(optimizer, members, **self.options)
            case "ChainedScheduler":
                return module.ChainedScheduler(members)
            case _:
                return getattr(module, self.name)(optimizer, **self.options)

    def __repr__(self) -> str:
        arguments = [repr(member) for member in self.members] + [f"{k}={v}" for k, v in self.options.items()]
        return f"{self.name}({', '.join(arguments)})"


def decaying(t: int) -> float:
    return 0.97**t


def harmonic(t: int) -> float:
    return 1 / (1 + 0.1 * t)


OPTIONS: dict[str, dict[str, Any]] = {
    "StepLR": {"step_size": 2, "gamma": 0.5},
    "MultiStepLR": {"milestones": [2, 5], "gamma": 0.5},
    "ConstantLR": {"factor": 0.5, "total_iters": 4},
    "LinearLR": {"start_factor": 0.2, "end_factor": 1.0, "total_iters": 6},
    "ExponentialLR": {"gamma": 0.9},
    "PolynomialLR": {"total_iters": 20, "power": 2.0},
    "CosineAnnealingLR": {"T_max": 15, "eta_min": 0.01},
    "CosineAnnealingWarmRestarts": {"T_0": 5, "T_mult": 2},
    "LambdaLR": {"lr_lambda": decaying},
    "MultiplicativeLR": {"lr_lambda": decaying},
    "OneCycleLR": {"max_lr": 0.4, "total_steps": 20},
    "CyclicLR": {"base_lr": 0.1, "max_lr": 0.3, "step_size_up": 3, "mode": "exp_range", "gamma": 0.9},
    "SWALR": {"swa_lr": 0.01, "anneal_epochs": 6},
}
"""Arguments of each class that schedules the lr by time."""


def built(module: Any, name: str, optimizer: Any) -> Any:
    """Return a scheduler of any class of torch, with the arguments of `OPTIONS`."""
    match name:
        case "ReduceLROnPlateau":
            return module.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
        case "SequentialLR":
            members = [module.LinearLR(optimizer, 0.2, 1.0, 4), module.StepLR(optimizer, 2, 0.5)]
            return module.SequentialLR(optimizer, members, [4])
        case "ChainedScheduler":
            return module.ChainedScheduler(
                [module.LinearLR(optimizer, 0.2, 1.0, 4), module.ExponentialLR(optimizer, 0.9)]
            )
        case _:
            return getattr(module, name)(optimizer, **OPTIONS[name])


lengths = st.integers(1, 12)
shares = st.floats(0.05, 1.0)
gammas = st.sampled_from([0.1, 0.5, 0.9, 0.99, 1.0, 1.5])
rates = st.floats(0.0, 0.05)
functions = st.sampled_from([decaying, harmonic])


def case(name: str, **options: Any) -> st.SearchStrategy[Case]:
    return st.fixed_dictionaries(options).map(lambda generated: Case(name, generated))


relative = st.one_of(
    case("StepLR", step_size=lengths, gamma=gammas),
    case("MultiStepLR", milestones=st.lists(st.integers(0, 15), max_size=4), gamma=gammas),
    case("ConstantLR", factor=shares, total_iters=lengths),
    case("LinearLR", start_factor=shares, end_factor=shares, total_iters=lengths),
    case("ExponentialLR", gamma=gammas),
    case("PolynomialLR", total_iters=lengths, power=st.sampled_from([0.5, 0.9, 1.0, 2.0])),
    case("MultiplicativeLR", lr_lambda=functions),
)
long_cosine = case("CosineAnnealingLR", T_max=st.integers(30, 60), eta_min=rates)
cosine = case("CosineAnnealingLR", T_max=lengths, eta_min=rates)
swa = case("SWALR", swa_lr=rates, anneal_epochs=st.integers(0, 9), anneal_strategy=st.sampled_from(["cos", "linear"]))
setting = st.one_of(
    case("LambdaLR", lr_lambda=functions),
    case("CosineAnnealingWarmRestarts", T_0=lengths, T_mult=st.integers(1, 3), eta_min=rates),
)
cycling = st.one_of(
    case(
        "CyclicLR",
        base_lr=rates,
        max_lr=st.floats(0.1, 1.0),
        step_size_up=lengths,
        step_size_down=st.none() | lengths,
        mode=st.sampled_from(["triangular", "triangular2", "exp_range"]),
        gamma=st.sampled_from([0.9, 1.0]),
        cycle_momentum=st.booleans(),
    ),
    case(
        "OneCycleLR",
        max_lr=st.floats(0.1, 1.0),
        total_steps=st.integers(30, 60),
        pct_start=st.sampled_from([0.05, 0.25, 0.3, 0.45]),
        anneal_strategy=st.sampled_from(["cos", "linear"]),
        three_phase=st.booleans(),
        cycle_momentum=st.booleans(),
    ),
)
leaves = st.one_of(relative, cosine, swa, setting, cycling)

# λ(0) of a MultiplicativeLR, cosines that turn in company and compositions in a sequence are listed divergences.
_in_sequence = st.one_of(relative, long_cosine, swa, setting).filter(lambda c: c.name != "MultiplicativeLR")
_in_chain = st.one_of(relative, long_cosine, swa)


@st.composite
def sequences(draw: Any, members: st.SearchStrategy[Case] = _in_sequence) -> Case:
    parts = draw(st.lists(members, min_size=1, max_size=3))
    count = len(parts) - 1
    milestones = sorted(draw(st.lists(st.integers(1, 20), min_size=count, max_size=count, unique=True)))
    return Case("SequentialLR", {"milestones": milestones}, tuple(parts))


def chains(members: st.SearchStrategy[Case]) -> st.SearchStrategy[Case]:
    return st.lists(members, min_size=1, max_size=3).map(lambda parts: Case("ChainedScheduler", {}, tuple(parts)))


nested = st.one_of(sequences(), chains(_in_chain), chains(st.one_of(_in_chain, chains(_in_chain), sequences())))
cases = st.one_of(leaves, nested)


def optimizer_with(lrs: list[float], optimizer_class: Any = torch.optim.SGD) -> Any:
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in lrs]
    return optimizer_class(groups, lr=0.1)


def rates_of(optimizer: Any) -> list[float]:
    return [float(group["lr"]) for group in optimizer.param_groups]


def momenta_of(optimizer: Any) -> list[float]:
    return [float(g["betas"][0] if "betas" in g else g["momentum"]) for g in optimizer.param_groups]


def quiet_step(scheduler: Any, *args: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler.step(*args)
