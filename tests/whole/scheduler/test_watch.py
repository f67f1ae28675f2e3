"""A watched plan file: when a change counts, what is ignored, and what is kept.

These tests need further doors.
"""

import pytest

from paramsched.engines.engine_facts import EngineFacts, PlanOptions
from support.updates import probe, run

FIRST = "horizon: 100\nlr: linear()\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text(FIRST)
    return path


def change_to(file, text, optimizer, scheduler):
    """Write the file, and run until the second look."""
    file.write_text(text)
    run(optimizer, 2)


def test_the_horizon_of_a_changed_file_takes_precedence_over_the_length_of_the_run_in_an_engine(file):
    file.write_text("lr: linear()\n")
    optimizer = probe(lr=1.0)
    scheduler = EngineFacts(call="engine", total=80, why={}).attach(optimizer, file, PlanOptions(watch=1))
    ends = [scheduler.calendar.total]
    change_to(file, FIRST, optimizer, scheduler)
    ends.append(scheduler.plan.horizon.updates)
    change_to(file, "lr: cosine()\n", optimizer, scheduler)
    ends.append(scheduler.calendar.total)

    assert ends == [80, 100, 80]
    assert len(scheduler.history) == 3
