"""Arguments, optimizers and comparisons of the programs that tests of drop-ins draw.

They are generated from `random`, because Hypothesis takes ten times as long for each program.
"""

import copy
import pickle
import warnings
from collections import Counter
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import torch

from support.torch_cases import DROP_IN, decaying, harmonic


class Own(torch.optim.NAdam):
    """A user's optimizer."""


OPTIMIZERS = [
    lambda groups: torch.optim.SGD(groups, lr=0.1, momentum=0.7),
    lambda groups: torch.optim.RMSprop(groups, lr=0.1, momentum=0.5),
    lambda groups: torch.optim.Adam(groups, lr=0.1),
    lambda groups: torch.optim.AdamW(groups, lr=0.1, betas=(0.8, 0.95)),
    lambda groups: Own(groups, lr=0.1),
]


class Draw(Random):
    """The values of arguments."""

    groups = 1

    def flag(self) -> bool:
        return self.random() < 0.5

    def length(self) -> int:
        return self.randint(1, 9)

    def share(self) -> float:
        return self.choice([1, 1.0, self.uniform(0.05, 1.0)])

    def low(self) -> float:
        return self.choice([0, 0.0, self.uniform(0.0, 0.05)])

    def gamma(self) -> float:
        return self.choice([0.1, 0.5, 0.97, 1.0, 1.25, -0.5])

    def lr(self) -> float:
        return self.uniform(0.01, 1.0)

    def count(self) -> int:
        return self.randint(0, 3)

    def function(self) -> Any:
        return self.choice([decaying, harmonic])

    def shares(self) -> Any:
        return self.choice([self.share(), [self.share() for _ in range(self.groups)]])

    def lows(self) -> Any:
        return self.choice([self.low(), [self.low() for _ in range(self.groups)]])

    def functions(self) -> Any:
        return self.choice([self.function(), [self.function() for _ in range(self.groups)]])


# The required and the optional arguments of each class. Those in the third dict are set between two steps too, and so
# are the attributes in it that are no arguments.
CLASSES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "StepLR": ({"step_size": Draw.length}, {"gamma": Draw.gamma}, {"step_size": Draw.length, "gamma": Draw.gamma}),
    "MultiStepLR": (
        {"milestones": lambda d: [d.randint(0, 12) for _ in range(d.randint(0, 4))]},
        {"gamma": Draw.gamma},
        {"gamma": Draw.gamma, "milestones": lambda d: Counter([d.randint(0, 12), d.randint(0, 12)])},
    ),
    "ConstantLR": ({}, {"factor": Draw.share, "total_iters": Draw.length}, {}),
    "LinearLR": (
        {},
        {"start_factor": Draw.share, "end_factor": lambda d: d.choice([0, d.share()]), "total_iters": Draw.length},
        {},
    ),
    "ExponentialLR": ({"gamma": Draw.gamma}, {}, {"gamma": Draw.gamma}),
    "PolynomialLR": ({}, {"total_iters": Draw.length, "power": lambda d: d.choice([1, 0.5, 2.0, 3])}, {}),
    "CosineAnnealingLR": ({"T_max": Draw.length}, {"eta_min": Draw.low}, {"T_max": Draw.length}),
    "CosineAnnealingWarmRestarts": (
        {"T_0": Draw.length},
        {"T_mult": lambda d: d.randint(1, 3), "eta_min": Draw.low},
        {"T_mult": lambda d: d.randint(1, 3), "eta_min": Draw.low, "T_i": Draw.length, "T_cur": Draw.lr},
    ),
    "CyclicLR": (
        {"base_lr": Draw.lows, "max_lr": Draw.shares},
        {
            "step_size_up": lambda d: d.length() + d.choice([0, 0, 0.25, 1 / 3]),
            "step_size_down": lambda d: d.choice([None, 0, d.length(), d.length() + 0.5]),
            "mode": lambda d: d.choice(["triangular", "triangular2", "exp_range"]),
            "gamma": lambda d: d.choice([0.9, 1.0, 1.1]),
            "scale_fn": lambda d: d.choice([None, decaying, harmonic]),
            "scale_mode": lambda d: d.choice(["cycle", "iterations"]),
            "cycle_momentum": Draw.flag,
            "base_momentum": Draw.shares,
            "max_momentum": Draw.shares,
        },
        {
            "total_size": lambda d: d.randint(2, 20),
            "step_ratio": lambda d: d.choice([0.25, 0.5, 0.75]),
            "cycle_momentum": lambda d: False,
            "max_lrs": lambda d: [d.lr() for _ in range(d.groups)],
        },
    ),
    "OneCycleLR": (
        {"max_lr": Draw.shares},
        {
            "pct_start": lambda d: d.choice([0.1, 0.3, 0.45]),
            "anneal_strategy": lambda d: d.choice(["cos", "linear"]),
            "cycle_momentum": Draw.flag,
            "base_momentum": Draw.shares,
            "max_momentum": Draw.shares,
            "div_factor": lambda d: d.choice([2, 25.0, 0.5]),
            "final_div_factor": lambda d: d.choice([3, 1e4, 0.5]),
            "three_phase": Draw.flag,
        },
        {"cycle_momentum": lambda d: False, "_anneal_func_type": lambda d: d.choice(["cos", "linear"])},
    ),
    "LambdaLR": ({"lr_lambda": Draw.functions}, {}, {}),
    "MultiplicativeLR": ({"lr_lambda": Draw.functions}, {}, {}),
    "SWALR": (
        {"swa_lr": Draw.lows},
        {"anneal_epochs": lambda d: d.randint(0, 9), "anneal_strategy": lambda d: d.choice(["cos", "linear"])},
        {"anneal_epochs": Draw.length},
    ),
    "ReduceLROnPlateau": (
        {},
        {
            "mode": lambda d: d.choice(["min", "max"]),
            "factor": lambda d: d.choice([0.1, 0.5, 0.9, 0]),
            "patience": Draw.count,
            "threshold": lambda d: d.choice([1e-4, 0.1, 0]),
            "threshold_mode": lambda d: d.choice(["rel", "abs"]),
            "cooldown": Draw.count,
            "min_lr": Draw.lows,
            "eps": lambda d: d.choice([1e-8, 0.05, 0]),
        },
        {
            "factor": lambda d: d.choice([0.1, 0.5]),
            "patience": Draw.count,
            "cooldown": Draw.count,
            "threshold": Draw.low,
            "eps": Draw.low,
            "threshold_mode": lambda d: d.choice(["rel", "abs"]),
            "best": Draw.lr,
            "num_bad_epochs": Draw.count,
            "cooldown_counter": Draw.count,
        },
    ),
}


