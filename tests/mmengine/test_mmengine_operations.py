"""Any arguments, optimizer and sequence of calls and writes give the values, attributes and output of MMEngine.

The exceptions are rows of docs/reference/divergences.md.
"""

import copy
import math
import pickle
from collections import Counter
from functools import partial
from typing import Any

import mmengine.optim.scheduler as originals
import pytest
import torch
from hypothesis import settings

from paramsched.mmengine import schedulers as drop_ins
from support.generated_programs import OPTIMIZERS, Draw, run, same


def restart(draw: Draw) -> dict[str, Any]:
    size = draw.randint(1, 3)
    return {
        "periods": [draw.length() for _ in range(size)],
        "restart_weights": [draw.choice([1, draw.share()]) for _ in range(size)],
        **draw.choice([{"eta_min": draw.low()}, {"eta_min_ratio": draw.low()}]),
    }


# The required and the optional arguments of each class; an entry "" is a function of several arguments.
CLASSES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "Constant": ({}, {"factor": Draw.share}),
    "Linear": ({}, {"start_factor": Draw.share, "end_factor": lambda d: d.choice([0, d.share()])}),
    "Exponential": ({"gamma": lambda d: d.choice([0.9, 1, 1.1])}, {}),
    "Step": ({"step_size": Draw.length}, {"gamma": Draw.share}),
    "MultiStep": (
        {"milestones": lambda d: [d.randint(0, 9) for _ in range(d.randint(0, 4))]},
        {"gamma": Draw.share},
    ),
    "CosineAnnealing": (
        {},
        {"T_max": Draw.length, "": lambda d: d.choice([{"eta_min": d.low()}, {"eta_min_ratio": d.low()}])},
    ),
    "CosineRestart": ({"": restart}, {}),
    "Poly": ({}, {"power": lambda d: d.choice([0.5, 1, 2.5]), "eta_min": Draw.low}),
    "OneCycle": (
        {"eta_max": Draw.shares, "total_steps": lambda d: 40},
        {
            "pct_start": lambda d: d.choice([0.2, 0.4]),
            "anneal_strategy": lambda d: d.choice(["cos", "linear"]),
            "div_factor": lambda d: d.choice([2, 25.0]),
            "final_div_factor": lambda d: d.choice([3, 1e4]),
            "three_phase": Draw.flag,
        },
    ),
    "ReduceOnPlateau": (
        {},
        {
            "monitor": lambda d: d.choice(["loss", "acc"]),
            "rule": lambda d: d.choice(["less", "greater"]),
            "factor": lambda d: d.choice([0.1, 0.5]),
            "patience": Draw.count,
            "threshold": lambda d: d.choice([1e-4, 0.1, 0]),
            "threshold_rule": lambda d: d.choice(["rel", "abs"]),
            "cooldown": Draw.count,
            "min_value": Draw.lows,
            "eps": lambda d: d.choice([1e-8, 0.05]),
        },
    ),
}
WINDOW: dict[str, Any] = {
    "begin": Draw.count,
    "end": lambda d: d.randint(5, 14),
    "by_epoch": Draw.flag,
}
# Attributes that are set between two steps: these, and the arguments that are numbers.
NUMBERS = (
    "factor",
    "start_factor",
    "end_factor",
    "gamma",
    "step_size",
    "T_max",
    "power",
    "patience",
    "cooldown",
    "eps",
)
OTHERS: dict[str, Any] = {"begin": Draw.count, "end": lambda d: d.randint(5, 14)}
OF_RULES: dict[str, Any] = {"last_step": Draw.count, "base_values": lambda d: [d.lr() for _ in range(d.groups)]}
OF_PLATEAUS: dict[str, Any] = {
    "monitor": lambda d: d.choice(["loss", "acc"]),
    "threshold": Draw.low,
    "threshold_rule": lambda d: d.choice(["rel", "abs"]),
    "min_values": lambda d: [d.low() for _ in range(d.groups)],
    "best": Draw.lr,
    "num_bad_epochs": Draw.count,
    "cooldown_counter": Draw.count,
}


