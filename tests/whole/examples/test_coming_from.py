"""The pages for users of other libraries: their code runs, and each row of a table is correct."""

import doctest
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

import paramsched as ps
from support import mmengine_peer
from support.tables import table
from whole.reference import timm_peer

PAGES = Path(__file__).parents[3] / "docs"
ENGINES = ("engines/deepspeed", "engines/mmengine", "engines/pytorch_accelerated")
NAMES = [*sorted(f"coming_from/{page.stem}" for page in PAGES.glob("coming_from/*.md")), *ENGINES]
ROW = re.compile(r"^\| `(?P<theirs>.+?)` \| `(?P<plan>.+?)` \|$", re.MULTILINE)
TOTAL = 100


def text_of(page: str) -> str:
    return (PAGES / f"{page}.md").read_text(encoding="utf-8")


def rows(*pages: str) -> list[Any]:
    return [(page, row["theirs"], row["plan"]) for page in pages for row in ROW.finditer(text_of(page))]


def library(page: str) -> dict[str, Any]:
    """Return the names in the left column of a page's table."""
    names = dict(vars(torch.optim.lr_scheduler))
    if page == "coming_from/transformers":
        transformers = pytest.importorskip("transformers")
        names |= {name: getattr(transformers, name) for name in dir(transformers) if name.startswith("get_")}
    elif page == "engines/pytorch_accelerated":
        schedulers = pytest.importorskip("pytorch_accelerated.schedulers.cosine_scheduler")
        names |= vars(schedulers)
    elif page == "coming_from/torch":
        from paramsched.compat.gradual_warmup import GradualWarmupScheduler

        names["GradualWarmupScheduler"] = GradualWarmupScheduler
    return names


def stepped(page: str, call: str) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    values = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = eval(call, library(page), {"o": optimizer})  # a row of a page of this repository
        for t in range(TOTAL):
            values.append(float(optimizer.param_groups[0]["lr"]))
            optimizer.step()
            scheduler.step_update(t + 1) if hasattr(scheduler, "step_update") else scheduler.step()
    return values


@pytest.mark.parametrize("page", NAMES)
def test_the_code_on_a_page_runs(page: str) -> None:
    blocks = re.findall(r"```python\n(.*?)```", text_of(page), re.DOTALL)
    session = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, page, f"{page}.md", 0)

    failed, _ = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(session)

    assert failed == 0


@pytest.mark.parametrize(
    ("page", "theirs", "line"), rows("coming_from/torch", "coming_from/transformers", "engines/pytorch_accelerated")
)
def test_the_plan_in_a_row_has_the_peers_curve(page: str, theirs: str, line: str) -> None:
    planned = ps.trace(ps.Plan(lr=line, horizon=TOTAL), {"lr": 0.1})["lr", 0].tolist()

    assert stepped(page, theirs) == pytest.approx(planned, rel=1e-12, abs=1e-14)  # torch's own recursions


@table(("page", "theirs", "line"), rows("engines/mmengine"))
def test_the_plan_in_a_row_has_the_values_of_mmengine(page: str, theirs: str, line: str) -> None:
    pytest.importorskip("mmengine")
    schedulers, epochs, length = eval(theirs), 12, 100  # a row of a page of this repository
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        listed = schedulers if isinstance(schedulers, list) else [schedulers]
        built = mmengine_peer.built_by_peer(listed, optimizer, epochs, length)
        expected = mmengine_peer.run(built, optimizer, epochs, length)[:, 0]

    plan, facts = ps.Plan(lr=line, horizon=f"{epochs} epochs"), ps.Calendar(steps_per_epoch=length)
    assert ps.trace(plan, {"lr": 0.1}, facts)["lr", 0] == pytest.approx(expected, rel=1e-9, abs=1e-13)


@pytest.mark.heavy
@table(("page", "theirs", "line"), rows("coming_from/timm"))
def test_the_plan_in_a_row_has_the_rates_of_timm_at_every_update(page: str, theirs: str, line: str) -> None:
    arguments = eval(theirs)  # a row of a page of this repository
    metric = arguments.pop("eval_metric", None)  # an option of timm's training script
    per_epoch = arguments.get("updates_per_epoch", 4)
    schedulers = timm_peer.timm_schedulers()
    expected, epochs = timm_peer.rates(schedulers, arguments, lr=0.1, updates_per_epoch=per_epoch)
    plan, facts = ps.Plan(lr=line, horizon=f"{epochs} epochs"), ps.Calendar(steps_per_epoch=per_epoch)

    assert ps.trace(plan, {"lr": 0.1}, facts)["lr", 0] == pytest.approx(expected, rel=0, abs=1e-13)
    if metric is not None:
        tops = [30.0 - abs(epoch % 30 - 12) for epoch in range(epochs)]
        (rule,) = ps.parse(line).metric_rules
        state, after = rule.init(), []
        for top in tops:
            state = rule.observe(state, top)
            after.append(rule.apply(state, 0.1, 0.1))
        expected = timm_peer.rates_by_metric(schedulers, {**arguments, "plateau_mode": "max"}, tops, lr=0.1)
        assert after == pytest.approx(expected, rel=1e-12)
        assert after[-1] < 0.1
