"""Calls of each public name, as a user writes them. Never run: `make lint` type-checks it, and a test reads it."""

from pathlib import Path
from typing import Any, assert_type

import numpy as np
import torch

import paramsched as ps
from paramsched import curves, errors, show
from paramsched.engines import accelerate, lightning, transformers
from paramsched.shapes import cosine_restarts, noam
from paramsched.tools import audit


@ps.shape
def hill(u: float, power: float = 2.0) -> float:
    return power * u * (1 - u)


@ps.shape
def half_life(t: float, period: ps.Length = 1, delay: ps.Length | None = None) -> float:
    return 1.0 if delay is not None and t < delay else float(0.5 ** (t / period))


def lines() -> list[ps.extend.Schedule]:
    cosine = ps.cosine(to=0.1)
    return [
        ps.warmup("5%") >> "cosine(to=0.1)",
        "warmup(100)" >> cosine,
        ps.wsd("2%", "20%"),
        ps.one_cycle("30%", peak=ps.absolute(3e-4)),
        ps.constant(over="50%") >> ps.linear(1.0, 0.2),
        0.1 * ps.step("30 epochs", 0.1),
        ps.multistep(["30 epochs", "60 epochs"]),
        ps.exponential(0.9, "1 epoch"),
        ps.polynomial(2.0, to=0.01),
        ps.inverse_sqrt("4000 steps"),
        ps.table([1.0, 0.5, 0.1], every="30 epochs"),
        ps.table(np.array([1.0, 0.5])),
        ps.piecewise(((0, 1.0), ("50%", ps.absolute(1e-4)))),
        ps.piecewise([(0, 1.0), ("50%", 0.1)]),
        ps.stairs(0.0, 1.0, 4),
        ps.rounded(ps.stairs(1, 16, 4), 2, "down"),
        ps.maximum(cosine, ps.linear()),
        ps.minimum(cosine, 0.5),
        ps.clamp(cosine, low=ps.absolute(1e-6)),
        ps.every(cosine, 10),
        ps.restarts(cosine, "10%"),
        ps.overlay(cosine, ps.cooldown("10%")),
        ps.take(cosine, "50%") >> ps.skip(cosine, "50%"),
        ps.anneal(1.0, 0.1, curve=curves.power(2)),
        ps.like("weight_decay"),
        ps.shapes.cosine(to=0.1),
        ps.shapes.geometric(to=0.1),
        cosine_restarts("10 epochs"),
        noam(512, 4000),
        ps.parse("hill(power=3)"),
        hill(3),
        half_life("10 epochs", period="2 epochs") >> half_life(period=30, delay=ps.Duration.of("5%")),
    ]


def plans(folder: Path) -> list[ps.Plan]:
    plan = ps.Plan(
        ps.Binding("lr", ps.cosine() * ps.plateau("val_loss", patience=3), groups="head"),
        ps.Binding(ps.Target("kl", 1.0), "linear(0, 1)"),
        lr=ps.warmup("5%") >> ps.cosine(),
        total="10 epochs",
    )
    kept = ps.Plan(lr=ps.hold("kl", at=0.01, factor=1.5), total=ps.Duration.of("2B tokens"), clock="tokens")
    ps.dump(plan, folder / "plan.yaml")
    recipe = ps.recipes["gpt3-175b"]
    for actual in ps.recipes.matching("language"):
        print(actual.name, actual.title, actual.bases)
    assert ps.diff(plan, kept, total=100) is not None
    if problems := ps.check(plan, bases={"lr": 1e-3}, groups=[{"lr": 1e-3}], ignore="PS201"):
        print(problems[0].code, problems[0].location, problems[0].advice)
    return [
        ps.load(folder / "plan.yaml"),
        ps.load("plan.yaml", shapes=[hill]),
        ps.loads("lr: cosine()"),
        ps.loads({"lr": "cosine()"}),
        recipe.plan,
        plan.resolve(steps_per_epoch=100),
        ps.resolve(plan, facts=ps.RunFacts(total="10 epochs", steps_per_epoch=100)),
        plan.change("50%", lr="linear(to=0)"),
        plan.cooldown("80%", "20%"),
        plan.scale("50%", lr=0.5),
    ]


