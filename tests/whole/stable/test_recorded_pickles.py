"""Pickles name public places only; those of 1.0.0rc6 load, and those of 1.0.0rc5 load or are refused in one sentence.

`pickles/` has a file for each version: a dict from name to the pickle and to what its value prints, or to the rates of
the run that continues from it. `python tests/whole/stable/test_recorded_pickles.py` writes that of the version that is
imported, and never one that exists.
"""

import base64
import contextlib
import copy
import json
import pickle
import pickletools
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
import paramsched.compat.torch as drop_in
from paramsched import mmengine
from paramsched.compat import gradual_warmup, pytorch_accelerated

try:
    from paramsched.base.pickles import NAMES_OF_RC6
except ModuleNotFoundError:  # an earlier version writes its pickles
    NAMES_OF_RC6 = {}

with contextlib.suppress(ImportError):
    from support.strategies import plans, worlds
from support.tables import table

FOLDER = Path(__file__).with_name("pickles")
BEFORE = 5
AFTER = 9  # updates
LINES = [
    "one_cycle(peak=2.0)",
    "wsd('2%', '20%')",
    "restarts(cosine(), 5, times=3)",
    "table([1.0, 0.5], every=3)",
    "0.5 * cosine() + absolute(0.1)",
    "linear(over=4) >> cosine()",
    "geometric(to=absolute(0.001))",
    "minimum(cosine(), 0.3)",
    "constant() * plateau('loss', patience=1, after='5%')",
    "constant() * hold('kl', at=0.01, factor=1.5)",
    "like('lr') ** -1",
    "skip(cosine(), by=3)",
    "every(linear(), '2 steps')",
    "piecewise([(0, 1.0), (6, 0.5)])",
    "exponential(0.9)",
    "anneal(curve=curves.power(2.0))",
    "clamp(cosine(), low=0.1)",
]
PLAN = """
total: 16
lr: warmup(4) >> cosine(to=0.1)
weight_decay: linear(1.0, 0.25)
groups:
  head: {lr: "0.5 * step(5, 0.5)"}
targets:
  temperature: {initial: 2.0, schedule: "linear(1, 0.5)"}
"""
TOKENS = {"lr": "warmup('100 tokens') >> linear()", "clock": "tokens", "total": "1600 tokens"}


def sgd(*groups: dict[str, Any]) -> torch.optim.Optimizer:
    torch.manual_seed(0)
    every = [{"params": [torch.nn.Parameter(torch.ones(2))], **group} for group in groups or ({},)]
    return torch.optim.AdamW(every, lr=0.5, weight_decay=0.25, foreach=False)


def error_of_a_line() -> Exception:
    with pytest.raises(ps.errors.ParseError) as caught:
        ps.parse("cosin()")
    return caught.value


def plan_values() -> dict[str, Callable[[], Any]]:
    """Return a function for each kind of value without an optimizer."""
    plan = ps.loads(PLAN)
    bases = [{"lr": 0.5, "weight_decay": 0.25, "name": "body"}, {"lr": 0.25, "weight_decay": 0.25, "name": "head"}]
    return {
        **{f"schedule {line}": lambda line=line: ps.parse(line) for line in LINES},
        "plan": lambda: plan,
        "resolved plan": lambda: ps.Plan(lr="wsd('2%', '20%')", momentum="like('lr')").resolve(total=50),
        "followed target": lambda: ps.Plan(
            ps.Binding(ps.Target("ema", 0.5), "cosine()"), lr="constant() * like('ema')"
        ).resolve(total=9),
        "plan in tokens": lambda: ps.Plan(**TOKENS),
        "binding": lambda: ps.Binding("lr", "cosine()", groups="head"),
        "late binding": lambda: ps.Binding("lr", "cosine()", groups="head", optional=True),
        "target": lambda: ps.Target("temperature", 2.0, print),
        "length": lambda: ps.Duration.of("5% + 1/3 epochs"),
        "end": lambda: ps.Duration(ps.Duration.of("5 epochs").terms, True),
        "run facts": lambda: ps.RunFacts(total="3 epochs", batches_per_epoch=10, accumulation=4),
        "level": lambda: 0.5 + ps.absolute(0.3),
        "curve": lambda: ps.curves.cosine,
        "curve with an argument": lambda: ps.curves.power(2.0),
        "plateau": lambda: ps.plateau("loss", patience=2),
        "hold": lambda: ps.hold("kl", at=0.1, gain=0.2),
        "trace": lambda: ps.trace(plan, bases),
        "function": lambda: ps.to_lambda("constant(absolute(0.1))", base=0.5),
        "recipe": lambda: ps.recipes["bert-base"],
        "problem": lambda: ps.check("total: 100\nlr: cosine(over=3)")[0],
        "warning": lambda: ps.PlanWarning(ps.check("total: 100\nlr: cosine(over=3)")[0]),
        "error": error_of_a_line,
        "placeholder": lambda: pytorch_accelerated.TrainerPlaceholderValues.NUM_EPOCHS * 2,
    }


