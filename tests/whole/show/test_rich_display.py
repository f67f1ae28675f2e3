"""The notebook display of a plan, a schedule, a trace, a diff and a Scheduler, and `Plan.plot`."""

from dataclasses import fields
from html import unescape

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

import paramsched as ps
from paramsched.errors import InvalidArgument, MissingFact
from paramsched.show.plan_curves import curves_of_plan, plan_of_schedule

FACTS = {"total", "steps_per_epoch", "batch_size", "tokens_per_step", "frames_per_step"}
PLAN = ps.Plan(lr='warmup("5%") >> cosine(to=0.01)', weight_decay="linear(1, 0.5)", total="20 epochs")


@pytest.fixture(autouse=True)
def figures():
    yield
    plt.close("all")


@pytest.mark.parametrize(
    "value",
    [
        PLAN,
        ps.cosine(),
        ps.trace(PLAN, {"lr": 0.1, "weight_decay": 0.05}, steps_per_epoch=5),
        ps.Plan(lr='warmup("5%") >> cosine()', weight_decay="linear(1, 0.5)", total=1_000_000),
        ps.recipes["llama3-405b"].plan,
        ps.recipes["resnet50-goyal"],
    ],
    ids=lambda value: type(value).__name__,
)
def test_plans_schedules_and_traces_are_plotted_as_small_pictures(value):
    shown = value._repr_mimebundle_()

    (picture,) = shown.values()
    assert "<svg" in picture
    assert len(picture) < 50_000


@pytest.mark.parametrize(
    "value",
    [
        ps.trace(ps.Plan(lr="cosine()", total=10_000), [{"lr": 0.1, "name": f"group_{i}"} for i in range(500)]),
        ps.RunFacts(total=10, tokens_per_step=4096),
        ps.recipes["llama3-405b"],
        *ps.parse('plateau("val_loss")').metric_rules,
        ps.recipes,
        ps.table([1 / (i + 3) for i in range(1000)]),
        ps.Plan(lr=ps.piecewise([[i, 1 / (i + 3)] for i in range(1000)]), total="1 epoch"),
        ps.RunFacts(**{field.name: 7 for field in fields(ps.RunFacts) if field.name in FACTS}),
        ps.RunFacts(total="2 epochs", steps_per_epoch=5),
        ps.diff(ps.Plan(lr="cosine()"), ps.Plan(lr=" >> ".join(f"constant({i}, 1)" for i in range(200)))),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_repr_of_a_value_fits_on_a_screen_and_has_no_unset_fact(value):
    lines = repr(value).splitlines()
    assert len(lines) <= 20
    assert max(map(len, lines)) <= 100
    assert not any(word in repr(value) for word in ("Fraction(", "array("))
    assert "None" not in repr(value)
    assert "_columns" not in repr(value)


@pytest.mark.parametrize(
    ("value", "entries"),
    [
        (ps.RunFacts(total=10, batch_size=7), {"total": "10", "batch_size": "7"}),
    ],
)
def test_facts_and_metric_rules_are_tables_in_a_notebook(value, entries):
    table = value._repr_mimebundle_()["text/html"]

    assert all(f"<tr><th>{name}</th><td>{entry}</td></tr>" in table for name, entry in entries.items())
    assert "None" not in table


def test_the_heading_names_assumed_facts():
    assert "Plan: steps_per_epoch assumed to be 100" in unescape(PLAN._repr_mimebundle_()["text/html"])


def test_plans_that_cannot_be_plotted_are_displayed_as_text():
    assert ps.Plan(lr='warmup("1 epoch") >> cosine(over="10 samples")')._repr_mimebundle_() == {}


def test_a_scheduler_is_displayed_with_its_curves_and_the_values_of_the_next_update():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1, weight_decay=0.05)
    scheduler = ps.Scheduler(optimizer, PLAN, steps_per_epoch=5)
    for _ in range(40):
        optimizer.step()

    cell = scheduler._repr_mimebundle_()["text/html"]

    values = {name: f"{optimizer.param_groups[0][name]:.6g}" for name in ("lr", "weight_decay")}
    assert f"at update 40 of 100, next lr {values['lr']}, weight_decay {values['weight_decay']}<" in cell
    assert "base 0.1" in cell


def test_the_cell_of_a_scheduler_names_optimizers_and_at_most_eight_values():
    single = [torch.nn.Parameter(torch.ones(1))]
    many = [torch.nn.Parameter(torch.ones(1)) for _ in range(9)]
    optimizers = {"a": torch.optim.SGD(single, lr=0.1), "b": torch.optim.SGD([{"params": [p]} for p in many], lr=0.2)}

    cell = ps.Scheduler(optimizers, ps.Plan(lr="cosine()", total=10))._repr_mimebundle_()["text/html"]

    named = ["lr of a/0 0.1", *(f"lr of b/{place} 0.2" for place in range(7)), "…"]
    assert f"next {', '.join(named)}<" in cell
    assert "group a/0: base 0.1" in cell


def test_a_scheduler_whose_length_is_unknown_is_displayed_as_text():
    scheduler = ps.Scheduler(torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1), ps.Plan(lr="step(30)"))

    assert scheduler._repr_mimebundle_() == {}
    assert repr(scheduler).startswith("<Scheduler at update 0 of <Plan lr: step(30)")


