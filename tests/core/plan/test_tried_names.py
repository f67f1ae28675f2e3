"""Names that people try on a plan, a schedule or a Scheduler are answered with the line to write, which works."""

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


@table("name", ["lr", "weight_decay", "betas", "save", "total", "to_yaml", "to_json", "trace", "step"])
def test_the_answer_is_a_line_that_works(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(AttributeError) as refused:
        getattr(PLAN, name)

    line = re.search(r"(?:Write|For example:) (.*)$", str(refused.value))[1].replace("'betas'", "'lr'")
    assert eval(line, {"ps": ps, "plan": PLAN, "optimizer": optimizer()}) is not False  # a line of our own


@pytest.mark.door("show")
@table("kind", ["plan", "schedule", "scheduler"])
def test_what_people_try_in_order_to_see_it_is_answered_with_a_figure(kind):
    tried = {"plan": PLAN, "schedule": ps.cosine(over=5), "scheduler": ps.Scheduler(optimizer(), PLAN)}

    for name in ("show", "draw") if kind == "plan" else ("show", "draw", "plot"):
        with pytest.raises(AttributeError, match=rf"(?i)^a {kind} has no attribute '{name}'\. Write print") as refused:
            getattr(tried[kind], name)
        line = str(refused.value).partition("Write ")[2]
        assert "┤" in str(eval(line.removeprefix("print"), {"ps": ps, **tried}))  # a line of our own


@pytest.mark.door("show")
def test_the_module_of_pictures_names_the_figure_when_it_is_called():
    with pytest.raises(TypeError, match=r"Write print\(ps\.show\.figure\(plan\)\)$"):
        ps.show(PLAN)


@table("name", ["load", "from_file", "from_yaml"])
def test_a_plan_is_read_by_load(name):
    for of in (ps.Plan, PLAN):
        with pytest.raises(AttributeError, match=rf"^a Plan has no attribute '{name}'\. Write ps\.load"):
            getattr(of, name)


def test_a_misspelled_name_has_the_nearest():
    with pytest.raises(AttributeError, match='did you mean "horizon"'):
        PLAN.horizn  # noqa: B018


def test_the_package_has_no_save_and_names_dump():
    with pytest.raises(AttributeError, match=r'Write ps.dump\(plan, "plan.yaml"\)$'):
        ps.save  # noqa: B018


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
