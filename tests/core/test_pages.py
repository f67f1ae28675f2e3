"""Pages about the core: their examples print the documented output, and the lines of their tables are valid."""

import doctest
import re
from pathlib import Path

import paramsched as ps
from support.tables import table

DOCS = Path(__file__).parents[2] / "docs"
CHANGES = (DOCS / "how-to" / "change-a-plan.md").read_text(encoding="utf-8")
GROWING = (DOCS / "how-to" / "growing-batch.md").read_text(encoding="utf-8")
LENGTHS = (DOCS / "reference" / "lengths-and-levels.md").read_text(encoding="utf-8")
LEVELS = LENGTHS.partition("\n## Levels\n")[2].partition("\n## Clocks\n")[0]
PLAN = (
    'total: 10000\nlr: warmup("5%") >> cosine(to=0.1)\nweight_decay: linear(to=0.5)\ngroups:\n  head: {lr: step(9)}\n'
)


@table(("name", "text", "count"), [("changes", CHANGES, 5), ("growing batch", GROWING, 7), ("levels", LEVELS, 1)])
def test_the_example_of_a_page_prints_the_documented_output(name, text, count):
    examples = doctest.DocTestParser().get_doctest(text.replace("```", ""), {"ps": ps}, name, None, 0)

    results = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(examples)

    assert (results.attempted, results.failed) == (count, 0)


@table("call", re.findall(r"\| `(plan\.[^`]+)` \|", CHANGES))
def test_each_call_in_the_table_of_changes_keeps_the_past(call):
    plan = ps.loads(PLAN)
    groups = [{"lr": 0.1, "weight_decay": 0.1}, {"name": "head", "lr": 0.1, "weight_decay": 0.1}]

    changed = eval(call, {name: getattr(ps, name) for name in ("linear", "cosine", "constant")} | {"plan": plan})

    before = ps.trace(plan, groups)
    after = ps.trace(changed, groups)
    assert changed != plan
    for key in before.keys():
        assert after[key][:8000].tobytes() == before[key][:8000].tobytes()


@table("level", re.findall(r"^\| `([^`]+)` \|", LEVELS, re.MULTILINE))
def test_each_level_in_the_table_of_levels_is_accepted(level):
    whole = ps.parse(f"constant(0.5, 5) >> linear({level}, 0, 5) >> constant(0.5)")

    assert whole(5, base=2.0) == {"0.1": 0.2, "absolute(2e-05)": 2e-05, "0.5 + absolute(2e-05)": 1.00002}.get(
        level, 1.0
    )
