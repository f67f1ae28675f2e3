"""A trace of recorded amounts has one row for each of them.

These tests need further doors.
"""

import csv

from paramsched.core.plan import Plan
from paramsched.core.plan.trace import trace
from paramsched.core.time import Calendar
from paramsched.show import picture

BY_TOKENS = Plan(lr="linear(1, 0)", clock="tokens", horizon="1000 tokens")


AMOUNTS = [0, 10, 10, 700, 1200]


def test_pictures_and_tables_have_the_recorded_amounts(tmp_path):
    shown = trace(BY_TOKENS, {"lr": 1.0}, Calendar(steps_per_epoch=5, batch_size=2, sequence_length=3), amounts=AMOUNTS)
    shown.to_csv(tmp_path / "values.csv")

    assert [row[1] for row in csv.reader((tmp_path / "values.csv").open())] == [
        "tokens",
        "0",
        "10",
        "10",
        "700",
        "1200",
    ]
    units = {unit.name: unit.at([0, 3, 5]).tolist() for unit in shown.time_units()}
    assert units == {"epochs": [0.0, 0.6, 1.0], "samples": [0.0, 6.0, 10.0], "tokens": [0.0, 700.0, 1700.0]}
    assert picture(shown).panels[0].breakpoints.tolist() == [4]
