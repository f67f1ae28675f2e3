"""The page on changing a plan: its example, its table and its commands."""

import doctest
import re
from pathlib import Path

import paramsched as ps
from support.tables import table

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "change-a-plan.md"
TEXT = PAGE.read_text(encoding="utf-8")
PLAN = (
    'horizon: 10000\nlr: warmup("5%") >> cosine(to=0.1)\nweight_decay: linear(to=0.5)\ngroups:\n  head: {lr: step(9)}\n'
)


def test_the_example_of_the_page_prints_the_documented_output():
    examples = doctest.DocTestParser().get_doctest(TEXT.replace("```", ""), {"ps": ps}, PAGE.name, str(PAGE), 0)

    assert len(examples.examples) == 5
    assert doctest.DocTestRunner().run(examples).failed == 0


@table("call", re.findall(r"\| `(plan\.[^`]+)` \|", TEXT))
def test_each_call_in_the_table_of_the_page_keeps_the_past(call):
    plan = ps.loads(PLAN)
    groups = [{"lr": 0.1, "weight_decay": 0.1}, {"name": "head", "lr": 0.1, "weight_decay": 0.1}]

    changed = eval(call, {name: getattr(ps, name) for name in ("linear", "cosine", "previous")} | {"plan": plan})

    before, after = ps.trace(plan, groups), ps.trace(changed, groups)
    assert changed != plan
    for key in before.keys():
        assert after[key][:8000].tobytes() == before[key][:8000].tobytes()
