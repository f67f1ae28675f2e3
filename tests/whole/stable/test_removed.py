"""Plans and states of 1.0.0rc6 that need what was removed: refused in one sentence, and nothing changes.

`removed.json` was written by 1.0.0rc6 and is never written again.
"""

import base64
import copy
import json
import pickle
from pathlib import Path

import pytest
import torch

import paramsched as ps
from paramsched.errors import ConfigError, StateError
from support.tables import table

RECORDED = json.loads(Path(__file__).with_name("removed.json").read_text("utf-8"))
UNNEEDED = "fact that no plan needs"
REMOVED = [name for name in RECORDED if name != UNNEEDED]


def sgd() -> torch.optim.SGD:
    return torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1, weight_decay=0.01)


@table("name", REMOVED)
def test_a_plan_file_is_refused_at_the_line_that_needs_it(name):
    with pytest.raises(ConfigError) as refused:
        ps.loads(RECORDED[name]["plan"])

    assert all(problem.line for problem in refused.value.problems)


@table("name", REMOVED)
def test_a_state_is_refused_and_nothing_changes(name):
    optimizer = sgd()
    scheduler = ps.Scheduler(optimizer, "linear()", total=10)
    before = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
    carrying = sgd()
    carrying.load_state_dict(copy.deepcopy(RECORDED[name]["optimizer"]))

    for load in (
        lambda: optimizer.load_state_dict(copy.deepcopy(RECORDED[name]["optimizer"])),
        lambda: scheduler.load_state_dict(RECORDED[name]["scheduler"]),
        lambda: ps.Scheduler(carrying, "linear()", total=10),
    ):
        with pytest.raises(StateError, match="no longer reads") as refused:
            load()
        assert str(refused.value).count("\n") == 0

    assert (optimizer.state_dict(), scheduler.state_dict()) == before
    assert carrying.param_groups[0]["lr"] == RECORDED[name]["lr"]


@table("name", REMOVED)
def test_a_pickle_of_a_plan_is_refused_in_one_sentence(name):
    with pytest.raises(ps.errors.ParamschedError) as refused:
        pickle.loads(base64.b64decode(RECORDED[name]["pickle"]))

    assert str(refused.value).count("\n") == 0


@pytest.mark.parametrize("of", ["optimizer", "scheduler"])
def test_a_state_that_has_a_removed_fact_and_does_not_need_it_continues(of, caplog):
    optimizer = sgd()
    scheduler = ps.Scheduler(optimizer, "linear()", total=10)

    {"optimizer": optimizer, "scheduler": scheduler}[of].load_state_dict(copy.deepcopy(RECORDED[UNNEEDED][of]))

    assert (scheduler.t, optimizer.param_groups[0]["lr"]) == (3, RECORDED[UNNEEDED]["lr"])
    assert caplog.messages == []