def shown(value: Any) -> str:
    """Return all of a value as text."""
    if type(value).__name__ == "Trace":
        columns = {str(key): value[key].tolist() for key in value.keys()}
        return repr((columns, [value.line(*key) for key in value.keys()], value.amounts.tolist(), value.facts))
    if callable(value) and not hasattr(value, "kind"):
        return repr([float(value(u / 8)) for u in range(9)])
    if type(value).__name__ == "Recipe":
        return repr((str(value), value.plan, value.facts, value.source))
    if isinstance(value, ps.Duration):
        return repr((value.terms, value.until))
    return str(value) if type(value).__name__ == "Binding" else repr(value)


Run = tuple[Any, ...]


def library_runs() -> dict[str, Callable[[], Run]]:
    """Return a function for each kind of scheduler: its optimizers and the scheduler."""

    def of(build: Callable[[Any], Any], *groups: dict[str, Any]) -> Callable[[], Run]:
        def run() -> Run:
            optimizer = sgd(*groups)
            return optimizer, build(optimizer)

        return run

    def several() -> Run:
        first = sgd()
        second = sgd()
        return first, second, ps.Scheduler({"a": first, "b": second}, "linear()", total=16)

    names: dict[str, tuple[Any, ...]] = {
        "StepLR": (2,), "MultiStepLR": ([2, 6],), "OneCycleLR": (1.0, 20), "CosineAnnealingLR": (9,),
        "CyclicLR": (0.1, 1.0, 4), "ReduceLROnPlateau": (), "LinearLR": (), "PolynomialLR": (9,),
        "CosineAnnealingWarmRestarts": (4,), "SWALR": (0.1,),
    }  # fmt: skip
    mmengine_names: dict[str, dict[str, Any]] = {
        "MultiStepLR": {"milestones": [2, 8]}, "CosineAnnealingLR": {"T_max": 9}, "LinearMomentum": {},
        "OneCycleLR": {"eta_max": 1.0, "total_steps": 20}, "ReduceOnPlateauLR": {"rule": "less", "monitor": "loss"},
        "StepParamScheduler": {"param_name": "weight_decay", "step_size": 3},
    }  # fmt: skip
    return {
        "plan": of(lambda o: ps.Scheduler(o, ps.loads(PLAN)), {"name": "body"}, {"name": "head", "lr": 0.25}),
        "metric": of(lambda o: ps.Scheduler(o, "constant() * plateau('loss', patience=1, factor=0.5)")),
        "recipe": of(lambda o: ps.Scheduler(o, "recipe:bert-base")),
        "file": of(lambda o: ps.Scheduler(o, "total: 16\nlr: cosine()\n")),
        "manual": of(lambda o: ps.Scheduler(o, "cosine()", total=16, drive="manual")),
        "tokens": of(lambda o: ps.Scheduler(o, ps.Plan(**TOKENS))),
        "several": several,
        "values": lambda: (ps.Values({"kl": "linear(1, 0) * plateau('loss', patience=1)"}, total=20),),
        "chained": of(
            lambda o: drop_in.SequentialLR(
                o,
                [
                    drop_in.LinearLR(o),
                    drop_in.ChainedScheduler([drop_in.ExponentialLR(o, 0.9)]),
                ],
                [2],
            )
        ),
        "gradual warmup": of(lambda o: gradual_warmup.GradualWarmupScheduler(o, 4.0, 3, drop_in.StepLR(o, 2, 0.5))),
        "accelerated cosine": of(lambda o: pytorch_accelerated.CosineLrScheduler(o, 3, 4)),
        "accelerated wsd": of(lambda o: pytorch_accelerated.WSDLrScheduler(o, total_steps=12)),
        **{
            f"torch {name}": of(lambda o, name=name, args=args: getattr(drop_in, name)(o, *args))
            for name, args in names.items()
        },
        **{
            f"mmengine {name}": of(lambda o, name=name, args=args: getattr(mmengine, name)(o, **args))
            for name, args in mmengine_names.items()
        },
        "mmengine wrapper": of(lambda o: mmengine.MultiStepLR(mmengine.OptimWrapper(o), milestones=[2, 8])),
    }


def rates(run: Run, updates: int) -> list[Any]:
    """Return the values of each group before each of the next updates."""
    *optimizers, scheduler = run
    rows: list[Any] = []
    for t in range(updates):
        fields = ("lr", "weight_decay", "betas")
        rows.append([[group[name] for name in fields] for optimizer in optimizers for group in optimizer.param_groups])
        if isinstance(scheduler, ps.Values):
            rows[-1] = dict(scheduler)
            scheduler.observe(loss=1.0)
            scheduler.advance()
            continue
        if isinstance(scheduler, ps.Scheduler) and scheduler.plan.clock == "tokens":
            scheduler.consumed(tokens=90 + t)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    parameter.grad = torch.ones_like(parameter)
            optimizer.step()
        if not isinstance(scheduler, ps.Scheduler):
            name = type(scheduler).__name__
            metrics = {"ReduceLROnPlateau": (1.0,), "ReduceOnPlateauLR": ({"loss": 1.0},)}.get(name, ())
            scheduler.step(*metrics)
        elif scheduler.plan.metric_rules:
            scheduler.observe(loss=1.0)
        else:
            scheduler.step()  # without an effect, except with drive="manual"
    return json.loads(json.dumps(rows))


