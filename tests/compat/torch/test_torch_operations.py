"""Any arguments, optimizer and sequence of calls and writes give the values, attributes and warnings of torch.

The exceptions are rows of docs/reference/divergences.md.
"""

import copy
import pickle
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import settings

from support.generated_programs import CLASSES, OPTIMIZERS, Draw, run, same
from support.torch_cases import DROP_IN, TORCH, optimizer_with

WHOLE = ("MultiStepLR", "ExponentialLR")  # milestones are integers; a power of a negative factor is not real
WRITTEN = ("lr", "momentum", "betas")
ENTRIES = ("initial_lr", "max_lr", "min_lr", "swa_lr", "base_momentum", "max_momentum")
NOT_COMPARED = {
    "CosineAnnealingWarmRestarts": {"_step_count"},  # torch's step does not count
    "ReduceLROnPlateau": {"_step_count"},  # torch's has none
}


def operations_of(draw: Draw, name: str) -> list[Any]:
    _, optional, attributes = CLASSES[name]
    attributes = attributes or optional
    kinds = ["step"] * 8 + ["copy", "pickle", "load", "exchange", "write lr", "write momentum", "get_last_lr"]
    if name != "ReduceLROnPlateau":
        kinds += ["get_lr", "_get_closed_form_lr", "write a base", "replace the bases"]
        kinds += ["write last_epoch", "write _step_count"]
        kinds += [] if name == "MultiplicativeLR" else ["step to"] * 2  # it has no closed form in torch
    kinds += ["set"] if attributes else []
    kinds += {
        "SWALR": ["write a target"],
        "MultiStepLR": ["add a milestone", "clear the milestones"],
        "LambdaLR": ["replace a function"],
        "MultiplicativeLR": ["replace a function"],
        "CyclicLR": ["write max_lrs", "write base_momentums", "write max_momentums"],
        "ReduceLROnPlateau": ["write min_lrs"],
    }.get(name, [])
    actual: list[Any] = []
    for _ in range(draw.randint(4, 16)):
        group_index = draw.randrange(draw.groups)
        match draw.choice(kinds):
            case "set":
                key = draw.choice([*attributes])
                actual.append(("set", key, attributes[key](draw)))
            case "step to":
                actual.append(("step to", draw.randint(0, 9) + (0.25 if draw.flag() and name not in WHOLE else 0)))
            case "step":
                actual.append(("step", draw.choice([draw.lr(), draw.count()])))
            case "replace the bases":
                actual.append(("replace the bases", [draw.lr() for _ in range(draw.groups)]))
            case "write last_epoch" | "write _step_count" | "add a milestone" as operation:
                actual.append((operation, draw.randint(0, 2) if "count" in operation else draw.randint(0, 12)))
            case "replace a function":
                actual.append(("write lr_lambdas", group_index, draw.function()))
            case operation:
                actual.append((operation, group_index, draw.lr()) if operation.startswith("write") else (operation,))
    return actual


