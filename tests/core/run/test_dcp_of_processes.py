"""Sharded runs that resume with another number of processes from torch's distributed checkpoint."""

import json
import os
from pathlib import Path

import pytest

from core.run.dcp import in_two, made, parts_of, through_a_file
from core.run.dcp_job import CASES, attached, begin, resume
from support.ports import free_port
from support.programs import Program

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]

TESTS = Path(__file__).parents[2]


def run_processes(what, count, folder):
    address = f"tcp://127.0.0.1:{free_port()}"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])}
    environment["OMP_NUM_THREADS"] = "1"
    started = [
        Program(["-m", "core.run.dcp_job", what, address, str(rank), str(count), str(folder)], env=environment)
        for rank in range(count)
    ]
    said = [one.communicate(timeout=300)[1] for one in started]
    assert [one.returncode for one in started] == [0] * count, said


@pytest.fixture(
    scope="module",
    params=[(2, 1), *(pytest.param(one, marks=pytest.mark.long) for one in [(4, 2), (2, 4)])],
    ids=["2 to 1", "4 to 2", "2 to 4"],
)
def found(request, tmp_path_factory):
    """Return the values that each process used after the load."""
    before, after = request.param
    folder = tmp_path_factory.mktemp("checkpoints")
    run_processes("save", before, folder)
    run_processes("load", after, folder)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(after)]


@pytest.mark.parametrize("name", CASES)
def test_a_sharded_run_resumes_as_from_torch_save(name, found):
    _, plan, how = CASES[name]

    def new():
        model, optimizer = made(2)
        return model, in_two(optimizer) if "two" in how else optimizer

    model, optimizer = new()
    scheduler = begin(name, model, optimizer)
    saved = through_a_file([[one.state_dict() for one in parts_of(optimizer)], scheduler.state_dict()])
    model, optimizer = new()
    scheduler = attached(optimizer, plan)
    for one, state in zip(parts_of(optimizer), saved[0], strict=True):
        one.load_state_dict(state)
    if "scheduler" in how:
        scheduler.load_state_dict(saved[1])

    expected = resume(model, optimizer, scheduler)

    assert [one[name] for one in found] == [expected] * len(found)