def begun(run: Run) -> Run:
    rates(run, BEFORE)
    return run


def globals_of(data: bytes) -> Iterator[str]:
    """Yield the names in a pickle: module and name."""
    memo: dict[int, Any] = {}
    texts: list[Any] = []
    for operation, argument, _ in pickletools.genops(data):
        match operation.name:
            case "GLOBAL":
                yield str(argument).replace(" ", ".")
            case "STACK_GLOBAL":
                yield f"{texts[-2]}.{texts[-1]}"
            case "MEMOIZE":
                memo[len(memo)] = texts[-1] if texts else None
            case "SHORT_BINUNICODE" | "BINUNICODE":
                texts.append(argument)
            case "BINGET" | "LONG_BINGET":
                texts.append(memo.get(argument))
            case _:
                texts.append(None)


def recorded() -> dict[str, dict[str, Any]]:
    """Return the pickles of this version and what they restore; what a version lacks is left out."""
    pickles: dict[str, dict[str, Any]] = {}
    for form, builders in (("value", plan_values()), ("run", library_runs())):
        for name, build in builders.items():
            with contextlib.suppress(Exception):
                value = begun(build()) if form == "run" else build()
                data = pickle.dumps(value, protocol=4)
                expected = rates(value, AFTER) if form == "run" else shown(value)
                pickles[f"{form}: {name}"] = {"pickle": base64.b64encode(data).decode("ascii"), "expected": expected}
    return pickles


def write(version: str) -> None:
    file = FOLDER / f"{version}.json"
    assert not file.exists(), "a recorded file is never written again"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(recorded(), indent=0) + "\n", encoding="utf-8")


RECORDED = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.json"))}
IGNORED = pytest.mark.filterwarnings("ignore")  # of the generated runs, which end early


@IGNORED
@table(("version", "name"), [(version, name) for version, entries in RECORDED.items() for name in entries])
def test_a_recorded_pickle_continues_as_recorded_or_is_refused_in_one_sentence(version: str, name: str) -> None:
    entry = RECORDED[version][name]
    try:
        value = pickle.loads(base64.b64decode(entry["pickle"]))
    except ps.errors.StateError as error:
        refusal = str(error)
    else:
        refusal = ""

    if refusal:
        assert (version, "\n" in refusal) == ("1.0.0rc5", False)
    else:
        assert (rates(value, AFTER) if name.startswith("run: ") else shown(value)) == entry["expected"]


PUBLIC = {"paramsched.unpickle", "paramsched.errors.ParseError"}


@IGNORED
@table("name", plan_values())
def test_a_pickled_value_is_equal_and_names_public_places_only(name: str) -> None:
    value = plan_values()[name]()
    data = pickle.dumps(value)

    assert {place for place in globals_of(data) if place.startswith("paramsched")} <= PUBLIC
    assert shown(pickle.loads(data)) == shown(value) == shown(copy.deepcopy(value))


@IGNORED
@table("name", library_runs())
def test_a_pickled_run_continues_and_names_public_places_only(name: str) -> None:
    run = begun(library_runs()[name]())
    data = pickle.dumps(run)
    copied = copy.deepcopy(run)

    assert {place for place in globals_of(data) if place.startswith("paramsched")} <= PUBLIC
    assert rates(pickle.loads(data), AFTER) == rates(run, AFTER) == rates(copied, AFTER)


@given(st.data())
def test_a_pickled_plan_is_equal_before_and_after_it_is_resolved(data: st.DataObject) -> None:
    world = data.draw(worlds())
    plan = data.draw(plans(world, follow=True))
    every = [plan]
    with contextlib.suppress(ps.errors.ParamschedError):
        every.append(plan.resolve(facts=world.facts))

    for pickled in every:
        assert pickle.loads(pickle.dumps(pickled)) == pickled == copy.deepcopy(pickled)


def root(u: np.ndarray) -> np.ndarray:
    return np.sqrt(u)


def test_a_curve_without_a_name_is_pickled_with_the_text() -> None:
    schedule = 0.5 * (ps.anneal(curve=root, over=8) >> ps.anneal(curve=root))

    assert pickle.loads(pickle.dumps(schedule)) == schedule


def test_a_pickle_of_a_later_form_is_refused() -> None:
    _, arguments = ps.cosine().__reduce__()

    with pytest.raises(ps.errors.StateError):
        ps.unpickle(arguments[0] + 1, *arguments[1:])


def test_each_name_in_a_pickle_of_rc6_is_found() -> None:
    entries = RECORDED["1.0.0rc6"].values()
    named = {place for entry in entries for place in globals_of(base64.b64decode(entry["pickle"]))}
    listed = {f"{module}.{name}" for module, names in NAMES_OF_RC6.items() for name in names}
    of_library = {place for place in named if place.startswith("paramsched.") and "._" not in place}

    assert of_library - PUBLIC <= listed
    for place in listed:
        module, _, name = place.rpartition(".")
        assert getattr(import_module(module), name) is not None


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    write(ps.__version__)
