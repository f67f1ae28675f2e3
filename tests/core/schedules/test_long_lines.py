"""The time to read a long line grows linearly with its length."""

import pytest

from paramsched.core.plan import Plan
from paramsched.core.schedules import Anneal, base, parse
from paramsched.core.schedules.writing import call_text
from paramsched.core.time import Calendar

LINES = {">>": "warmup(5)", "*": "step(5)", "+": "step(5)", "-": "step(5)"}


@pytest.mark.parametrize(("operator", "stage"), LINES.items())
def test_a_valid_line_is_read_without_formatting_its_parts(monkeypatch, operator, stage):
    line = f" {operator} ".join([stage] * 500)
    written = []
    monkeypatch.setattr(base, "call_text", lambda value: written.append(value) or call_text(value))

    parse(line)

    assert len(written) == 0


def test_each_part_of_a_deep_schedule_is_formatted_once(monkeypatch):
    schedule = parse("chain(" * 45 + "cosine()" + ")" * 45)
    written = []
    monkeypatch.setattr(base, "call_text", lambda value: written.append(value) or call_text(value))

    str(schedule)

    assert len(written) == 45  # the innermost part is not written with the name of its class


NESTED = (
    "chain(…)",
    "minimum(…)",
    "clamp(…)",
    "every(…, 5)",
    "restarts(…, 500, times=1)",
    "window(…)",
    "shift(…, 1)",
    "(warmup(1) >> …)",
    "-(…)",
    "(1 + …)",
)


@pytest.mark.parametrize("form", NESTED)
@pytest.mark.parametrize("inner", ["linear(over=5)", "cosine()"])
def test_the_innermost_part_of_a_deep_schedule_is_evaluated_a_few_times(monkeypatch, form, inner):
    site = []
    length = Anneal.length.fget
    monkeypatch.setattr(Anneal, "length", property(lambda self: site.append(1) or length(self)))
    outer, end = form.split("…")

    plan = Plan(lr=outer * 40 + inner + end * 40)
    schedule = plan.resolve(Calendar(total=1000)).bindings[0].schedule
    schedule.breakpoints(1000)
    schedule(5)

    assert len(site) < 40**3
