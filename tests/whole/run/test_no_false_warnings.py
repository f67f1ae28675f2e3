"""Right plans start without a warning: those of the pages and the examples, and drawn ones.

Each warning that is meant is listed with its reason.
"""

import random
import re
import warnings
from contextlib import suppress
from pathlib import Path

import pytest

import paramsched as ps
from paramsched.errors import ParamschedError
from support.tables import table

ROOT = Path(__file__).parents[3]
DRAWN = {"shapes.md", "curves.md"}  # each line of these pages is drawn in a run of 100 updates
PAGES = [ROOT / "README.md", *(page for page in sorted((ROOT / "docs").glob("[a-z]*/*.md")) if page.name not in DRAWN)]
FACTS = {"steps_per_epoch": 500, "batch_size": 32, "sequence_length": 1024}
VALUES = {"lr": 0.001, "weight_decay": 0.01, "betas": (0.9, 0.999), "momentum": 0.9, "eps": 1e-8}

MEANT = {
    # page or file, a part of the plan: the code, and why the page shows it
    ("checking.md", "multistep([30, 60, 80])"): "PS211",  # the page explains these warnings
    ("checking.md", "linear(1e-3, 1e-5)"): "PS301",
    ("checking.md", "warmup(500) >> cosine(start=0.1)"): "PS301",
}


class Optimizer:
    """An optimizer of groups whose updates are counted by hand."""

    def __init__(self, groups):
        self.param_groups, self.state = groups, {}


def codes_at_a_start(plan, groups=None, **facts):
    names = [one.groups for one in plan.bindings if isinstance(one.groups, str)]
    groups = groups or [{"params": [], **VALUES, "name": name} for name in dict.fromkeys([*names, "others"])]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ps.Scheduler(Optimizer(groups), plan, drive="manual", **facts)
    told = [str(one.message) for one in caught if issubclass(one.category, ps.PlanWarning)]
    return [text.rpartition("[")[2].rstrip("]") if text.endswith("]") else text for text in told]


def plans_on(page):
    """Yield the text of each plan on a page: of its YAML blocks, its pictures and its Python code."""
    text = page.read_text(encoding="utf-8")
    for kind, block in re.findall(
        r"^(?:```|````)(yaml|\{plan\}[^\n]*)\n(.*?)^(?:```|````)$", text, re.MULTILINE | re.DOTALL
    ):
        lines = [line for line in block.splitlines() if not line.startswith(":")]
        if kind == "yaml":
            yield "\n".join(lines)
        elif lines and "lr:" not in block and ":file:" not in block:
            yield "\n".join(f"lr: {line}" for line in lines if line.strip())
    for _, line in re.findall(r"""(?:\blr=|Scheduler\(optimizer, )(["'])(.+?)\1""", text):
        yield f"lr: {line}"


def right_or_why_not(text):
    """Return the codes of a plan at a start; None if the text is no plan that an optimizer can start."""
    try:
        plan = ps.loads(text)
    except ParamschedError:
        return None
    if any("/" in str(one.groups) or isinstance(one.groups, int) for one in plan.bindings):
        return None
    facts = FACTS if "epoch" in text else {"batch_size": 32, "sequence_length": 1024}
    total = {} if plan.horizon is not None else {"total": "90 epochs" if "epoch" in text else 10_000}
    try:
        return codes_at_a_start(plan, **facts, **total)
    except ParamschedError:
        return None


CASES = [(page.name, text) for page in PAGES for text in plans_on(page)]
CASES += [(file.name, file.read_text()) for file in sorted((ROOT / "examples").rglob("*.yaml"))]


def test_the_plans_of_pages_and_examples_start_silently():
    found = {(name, text): codes for name, text in CASES if (codes := right_or_why_not(text)) is not None}

    told = {
        (name, text): code
        for (name, text), codes in found.items()
        for code in codes
        if not any(name == page and part in text and code == meant for (page, part), meant in MEANT.items())
    }
    assert told == {}
    assert len(found) > 60


STARTS = ["warmup({w}) >> ", "warmup({w}, {s}) >> ", "", "constant({s}, {w}) >> ", "constant(over={w}) >> "]
BODIES = [
    "cosine(to={f})", "linear(to={f})", "cosine()", "linear()", "constant()", "inverse_sqrt({n})",
    "polynomial(2.0)", "constant() >> linear(over='{p}%')", "constant() >> anneal(to={f}, over='{p}%')",
    "cosine(to=0.1, over='{p}%') >> constant(0.1)",
    "multistep(['30%', '60%'])", "step('25%', 0.5)", "restarts(cosine(), '20%')", "exponential(0.5, per='{p}%')",
]  # fmt: skip
AROUND = ["{}", "{}", "0.5 * ({})", "({}) * plateau('val_loss', patience=5)", "every({}, '1 epoch')"]
OTHERS = [
    {}, {}, {"weight_decay": "cosine(to=0.1)"}, {"weight_decay": "absolute(0.05)"},
    {"weight_decay": "0.1 * constant()"}, {"momentum": "linear(1, 0.95)"},
    {"betas[0]": "linear(absolute(0.85), absolute(0.95), '20%') >> constant(absolute(0.95))"},
    {"weight_decay": "like('lr')"},
]  # fmt: skip


def drawn_right_plan(draw):
    """Return the lines of a plan that a user may mean, and its run facts."""
    values = {
        "w": draw.choice(["'5%'", "'1 epoch'", "500", "'2000 batches'", "'64k samples'"]),
        "s": draw.choice([0.1, 0.01]),
        "f": draw.choice([0, 0.1, 0.05]), "n": draw.choice([1000, 4000]), "p": draw.choice([10, 20, 30]),
    }  # fmt: skip
    line = draw.choice(AROUND).format(draw.choice(STARTS).format(**values) + draw.choice(BODIES).format(**values))
    return {"lr": line, **draw.choice(OTHERS)}, {
        **FACTS, "total": draw.choice(["10 epochs", "90 epochs", 20_000]), "steps_per_epoch": draw.choice([500, 1251]),
    }  # fmt: skip


@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(n, marks=pytest.mark.long) for n in range(2, 20))])
def test_drawn_right_plans_start_silently(seed):
    draw, told = random.Random(seed), {}
    for _ in range(100):
        lines, facts = drawn_right_plan(draw)
        with suppress(ParamschedError):  # a follower of a metric rule, or a milestone after the end of its stage
            if codes := codes_at_a_start(ps.Plan(**lines), **facts):
                told[str(lines)] = codes, facts["total"]

    assert told == {}


@table(
    ("groups", "more"),
    [
        ([{"name": "body", "lr": 0.001}, {"name": "head", "lr": 0.01}], {}),
        ([{"name": "decay", "weight_decay": 0.1}, {"name": "no decay", "weight_decay": 0.0}], {}),
        ([{"lr": 0.0}, {"lr": 0.001}], {}),
        ([{}], {"t": 100}),
    ],
)
def test_usual_groups_start_silently(groups, more):
    groups = [{"params": [], **VALUES, **one} for one in groups]
    for one in groups:
        one["initial_lr"] = one["lr"]

    assert codes_at_a_start(ps.Plan(lr="warmup('5%') >> cosine()"), groups, total=10_000, **more) == []
