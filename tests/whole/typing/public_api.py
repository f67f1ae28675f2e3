"""The types of the public API. Never run: `make lint` type-checks it, and unused ignores are errors."""

from typing import assert_type

import numpy as np
import torch
from numpy.typing import NDArray

import paramsched as ps
from paramsched.engines import pytorch_accelerated


def a_number_in_is_a_number_out() -> None:
    schedule = ps.cosine(to=0.1, over=100)
    assert_type(schedule(3), float)
    assert_type(schedule(3, base=1e-3), float)


def packages_are_reached_from_the_library(optimizer: torch.optim.Optimizer) -> None:
    assert_type(ps.compat.torch.StepLR(optimizer, 3), ps.compat.torch.StepLR)
    ps.tools.audit.read_log("log.csv", ["lr"])
    print(ps.engines.nothing)  # type: ignore[attr-defined]


def operators_make_schedules() -> None:
    warm = ps.warmup("5%") >> ps.cosine(to=0.1)
    assert isinstance(warm * 0.5, ps.extend.Schedule)
    assert isinstance(ps.parse("warmup(100)"), ps.extend.Schedule)


def a_plan_is_loaded_and_traced() -> None:
    plan = ps.load("plan.yaml")
    assert_type(plan, ps.Plan)
    trace = ps.trace(plan, {"lr": 0.1}, steps_per_epoch=10)
    assert_type(trace, ps.extend.Trace)
    assert_type(trace.total, int)
    assert_type(trace["lr", 0], NDArray[np.float64])
    assert_type(ps.dump(plan), str)
    assert_type(ps.dump(plan, format="json"), str)


def refuses_text_for_a_number() -> None:
    ps.exponential("0.9")  # type: ignore[arg-type]
    ps.warmup(over=None)  # type: ignore[arg-type]
    ps.RunFacts(totl=3)  # type: ignore[call-arg]
    ps.Plan(lr="cosine()", clock="token")  # type: ignore[arg-type]
    ps.Plan(lr="cosine()", clock="token")  # type: ignore[arg-type]


def refuses_a_number_for_a_line() -> None:
    ps.Plan(lr=0.1)  # type: ignore[arg-type]
    ps.Plan(lr=2)  # type: ignore[arg-type]
    ps.Plan(temperature=0.5)  # type: ignore[arg-type]
    ps.Binding("lr", 0.1)  # type: ignore[arg-type]
    assert_type(ps.Plan(lr=1, weight_decay=ps.absolute(0.1)), ps.Plan)


def run_facts_are_keywords_of_each_function(plan: ps.Plan, optimizer: torch.optim.Optimizer) -> None:
    facts = ps.RunFacts(total="10 epochs", steps_per_epoch=100)
    ps.Scheduler(optimizer, plan, facts=facts)
    ps.trace(plan, bases={"lr": 0.1}, total="10 epochs", steps_per_epoch=100)
    assert_type(ps.resolve(plan, facts=facts), ps.Plan)
    assert_type(ps.resolve(ps.cosine(), total=10), ps.extend.Schedule)
    assert_type(plan.resolve(steps_per_epoch=100), ps.Plan)
    ps.Values(plan, batch_size=32)
    ps.check(plan, tokens_per_step=4096.0)
    ps.diff(plan, "cosine()", total=10)
    plan.plot(total=10)
    pytorch_accelerated.scheduler(plan, batch_size=32)


def refuses_wrong_run_facts(plan: ps.Plan) -> None:
    ps.trace(plan, {"lr": 0.1}, ps.RunFacts(total=10))  # type: ignore[arg-type, call-arg]
    ps.trace(plan, {"lr": 0.1}, totl=10)  # type: ignore[call-arg]
    ps.check(plan, total=0.5)  # type: ignore[arg-type]
    ps.Values(plan, total_steps=10)  # type: ignore[call-arg]
    plan.plot(facts=10)  # type: ignore[arg-type]


def metrics_are_numbers(scheduler: ps.Scheduler, values: ps.Values, loss: torch.Tensor) -> None:
    scheduler.observe(val_loss=0.3, accuracy=np.float32(0.5), loss=loss)
    values.observe(loss=loss)
    scheduler.observe(0.3)  # type: ignore[arg-type]
    values.observe(0.3)  # type: ignore[arg-type]
    scheduler.observe(val_loss="0.3")  # type: ignore[arg-type]
    values.observe(val_loss=None)  # type: ignore[arg-type]


def refuses_misspelled_names() -> None:
    ps.ploynomial()  # type: ignore[attr-defined]
    ps.Plan(totl=100)  # type: ignore[arg-type]
    ps.Plan(lr="cosine()", totl="20 epochs")  # type: ignore[arg-type]
    ps.Plan(lr="cosine()", clok="tokens", total="2B tokens")  # type: ignore[arg-type]
    _ = ps.show.txt  # type: ignore[attr-defined]
    _ = ps.errors.Faults  # type: ignore[attr-defined]
    _ = ps.curves.cosin  # type: ignore[attr-defined]
    ps.Plan(lr="cosine()", max_steps=100)  # type: ignore[arg-type]
    assert ps.warmup(10) > ps.cosine()  # type: ignore[operator]


def a_scheduler_takes_an_optimizer(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    ps.Scheduler(optimizer, "cosine()", total=100)
    ps.Scheduler({"muon": optimizer, "adamw": optimizer}, "cosine()", total=100)
    ps.Scheduler(model, "cosine()", total=100)  # type: ignore[arg-type]
    ps.Scheduler("cosine()", optimizer, total=100)  # type: ignore[arg-type]


def engines_take_the_options_that_they_share() -> None:
    pytorch_accelerated.scheduler("cosine()", on_change="nw")  # type: ignore[arg-type]


def takes_fields_of_torch_and_of_other_optimizers() -> None:
    assert_type(ps.Plan(lr="constant(0.1)", weight_decay=ps.linear(1.0, 0.5), total="20 epochs"), ps.Plan)
    assert_type(ps.Plan(lr="cosine()", growth_rate="linear(1.0, 0.5)"), ps.Plan)
    assert_type(ps.Plan(lr="cosine()", temperature=ps.linear(1.0, 0.5)), ps.Plan)
    assert_type(ps.Plan(ps.Binding("growth_rate", "constant(0.5)"), lr="cosine()"), ps.Plan)