def generated_scheduler(draw: Draw, depth: int = 2) -> tuple[Any, Any]:
    """Return the description of a scheduler or composition, and a function that builds it for an optimizer."""
    form = draw.choice(["one", "chain", "sequence"]) if depth else "one"
    if form == "one":
        name = draw.choice([name for name in CLASSES if name != "ReduceLROnPlateau"])
        required, optional, _ = CLASSES[name]
        options = {key: value(draw) for key, value in (required | optional).items() if key in required or draw.flag()}
        fixed_options = {
            "OneCycleLR": {"total_steps": 60},
            # The base of a group that is added while the factor is 0 is unknown.
            "CosineAnnealingLR": {"T_max": draw.randint(10, 20)},
            "LinearLR": {"end_factor": 0.3},
            "PolynomialLR": {"total_iters": draw.randint(25, 30)},
        }
        options |= fixed_options.get(name, {})
        return (name, options), lambda optimizer: getattr(DROP_IN, name)(optimizer, **_for_groups(options, optimizer))
    members = [generated_scheduler(draw, depth - 1) for _ in range(draw.randint(1, 3))]
    texts, builds = zip(*members, strict=True)
    if form == "chain":
        return (form, texts), lambda optimizer: DROP_IN.ChainedScheduler(
            [build(optimizer) for build in builds], optimizer
        )
    milestones = sorted(draw.randint(1, 9) for _ in members[1:])
    return (form, milestones, texts), lambda optimizer: DROP_IN.SequentialLR(
        optimizer, [build(optimizer) for build in builds], [*milestones]
    )


def _for_groups(options: dict[str, Any], optimizer: Any) -> dict[str, Any]:
    """Return a copy of the arguments. Lists with one entry for each group repeat the last one for another group."""
    groups = len(optimizer.param_groups)
    return {
        key: [*value, value[-1]][:groups] if isinstance(value, list) and key != "milestones" else copy.deepcopy(value)
        for key, value in options.items()
    }


def optimizers(draw: Draw) -> Any:
    """Return a function that builds the same optimizer each time, with a number of groups."""
    optimizer_class = draw.choice(OPTIMIZERS)
    tensors = draw.random() < 0.2
    lrs = [draw.choice([0.1, 0.5, draw.lr()]) for _ in range(draw.groups)]

    def build(groups: int = draw.groups) -> Any:
        rates = [torch.tensor(lr, dtype=torch.float64) if tensors else lr for lr in [*lrs, lrs[-1]][:groups]]
        return optimizer_class([{"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr} for lr in rates])

    return build


def after_call(call: str, scheduler: Any, epoch: int, rebuilt: Callable[[], Any]) -> Any:
    """Return the scheduler after a call: a copy, or what `rebuilt` returns after it has loaded the states."""
    match call:
        case "step":
            run(scheduler.step)
        case "step to":
            run(partial(scheduler.step, epoch))
        case "copy":
            return copy.copy(scheduler)
        case "deepcopy":
            return copy.deepcopy(scheduler)
        case "pickle":
            return pickle.loads(pickle.dumps(scheduler))
        case "load":
            states = copy.deepcopy((scheduler.optimizer.state_dict(), scheduler.state_dict()))
            scheduler, _ = run(rebuilt)
            scheduler.optimizer.load_state_dict(states[0])
            run(partial(scheduler.load_state_dict, states[1]))
    return scheduler


CALLS = ["step"] * 8 + ["step to", "copy", "deepcopy", "pickle", "load"]


def run(action: Any) -> tuple[Any, set[Any]]:
    """Return the result of a function and the start of its warnings, without those that torch lacks."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = action()
    texts = [
        (UserWarning if issubclass(warning.category, UserWarning) else warning.category, str(warning.message))
        for warning in caught
    ]  # PlanWarning is a UserWarning
    own_alone = (
        "replaces constructor options",
        "an lr is no longer reduced",
        "when this state was saved",
        "saved arguments",
    )
    return result, {
        (category, text[:60]) for category, text in texts if not any(phrase in text for phrase in own_alone)
    }


def same(actual: Any, expected: Any) -> bool:
    if isinstance(expected, (list, tuple)):
        return len(actual) == len(expected) and all(map(same, actual, expected))
    if actual is None or isinstance(expected, str):
        return bool(actual == expected)
    return bool(actual == expected) or abs(float(actual) - float(expected)) <= 1e-9 * abs(float(expected)) + 1e-12
