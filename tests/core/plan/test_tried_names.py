"""Names that people try on a plan are answered with the line to write, which works."""

import copy
import pickle
import re

import pytest
import torch

import paramsched as ps
from support.tables import table

PLAN = ps.Plan(lr="cosine()", weight_decay="linear(1, 0.5)", horizon=10)


def optimizer():
    return torch.optim.AdamW([torch.nn.Parameter(torch.ones(1))], lr=0.1)


@table("name", ["lr", "weight_decay", "betas", "save", "to_yaml", "to_json", "trace", "step"])
def test_the_answer_is_a_line_that_works(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(AttributeError) as refused:
        getattr(PLAN, name)

    line = re.search(r"(?:Write|For example:) (.*)$", str(refused.value))[1].replace("'betas'", "'lr'")
    assert eval(line, {"ps": ps, "plan": PLAN, "optimizer": optimizer()}) is not False  # a line of our own


def test_a_misspelled_name_has_the_nearest():
    with pytest.raises(AttributeError, match='did you mean "horizon"'):
        PLAN.horizn  # noqa: B018


def test_a_plan_has_no_items_and_names_the_trace():
    with pytest.raises(TypeError, match=r"ps.trace\(plan, optimizer\)\['weight_decay'\]"):
        PLAN["weight_decay"]
    with pytest.raises(TypeError, match="not iterable"):
        list(PLAN)


def test_a_plan_is_copied_and_pickled_and_has_no_field_as_attribute():
    assert copy.deepcopy(PLAN) == copy.copy(PLAN) == pickle.loads(pickle.dumps(PLAN)) == PLAN
    assert not hasattr(PLAN, "lr")
    assert not hasattr(PLAN, "__array__")


def test_a_scheduler_has_no_items_and_names_its_values():
    scheduler = ps.Scheduler(optimizer(), PLAN)

    with pytest.raises(TypeError, match=r"scheduler\.values\(\)$"):
        scheduler["lr"]
    with pytest.raises(TypeError, match="not iterable"):
        list(scheduler)
    assert scheduler.values()["lr", 0] == 0.1
