"""The pages for users of other libraries: their code runs, and each row of a table is correct."""

import doctest
import json
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

import paramsched as ps
from support import mmengine_original
from support.pages import rows
from support.tables import table
from whole.reference import deepspeed_formulas, megatron_formulas, timm_original

PAGES = Path(__file__).parents[3] / "docs"
ENGINES = ("engines/deepspeed", "engines/mmengine", "engines/pytorch_accelerated")
NAMES = [*sorted(f"coming_from/{page.stem}" for page in PAGES.glob("coming_from/*.md")), *ENGINES]
TOTAL = 100


def text_of(page: str) -> str:
    return (PAGES / f"{page}.md").read_text(encoding="utf-8")


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
@pytest.mark.filterwarnings("ignore:The epoch parameter in")
@pytest.mark.filterwarnings("ignore:optim_wrapper.paramwise_cfg")
def test_the_code_on_a_page_runs(page: str) -> None:
    if page == "engines/mmengine":
        pytest.importorskip("paramsched_runner")
    blocks = re.findall(r"```python\n(.*?)```", text_of(page), re.DOTALL)
    session = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, page, f"{page}.md", 0)

    failed, _ = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(session)

    assert failed == 0


@pytest.mark.parametrize(
    ("page", "original", "line"),
    rows("coming_from/torch", "engines/pytorch_accelerated") + rows("coming_from/transformers", of="get_"),
)
def test_the_plan_in_a_row_has_the_curve_of_the_other_library(page: str, original: str, line: str) -> None:
    planned = ps.trace(ps.Plan(lr=line, total=TOTAL), {"lr": 0.1})["lr", 0].tolist()

    assert stepped(page, original) == pytest.approx(planned, rel=1e-12, abs=1e-14)  # torch's own recursions


@table(("page", "original", "line"), rows("engines/mmengine"))
def test_the_plan_in_a_row_has_the_values_of_mmengine(page: str, original: str, line: str) -> None:
    pytest.importorskip("mmengine")
    schedulers = eval(original)
    epochs = 12
    length = 100  # a row of a page of this repository
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        listed = schedulers if isinstance(schedulers, list) else [schedulers]
        built = mmengine_original.built_by_original(listed, optimizer, epochs, length)
        expected = mmengine_original.run(built, optimizer, epochs, length)[:, 0]

    plan = ps.Plan(lr=line, total=f"{epochs} epochs")
    facts = ps.RunFacts(steps_per_epoch=length)
    assert ps.trace(plan, {"lr": 0.1}, facts=facts)["lr", 0] == pytest.approx(expected, rel=1e-9, abs=1e-13)


@pytest.mark.heavy
@table(("page", "original", "line"), rows("coming_from/timm"))
def test_the_plan_in_a_row_has_the_rates_of_timm_at_every_update(page: str, original: str, line: str) -> None:
    arguments = eval(original)  # a row of a page of this repository
    metric = arguments.pop("eval_metric", None)  # an option of timm's training script
    per_epoch = arguments.get("updates_per_epoch", 4)
    schedulers = timm_original.timm_schedulers()
    expected, epochs = timm_original.rates(schedulers, arguments, lr=0.1, updates_per_epoch=per_epoch)
    plan = ps.Plan(lr=line, total=f"{epochs} epochs")
    facts = ps.RunFacts(steps_per_epoch=per_epoch)

    assert ps.trace(plan, {"lr": 0.1}, facts=facts)["lr", 0] == pytest.approx(expected, rel=0, abs=1e-13)
    if metric is not None:
        tops = [30.0 - abs(epoch % 30 - 12) for epoch in range(epochs)]
        (rule,) = ps.parse(line).metric_rules
        state = rule.init()
        after = []
        for top in tops:
            state = rule.observe(state, top)
            after.append(rule.apply(state, 0.1, 0.1))
        expected = timm_original.rates_by_metric(schedulers, {**arguments, "plateau_mode": "max"}, tops, lr=0.1)
        assert after == pytest.approx(expected, rel=1e-12)
        assert after[-1] < 0.1


@table(("page", "original", "line"), rows("coming_from/transformers", of="lr_scheduler_type"))
def test_the_plan_in_a_row_has_the_rates_of_the_trainer(tmp_path: Path, page: str, original: str, line: str) -> None:
    transformers = pytest.importorskip("transformers")
    arguments = eval(f"dict({original})")  # a row of a page of this repository
    args = transformers.TrainingArguments(tmp_path, use_cpu=True, report_to=[], learning_rate=0.1, **arguments)
    trainer = transformers.Trainer(torch.nn.Linear(1, 1), args)
    trainer.create_optimizer_and_scheduler(TOTAL)
    expected = []
    for _ in range(TOTAL):
        expected.append(trainer.optimizer.param_groups[0]["lr"])
        trainer.optimizer.step()
        trainer.lr_scheduler.step()

    assert rates(line, TOTAL) == pytest.approx(expected, rel=1e-12)


def rates(line: str, total: int, lr: float = 0.1) -> list[float]:
    return ps.trace(ps.Plan(lr=line, total=total), {"lr": lr})["lr", 0].tolist()


@table(("page", "original", "line"), rows("engines/deepspeed"))
def test_the_plan_in_a_row_has_the_rates_that_deepspeed_uses(page: str, original: str, line: str) -> None:
    scheduler = json.loads(original)
    name = scheduler["type"]
    params = scheduler["params"]
    expected = [deepspeed_formulas.used_lr(name, params, 0.1, t) for t in range(1000)]

    assert rates(line, 1000) == pytest.approx(expected, rel=1e-12)
    if name.startswith("Warmup"):
        meant = line.removeprefix("constant(0, 1) >> ")
        assert rates(meant, 1000)[:999] == pytest.approx(expected[1:], rel=1e-12)


@table(("page", "original", "line"), rows("coming_from/megatron", of="--lr-decay-style"))
def test_the_plan_in_a_row_has_the_rates_of_megatron(page: str, original: str, line: str) -> None:
    args = megatron_formulas.arguments_of(f"--train-iters 1000 --lr 6e-4 {original}")
    expected = [megatron_formulas.lr_of(args, t) for t in range(1000)]

    assert rates(line, 1000, 6e-4) == pytest.approx(expected, rel=1e-12)


def test_the_weight_decay_on_the_page_is_that_of_megatron() -> None:
    options, line = re.search(
        r"`(--start-weight-decay [^`]+)` is the line\s+`([^`]+)`", text_of("coming_from/megatron")
    ).groups()
    args = megatron_formulas.arguments_of(f"--train-iters 1000 {options}")
    expected = [megatron_formulas.weight_decay_of(args, t) for t in range(1000)]

    trace = ps.trace(ps.loads(f"total: 1000\n{line}"), {"weight_decay": 0.3})

    assert trace["weight_decay", 0].tolist() == pytest.approx(expected, rel=1e-12)


def test_the_plan_by_samples_has_the_batches_and_rates_of_megatron() -> None:
    page = text_of("coming_from/megatron")
    options = " ".join(re.findall(r"`(--[^`]+)`", page.partition("## Runs that count samples")[2].partition("```")[0]))
    args = megatron_formulas.arguments_of(f"--lr 6e-4 {options}")
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)

    trace = ps.trace(ps.loads(text), {"lr": 6e-4})

    iterations = megatron_formulas.samples_and_batch_sizes(args)
    assert trace["batch_size"].tolist() == [size for _, size in iterations]
    expected = [megatron_formulas.lr_of(args, samples) for samples, _ in iterations]
    assert trace["lr", 0].tolist() == pytest.approx(expected, rel=1e-12)