class Run:
    """A scheduler and its optimizer, which operations replace."""

    def __init__(
        self, module: Any, name: str, build: Any, options: dict[str, Any], overrides_get_lr: bool = False
    ) -> None:
        self.module = module
        self.name = name
        self.build = build
        self.options = options
        self.overrides_get_lr = overrides_get_lr
        self.begin()

    def begin(self) -> None:
        self.optimizer = self.build()
        expected = scheduler_class = getattr(self.module, self.name)
        if self.overrides_get_lr:
            scheduler_class = type(scheduler_class)(
                "Own", (scheduler_class,), {"get_lr": lambda scheduler: expected.get_lr(scheduler)}
            )
        self.scheduler = scheduler_class(self.optimizer, **copy.deepcopy(self.options))
        self.attributes = sorted({*vars(self.scheduler)} - NOT_COMPARED.get(self.name, set()))

    def load(self, state: Any, of_optimizer: Any) -> None:
        self.begin()
        self.scheduler.load_state_dict(state)
        self.optimizer.load_state_dict(of_optimizer)

    def states(self) -> tuple[Any, Any]:
        return copy.deepcopy((self.scheduler.state_dict(), self.optimizer.state_dict()))

    def do(self, operation: tuple[Any, ...]) -> list[float]:
        """Run one operation, and return its result."""
        scheduler = self.scheduler
        groups = self.optimizer.param_groups
        said = []
        match operation:
            case ("step", metric):
                self.optimizer.step()
                scheduler.step(*([metric] if self.name == "ReduceLROnPlateau" else []))
            case ("step to", epoch):
                scheduler.step(epoch)
            case ("get_lr" | "get_last_lr" as method,):
                said = getattr(scheduler, method)()
            case ("_get_closed_form_lr",) if hasattr(getattr(TORCH, self.name), "_get_closed_form_lr"):
                said = scheduler._get_closed_form_lr()
            case ("write lr", index, lr):
                groups[index]["lr"] = lr
            case ("write a target", index, lr):
                groups[index]["swa_lr"] = lr
            case ("write momentum", index, value):
                groups[index] |= {"betas": (value, 0.999)} if "betas" in groups[index] else {"momentum": value}
            case ("write a base", index, lr):
                scheduler.base_lrs[index] = lr
            case ("write last_epoch" | "write _step_count" as name, number):
                setattr(scheduler, name.split()[1], number)
            case ("replace the bases", bases):
                scheduler.base_lrs = [*bases]
            case ("write lr_lambdas" | "write max_lrs" | "write min_lrs" as name, index, value):
                getattr(scheduler, name.split()[1])[index] = value
            case ("write base_momentums" | "write max_momentums" as name, index, value) if scheduler.cycle_momentum:
                getattr(scheduler, name.split()[1])[index] = value
            case ("set", key, value):
                setattr(scheduler, key, copy.copy(value))
            case ("add a milestone", epoch):
                scheduler.milestones[epoch] += 1
            case ("clear the milestones",):
                scheduler.milestones.clear()
            case ("copy",):
                self.scheduler = copy.deepcopy(scheduler)
                self.optimizer = self.scheduler.optimizer
            case ("pickle",) if not self.overrides_get_lr and not any(
                callable(var) for var in vars(scheduler).values()
            ):
                self.scheduler = pickle.loads(pickle.dumps(scheduler))
                self.optimizer = self.scheduler.optimizer
            case ("load",):
                self.load(*self.states())
        return [float(number) for number in said]

    def numbers(self) -> dict[str, Any]:
        """Return the numbers in the groups, and those that the scheduler reports."""
        rows = {
            f"{key} of group {index}": value
            for index, group in enumerate(self.optimizer.param_groups)
            for key, value in group.items()
            if key in ("lr", "momentum", "betas", *ENTRIES)
        }
        rows["last"] = self.scheduler.get_last_lr()
        return rows if self.name == "ReduceLROnPlateau" else rows | {"bases": self.scheduler.base_lrs}


def differences(actual: Run, expected: Run) -> dict[str, Any]:
    """Return what differs: values in the groups, reported values, and the attributes and the state of torch's."""
    values = actual.numbers()
    differing = {
        key: (values.get(key), value)
        for key, value in expected.numbers().items()
        if key not in values or not same(values[key], value)
    }
    state = actual.scheduler.state_dict()
    for key in expected.attributes:
        value = getattr(expected.scheduler, key)
        held = getattr(actual.scheduler, key, None)
        is_row = isinstance(value, list) and all(isinstance(element, (int, float)) for element in value)
        if (is_row or isinstance(value, (int, float, str))) and (key not in state or not same(held, value)):
            differing[key] = held, value
    return differing