def train(plan: ps.Plan, model: torch.nn.Module, loader: list[torch.Tensor]) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    scheduler = ps.Scheduler(optimizer, plan, steps_per_epoch=len(loader), strict=True)
    for x in loader:
        scheduler.consumed(tokens=x.numel())
        model(x).sum().backward()
        optimizer.step()
        print(scheduler.scalars(), scheduler.value("lr"), scheduler.get_last_lr(), scheduler.t, scheduler.total)
        if scheduler.should_stop:
            break
    scheduler.observe(val_loss=0.3)
    scheduler.report(progress=0.5)
    torch.save({"scheduler": scheduler.state_dict(), "optimizer": optimizer.state_dict()}, "checkpoint.pt")
    scheduler.load_state_dict(torch.load("checkpoint.pt")["scheduler"])
    scheduler.seek(0)
    scheduler.detach()
    ps.Scheduler(optimizer, half_life(period="2 epochs"), steps_per_epoch=len(loader))
    torch.optim.lr_scheduler.LambdaLR(optimizer, ps.to_lambda("cosine()", total=100))


def values_without_an_optimizer(plan: ps.Plan) -> dict[str, float]:
    values = ps.Values(plan, bases={"kl": 1.0}, total=100)
    values.advance()
    values.observe(val_loss=0.3)
    values.load_state_dict(values.state_dict())
    assert_type(values["kl"], float)
    return dict(values)


def find_a_rate(optimizer: torch.optim.Optimizer, model: Any) -> float | None:
    def step() -> Any:
        loss = model(torch.ones(2)).sum()
        loss.backward()
        optimizer.step()
        return loss

    result = ps.find_lr(optimizer, step, updates=50)
    return result.steepest


def pictures(plan: ps.Plan, folder: Path, scheduler: Any) -> None:
    trace = ps.trace(plan, bases={"lr": 1e-3}, total=100)
    (folder / "plan.svg").write_text(show.svg(trace, width=600))
    (folder / "plan.html").write_text(show.html(trace, title="Plan"))
    print(show.text(trace, width=60), show.figure(plan, title="Plan"), show.figure(trace))
    print(trace["lr"][[0, -1]], trace.keys(), trace.breakpoints("lr"), trace.to_dict())
    trace.to_csv(folder / "values.csv")
    trace.to_pandas()
    show.axes(trace)
    show.text(show.simulate(scheduler, 100))
    show.text(show.together({"a": trace, "b": trace}, branches=True))


def audit_a_log(plan: ps.Plan) -> bool:
    logged = audit.read_log("log.csv", ["lr"], columns={"lr": "rate"})
    report = audit.compare_with_plan(logged, plan, total=1000)
    print(report.values, report.exact, report.cause and report.cause.text, audit.log_facts(logged))
    print(audit.read_metrics("log.csv"))
    return report.exact == report.values


def in_engines(plan: ps.Plan, accelerator: Any, loader: Any, optimizer: Any, trainer: type[Any]) -> None:
    scheduler = accelerate.scheduler(accelerator, optimizer, plan, loader, epochs=3)
    accelerate.log(accelerator, scheduler)
    lightning.PlanCallback("cosine()", strict=True)
    transformers.planned(trainer, plan)


def errors_are_caught() -> None:
    try:
        ps.Plan(lr="cosin()")
    except errors.ConfigError as error:
        print(error.problems[0].code)
    except (errors.InvalidArgument, errors.MissingFact) as error:
        print(error.problem.advice)
    except errors.ParamschedError as error:
        print(error)
    except ps.PlanWarning as warning:
        print(warning)