class Program:
    """A scheduler and its optimizer, which operations replace."""

    def __init__(self, module: Any, name: str, build: Any, options: dict[str, Any]) -> None:
        self.module = module
        self.name = name
        self.build = build
        self.options = options
        self.begin()

    def begin(self) -> None:
        self.optimizer = self.build()
        self.scheduler = getattr(self.module, self.name)(self.optimizer, **copy.deepcopy(self.options))
        self.attributes = sorted(vars(self.scheduler))

    def load(self, state: Any, of_optimizer: Any) -> None:
        self.begin()
        self.scheduler.load_state_dict(state)
        self.optimizer.load_state_dict(of_optimizer)

    def states(self) -> tuple[Any, Any]:
        return copy.deepcopy((self.scheduler.state_dict(), self.optimizer.state_dict()))

    def do(self, operation: tuple[Any, ...]) -> None:
        scheduler = self.scheduler
        groups = self.optimizer.param_groups
        match operation:
            case ("step",):
                self.optimizer.step()
                scheduler.step()
            case ("measure", metrics):
                scheduler.step(metrics)
            case ("write", field, index, value):
                group = groups[index]
                group |= {"betas": (value, 0.999)} if field == "momentum" and "betas" in group else {field: value}
            case ("write a base", index, value):
                scheduler.base_values[index] = value
            case ("set", key, value):
                setattr(scheduler, key, copy.copy(value))
            case ("copy",):
                self.scheduler = copy.deepcopy(scheduler)
                self.optimizer = self.scheduler.optimizer
            case ("pickle",):
                self.scheduler = pickle.loads(pickle.dumps(scheduler))
                self.optimizer = self.scheduler.optimizer
            case ("load",):
                self.load(*self.states())

    def numbers(self) -> dict[str, Any]:
        """Return the numbers in the groups, and those that the scheduler reports."""
        rows = {
            f"{key} of group {index}": value
            for index, group in enumerate(self.optimizer.param_groups)
            for key, value in group.items()
            if isinstance(value, (float, int, tuple))
        }
        return rows | {"last": self.scheduler.get_last_value()}


def differences(drop_in: Program, reference: Program) -> dict[str, Any]:
    rows = drop_in.numbers()
    expected = reference.numbers()
    actual = {
        key: (rows.get(key), value) for key, value in expected.items() if key not in rows or not same(rows[key], value)
    }
    state = drop_in.scheduler.state_dict()
    for key in reference.attributes:
        value = vars(reference.scheduler)[key]
        held = vars(drop_in.scheduler).get(key)
        if key in ("best", "rule_worse") and abs(value) == 10**9:
            value = math.copysign(math.inf, value)  # row 6
        numbers = isinstance(value, list) and all(isinstance(element, (int, float)) for element in value)
        if numbers or isinstance(value, (int, float, str, Counter)):
            alike = held == value if isinstance(value, (str, Counter)) else key in state and same(held, value)
            if not alike:
                actual[key] = held, value
    return actual


def operations_of(draw: Draw, name: str, arguments: dict[str, Any]) -> list[Any]:
    plateau = "Plateau" in name
    kinds = ["step"] * 8 + ["copy", "pickle", "load", "exchange", "write"]
    kinds += ["measure"] * 8 if plateau else ["write a base"]
    settable = (
        {key: arguments[key] for key in NUMBERS if key in arguments} | OTHERS | (OF_PLATEAUS if plateau else OF_RULES)
    )
    kinds += ["set"] * 2
    actual: list[Any] = []
    for _ in range(draw.randint(4, 16)):
        match draw.choice(kinds):
            case "measure":
                actual.append(("measure", {"loss": draw.lr(), "acc": draw.lr(), "other": 1}))
            case "write":
                field = draw.choice(["lr", "weight_decay"])
                actual.append(("write", field, draw.randrange(draw.groups), draw.lr()))
            case "write a base":
                actual.append(("write a base", draw.randrange(draw.groups), draw.lr()))
            case "set":
                key = draw.choice([*settable])
                actual.append(("set", key, settable[key](draw)))
            case operation:
                actual.append((operation,))
    return actual