def test_a_scheduler_whose_curves_are_not_those_of_the_run_is_displayed_as_text():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr='constant() * plateau("loss", patience=0)', total=10))
    assert "next lr 0.1<" in scheduler._repr_mimebundle_()["text/html"]

    for _ in range(3):
        optimizer.step()
        scheduler.observe(loss=1.0)
    optimizer.step()

    assert optimizer.param_groups[0]["lr"] < 0.1
    assert scheduler._repr_mimebundle_() == {}


def test_a_diff_is_displayed_as_a_table_with_escaped_text():
    after = ps.Plan(ps.Binding("lr", "cosine()", groups="<b>"), lr="linear()", total="20 epochs")

    table = ps.diff(PLAN, after, steps_per_epoch=5)._repr_mimebundle_()["text/html"]

    assert "<td><b>lr</b></td>" in table
    assert "<td>update 0</td>" in table
    assert "<b>lr @ &lt;b&gt;</b>" in table
    assert ps.diff(PLAN, PLAN)._repr_mimebundle_()["text/html"] == "<p>no difference</p>"


@pytest.mark.parametrize(
    ("plan", "total", "assumed"),
    [
        (PLAN, 2000, "steps_per_epoch assumed to be 100"),
        (ps.Plan(lr="cosine()", total=300), 300, ""),
        (ps.Plan(lr="warmup(10) >> cosine(over=90)"), 100, ""),
        (ps.Plan(lr="cosine()"), 1000, "total assumed to be 1000 updates"),
        (ps.Plan(lr="step(3000)"), 12000, "total assumed to be 12000 updates"),
        (
            ps.Plan(lr="warmup('3M tokens') >> cosine()", total="3B tokens"),
            1000,
            "tokens_per_step assumed to be 3e+06",
        ),
        (
            plan_of_schedule(ps.step("30 epochs")),
            12000,
            "steps_per_epoch assumed to be 100, total assumed to be 12000 updates",
        ),
    ],
)  # fmt: skip
def test_a_fact_that_only_scales_the_picture_is_assumed_with_a_note(plan, total, assumed):
    curves, said = curves_of_plan(plan)

    assert (curves.total, said) == (total, assumed)


def test_a_plan_is_plotted_with_the_values_of_its_trace():
    bases = {"lr": 0.1, "weight_decay": 0.05}

    axes = PLAN.plot(bases, steps_per_epoch=10)

    trace = ps.trace(PLAN, bases, steps_per_epoch=10)
    assert len(axes) == 2
    for ax, field in zip(axes, ("lr", "weight_decay"), strict=True):
        plotted = ax.lines[0]
        times = np.asarray(plotted.get_xdata())
        inside = times < trace.total
        assert plotted.get_ydata()[inside].tolist() == trace[field][times[inside].astype(int)].tolist()


def test_a_plot_uses_the_given_axes_and_leaves_the_title_of_their_figure():
    figure, axes = plt.subplots(2)

    assert PLAN.plot(axes=axes) == tuple(axes)
    assert figure.get_suptitle() == ""


def test_duplicate_or_missing_facts_are_rejected():
    with pytest.raises(InvalidArgument, match="passed twice"):
        PLAN.plot(facts=ps.RunFacts(steps_per_epoch=5), steps_per_epoch=5)
    with pytest.raises(MissingFact, match="steps_per_epoch"):
        ps.Plan(lr='warmup("1 epoch") >> cosine()', total=100).plot()
