"""`check` reports likely mistakes and accepts correct plans."""

import re
from pathlib import Path

from paramsched.core import files as config
from paramsched.core.plan import Plan
from paramsched.core.schedules import parse
from paramsched.errors import ParamschedError
from paramsched.tools.check.plan_check import check
from support.tables import table


def diagnostics_of(line, field="lr"):
    return [one.message for one in check(Plan(**{field: parse(line)})) if one.severity == "warning"]


@table(
    ("line", "happens", "instead"),
    [
        ("constant(1e-3)", "is 0.001 × base", "constant(absolute(0.001))"),
        ("linear(0.001, 0.00001)", "goes from 0.001 to 1e-05 × base", "absolute(linear(0.001, 1e-05))"),
        ("3e-4 * (warmup(5) >> cosine())", "goes from 0 to 0.0003 × base",
         "constant(absolute(0.0003)) * (warmup(5) >> cosine())"),
        ("cosine(start=0.1)", "falls from 0.1 to 0 × base", "cosine(to=0.1)"),
        ("cosine(start=0.1, over=50)", "falls from 0.1 to 0 × base", "cosine(to=0.1, over=50)"),
    ],
)  # fmt: skip
def test_a_likely_mistake_is_reported_with_its_effect_and_a_fix(line, happens, instead):
    (message,) = diagnostics_of(line)

    assert happens in message
    assert message.endswith(f"write {instead}")


@table(
    ("peer_name", "own_name"),
    [("learning_rate", "lr"), ("wd", "weight_decay"), ("beta1", "betas[0]"), ("epsilon", "eps")],
)
def test_a_peer_name_of_a_field_is_reported_with_the_name_in_paramsched(peer_name, own_name):
    assert any(own_name in message for message in diagnostics_of("cosine()", peer_name))


@table(
    "line",
    [
        "warmup('5%') >> cosine(to=0.01)",
        "warmup('5 epochs') * multistep(['30 epochs'])",
        "0.1 * (warmup(5) >> cosine())",
        "linear(absolute(0.001), absolute(0.00001))",
        "constant(0.1)",
        "warmup(5, start=0.001) >> constant()",
        "restarts(warmup('2%') >> cosine(), '20%')",
        "piecewise([[0, 1.0], ['30%', 0.1], ['60%', 0.01]])",
        "wsd('5%', '20%')",
        "noam(512, 4000)",
        "warmup(5) >> step('30 epochs')",
    ],
)
def test_a_correct_plan_has_no_diagnostics(line):
    assert diagnostics_of(line) == []


def documented():
    """Yield every plan of the README, docs and examples, except pages that show diagnostics."""
    root = Path(__file__).parents[3]
    docs = root / "docs"
    written = [page for page in sorted(docs.rglob("*.md")) if docs / "_generated" not in page.parents]
    pages = [root / "README.md", *(page for page in written if page != docs / "reference" / "checking.md")]
    texts = [text for page in pages for text in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)]
    texts += [file.read_text() for file in sorted((root / "examples").rglob("*.yaml"))]
    for text in texts:
        try:
            yield config.loads(text)
        except ParamschedError:  # a config of the Runner or a part of a plan
            continue


def test_no_plan_in_the_documentation_has_diagnostics():
    plans = list(documented())

    assert len(plans) >= 3
    assert [found for plan in plans for found in check(plan)] == []


def test_a_config_of_a_peer_is_not_checked_for_native_mistakes():
    plan = Plan(lr=parse("constant(1e-3)"))

    assert check(plan, native=False) == ()


def test_a_likely_mistake_is_reported_at_its_location():
    (found,) = check(config.loads("groups: {head: {lr: constant(0.0001)}}"))

    assert (found.severity, found.path) == ("warning", "$.groups.head.lr")