def _group(lr: float) -> dict[str, Any]:
    return {"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr, "weight_decay": lr / 8}


FAMILIES = [(name, family) for name in CLASSES for family in ("LR", "Momentum", "ParamScheduler")]
FAMILIES.remove(("OneCycle", "Momentum"))


def generated(name: str, family: str, seed: int) -> tuple[Draw, Any, dict[str, Any]]:
    """Return the generator, a function that builds an optimizer, and the arguments of a scheduler."""
    draw = Draw(f"{name}{family}{seed}")
    draw.groups = draw.randint(1, 3)
    optimizer_class = draw.choice(OPTIMIZERS)
    lrs = [draw.choice([0.1, 0.5, 1, draw.lr()]) for _ in range(draw.groups)]

    def build(*late: float) -> Any:
        return optimizer_class([_group(lr) for lr in (*lrs, *late)])

    required, optional = CLASSES[name]
    options: dict[str, Any] = {}
    for key, value in (required | optional | WINDOW).items():
        if (key in required or draw.flag()) and (key, name) != ("by_epoch", "ReduceOnPlateau"):
            options |= {key: value(draw)} if key else value(draw)
    if family == "ParamScheduler":
        options["param_name"] = "lr" if name == "OneCycle" else draw.choice(["lr", "weight_decay"])
    return draw, build, options


@pytest.mark.parametrize(("name", "family"), FAMILIES)
def test_any_sequence_of_calls_and_writes_gives_what_mmengine_gives(name, family):
    for seed in range(2 * settings().max_examples):
        draw, build, options = generated(name, family, seed)
        program = operations_of(draw, name, {**CLASSES[name][0], **CLASSES[name][1]})
        try:
            reference, _ = run(partial(Program, originals, name + family, build, options))
        except (ValueError, ZeroDivisionError) as error:
            with pytest.raises(type(error)):
                Program(drop_ins, name + family, build, options)
            continue
        drop_in, _ = run(partial(Program, drop_ins, name + family, build, options))
        copied = False
        assert differences(drop_in, reference) == {}, (seed, options)
        for index, operation in enumerate(program):
            place = seed, options, program[: index + 1]
            if operation == ("exchange",):
                of_drop_in = drop_in.states()
                of_reference = reference.states()
                run(partial(drop_in.load, *of_reference))
                run(partial(reference.load, *of_drop_in))
            else:
                try:
                    _, expected = run(partial(reference.do, operation))
                except (ZeroDivisionError, ValueError):
                    break
                _, heard = run(partial(drop_in.do, operation))
                assert copied or heard == expected, place
            if name in ("Linear", "Poly") and reference.scheduler.last_step > reference.scheduler.total_iters:
                break  # row 4
            assert differences(drop_in, reference) == {}, place
            copied = copied or operation[0] in ("copy", "pickle")  # row 14


class Training:
    """Schedulers of the learning rate that are stepped after each batch, or after each epoch of four batches."""

    def __init__(self, schedulers: list[tuple[str, dict[str, Any]]], build: Any, loaded: Any = None) -> None:
        self.batches = 0
        self.optimizer = build()
        if loaded is not None:
            self.optimizer.load_state_dict(loaded)
        self.schedulers = [
            getattr(drop_ins, name)(self.optimizer, **copy.deepcopy(options)) for name, options in schedulers
        ]

    def train(self, batches: int) -> list[float]:
        for _ in range(batches):
            self.batches += 1
            for scheduler in sorted(
                self.schedulers, key=lambda value: value.by_epoch
            ):  # MMEngine's hook steps them in this order
                if not scheduler.by_epoch or self.batches % 4 == 0:
                    run(scheduler.step)
        return [group["lr"] for group in self.optimizer.param_groups]

    def states(self) -> Any:
        return copy.deepcopy((self.optimizer.state_dict(), [scheduler.state_dict() for scheduler in self.schedulers]))


def _sgd(lrs: list[float]) -> Any:
    return torch.optim.SGD(map(_group, lrs), lr=0.1)


def test_a_restored_run_goes_on_as_if_the_arguments_of_its_policy_had_been_used_from_the_start():
    names = [name for name in CLASSES if name not in ("OneCycle", "ReduceOnPlateau")]
    for seed in range(25 * settings().max_examples):
        draw = Draw(f"restore{seed}")
        configs: dict[str, list[Any]] = {"checkpoint": [], "new": []}
        for name in [draw.choice(["OneCycle"])] if draw.random() < 0.1 else draw.sample(names, draw.randint(1, 2)):
            _, _, options = generated(name, "LR", draw.randint(0, 99))
            _, _, new_options = generated(name, "LR", draw.randint(0, 99))
            new_options["by_epoch"] = options["by_epoch"] = draw.flag()  # the unit of the counters that are saved
            for arguments in (options, new_options):
                arguments.setdefault("end", draw.randint(5, 14))
                if name == "OneCycle":
                    arguments["begin"] = 0  # it overwrites the lr that a group has until then
            configs["checkpoint"].append((name + "LR", options))
            configs["new"].append((name + "LR", new_options))
        batches = draw.randint(0, 30)
        lrs = [draw.lr() for _ in range(3)]
        make = partial(_sgd, lrs)
        for policy, config in configs.items():
            try:
                first = Training(configs["checkpoint"], make)
                first.train(batches)
                planned = Training(config, make)
                expected = planned.train(batches)
                of_optimizer, states = first.states()
                orders = {
                    "schedulers first": Training(configs["new"], make),
                    "optimizer first": Training(configs["new"], make, of_optimizer),
                }
            except (ValueError, ZeroDivisionError):
                continue
            orders["schedulers first"].optimizer.load_state_dict(of_optimizer)
            following = planned.train(9)
            for order, resumed in orders.items():
                resumed.batches = batches
                run(partial(drop_ins.restore, resumed.schedulers, states, on_change=policy, epoch_length=4))
                place = seed, policy, order, batches, configs
                assert same(resumed.train(0), expected), place
                assert same(resumed.train(9), following), place