def generated(name: str, seed: int) -> tuple[Draw, Any, dict[str, Any]]:
    """Return the generator, a function that builds an optimizer, and the arguments of a scheduler."""
    draw = Draw(f"{name}{seed}")
    draw.groups = draw.randint(1, 3)
    optimizer_class = draw.choice(OPTIMIZERS)
    tensors = draw.random() < 0.2
    lrs = [draw.choice([0.1, 0.5, 1, draw.lr()]) for _ in range(draw.groups)]

    def build() -> Any:
        rates = [torch.tensor(lr, dtype=torch.float64) if tensors else lr for lr in lrs]
        return optimizer_class([{"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr} for lr in rates])

    required, optional, _ = CLASSES[name]
    options = {key: value(draw) for key, value in (required | optional).items() if key in required or draw.flag()}
    if name == "OneCycleLR":
        lengths = [{"total_steps": 60}, {"epochs": 6, "steps_per_epoch": 10}, {"total_steps": 41, "epochs": 2}]
        options |= draw.choice(lengths)
    return draw, build, options


@pytest.mark.parametrize("name", CLASSES)
def test_any_sequence_of_calls_and_writes_gives_what_torch_gives(name):
    for seed in range(10 * settings().max_examples):
        draw, build, options = generated(name, seed)
        program = operations_of(draw, name)
        overrides_get_lr = name != "ReduceLROnPlateau" and draw.random() < 0.2
        of_torch, actual = (
            run(partial(Run, module, name, build, options, overrides_get_lr))[0] for module in (TORCH, DROP_IN)
        )
        copied = name == "CosineAnnealingWarmRestarts"  # torch's step does not warn of the order there
        assert differences(actual, of_torch) == {}, (seed, options)
        for index, operation in enumerate(program):
            place = seed, options, program[: index + 1]
            if name == "CosineAnnealingLR" and operation[0] == "get_lr" and actual.scheduler.last_epoch == 0:
                continue  # row 40
            if operation == ("exchange",):
                values = actual.states()
                from_torch = of_torch.states()
                run(partial(actual.load, *from_torch))
                run(partial(of_torch.load, *values))
            else:
                try:
                    expected, their_warnings = run(partial(of_torch.do, operation))
                except (ZeroDivisionError, OverflowError, ValueError):
                    break
                result, our_warnings = run(partial(actual.do, operation))
                assert same(result, expected), place
                assert copied or our_warnings == their_warnings, place
            assert differences(actual, of_torch) == {}, place
            copied = copied or operation[0] in ("copy", "pickle")  # row 37


def test_a_cycle_length_that_a_user_sets_stays_at_a_later_epoch_if_all_cycles_are_equal():
    values = []
    for module in (TORCH, DROP_IN):
        scheduler = module.CosineAnnealingWarmRestarts(optimizer_with([0.4]), 5)
        scheduler.T_i = 9
        values.append([])
        for epoch in (7.25, 3, 6, 12):
            run(partial(scheduler.step, epoch))
            values[-1] += scheduler.get_last_lr()

    assert same(values[1], values[0])


@pytest.mark.parametrize("name", [name for name in CLASSES if name not in ("SWALR", "ReduceLROnPlateau")])
def test_a_run_resumed_by_last_epoch_goes_on_as_in_torch(name):
    for seed in range(4 * settings().max_examples):
        draw, build, options = generated(name, seed)
        whole, _ = run(partial(Run, TORCH, name, build, options))
        done = draw.randint(0, 8)
        first = [copy.deepcopy(group["initial_lr"]) for group in whole.optimizer.param_groups]
        for _ in range(done + 1):
            run(partial(whole.do, ("step", 0)))
        restored = draw.flag()
        if name == "OneCycleLR":  # the groups contain its bounds
            options = options | {"max_lr": 3.0, "max_momentum": 0.5}
        rows = []
        for module in (TORCH, DROP_IN):
            optimizer = build()
            for group, expected, lr in zip(optimizer.param_groups, whole.optimizer.param_groups, first, strict=True):
                group |= {key: copy.deepcopy(value) for key, value in expected.items() if key in WRITTEN + ENTRIES}
                group["lr"] = copy.deepcopy(group["lr"] if restored else lr)
            resumed, _ = run(partial(getattr(module, name), optimizer, **options, last_epoch=done))
            rows.append(row := [])
            for _ in range(5):
                values = [[group[key] for key in WRITTEN if key in group] for group in optimizer.param_groups]
                row.append(copy.deepcopy((values, resumed.get_last_lr(), resumed.last_epoch)))
                run(resumed.step)
        if name == "CosineAnnealingWarmRestarts" and done >= options["T_0"]:
            continue  # torch does not find the cycle (docs/reference/divergences.md)
        if name == "CyclicLR" and not restored:
            continue  # torch starts at `initial_lr`, which is another one (docs/reference/divergences.md)
        assert same(rows[1], rows[0]), (seed, options, done, restored)
