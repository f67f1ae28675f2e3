"""Runs drawn over their plan: each in its own color, with its metrics in panels below."""

import re

import numpy as np
import pytest

import paramsched.show as show
from paramsched.errors import InvalidArgument

PLAN = show.curves_from_values({("lr", "body"): np.linspace(1, 0, 100), ("lr", "head"): np.linspace(2, 0, 100)})
EVERY = np.arange(100)


def run(name, factor=1.0, **measured):
    return show.LoggedRun(name, {("lr", "body"): (EVERY, PLAN["lr", "body"] * factor)}, measured)


FIRST = run("first", loss=([0, 50, 100], [2.0, 1.0, 0.5]), acc=([50, 100], [0.5, 0.9]))
SECOND = run("second", 0.5, loss=([0, 50], [3.0, np.nan]))


def curves(panel):
    return {(curve.owner, curve.name): curve.values.tolist() for curve in panel.curves}


def test_each_run_has_its_name_verdict_and_one_color_in_all_panels():
    whole = show.picture(PLAN, log=[FIRST, SECOND])

    lr, loss, acc = whole.panels
    assert [(entry.owner, entry.curve.color) for entry in lr.log_legend] == [("first", 2), ("second", 3)]
    assert [(curve.owner, curve.color) for curve in loss.curves] == [("first", 2), ("second", 3)]
    assert [(curve.owner, curve.color) for curve in acc.curves] == [("first", 2)]
    assert [(one.text, one.differs) for one in whole.verdicts] == [
        ("first: planned = used at 100 of 100 updates", False),
        ("second: planned = used at 1 of 100 updates", True),
    ]
    assert [note.text for note in lr.notes if note.differs] == [
        "second: used differs from planned at 99 of 100 updates: 0–98"
    ]


def test_metrics_of_one_run_share_a_panel_on_request():
    measured = {"train_loss": ([0, 1], [2.0, 1.0]), "acc": ([1], [0.5]), "val_loss": ([1], [1.5])}

    _, loss, acc = show.picture(
        PLAN, log=show.LoggedRun("run", {}, measured, {"loss": ["train_loss", "val_loss"]})
    ).panels

    assert (loss.title, curves(loss)) == ("loss", {("", "train_loss"): [2.0, 1.0], ("", "val_loss"): [1.5]})
    assert (acc.title, curves(acc)) == ("acc", {("", "acc"): [0.5]})


def test_the_terminal_joins_measurements_that_are_far_apart():
    drawn = show.text(
        PLAN, log=show.LoggedRun(measured={"loss": ([0, 99], [1.0, 1.0])}), width=50, height=3, ascii=True
    )

    assert re.search(r"\|\*{40}$", drawn, re.MULTILINE)


@pytest.mark.parametrize("draw", [show.text, show.svg, show.html])
def test_every_format_names_the_runs_and_the_metrics(draw):
    drawn = draw(PLAN, log=[FIRST, SECOND])

    for word in ("first", "second", "loss", "acc", "gaps are NaN values"):
        assert word in drawn


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ([FIRST, FIRST], "two runs have the same name"),
        (run("run", loss=([0.5], [1.0])), r"measured\['loss'\]: every value needs an integer update"),
    ],
)
def test_runs_that_cannot_be_distinguished_or_placed_are_rejected(log, said):
    with pytest.raises(InvalidArgument, match=said):
        show.picture(PLAN, log=log)
