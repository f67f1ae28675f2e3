"""The scripts of the engines' pages run, with and without a plan, and one statement attaches the plan."""

import ast
import gc
import warnings

import pytest
import torch

from support.pages import DOCS, script, scripts
from support.spread import spread

PAGES = DOCS / "engines"
SCRIPTS = sorted(scripts())
LIBRARIES = {
    "plain": "torch",
    "Weight averaging": "torch",
    "Ignite": "ignite",
    "lightning": "lightning.pytorch",
}

CONSTANT_AT_THE_END = ("Weight averaging", "mmengine")
"""Scripts without an update at which the lr is 0."""

pytestmark = pytest.mark.filterwarnings("ignore")


def test_every_engine_has_a_script():
    missing = sorted({page.stem for page in PAGES.glob("*.md")} - {*SCRIPTS, "index", "ignite_skorch", "scripts"})
    assert missing == [], f"add a ```{{script}} block to docs/engines/: {missing}"


@pytest.mark.parametrize("version", spread(["without a plan", "with a plan"], "with a plan"))
@pytest.mark.parametrize("page", [page for page in SCRIPTS if page != "deepspeed"])  # in test_deepspeed.py
def test_the_script_on_a_page_runs(page, version, tmp_path, monkeypatch, capfd):
    pytest.importorskip(LIBRARIES.get(page, page))
    monkeypatch.chdir(tmp_path)
    code = script(page, "-" if version == "with a plan" else "+")

    names = {"__name__": "__main__"}
    earlier = optimizers()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        exec(compile(code, f"{page}.md, {version}", "exec"), names)

    if version == "with a plan" and page not in CONSTANT_AT_THE_END:
        (rate,) = {
            group["lr"] for optimizer in optimizers() if optimizer not in earlier for group in optimizer.param_groups
        }
        assert rate == 0, "the plan has not reached its end"
        assert not [warning for warning in caught if "PS406" in str(warning.message)], "the run goes on after the plan"


def optimizers():
    """Return the optimizers with a plan; some scripts have them only in their engine."""
    gc.collect()
    actual = [value for value in gc.get_objects() if isinstance(value, torch.optim.Optimizer)]
    return [optimizer for optimizer in actual if "paramsched" in optimizer.state_dict()["param_groups"][0]]


@pytest.mark.parametrize("page", SCRIPTS)
def test_a_plan_and_one_statement_change_a_script(page):
    kept = [line for line in scripts()[page] if not line.startswith("-")]
    added = [number for number, line in enumerate(kept, 1) if line.startswith("+")]
    statements = [node for node in ast.walk(ast.parse(script(page, "-"))) if isinstance(node, ast.stmt)]
    changed = {innermost(number, statements) for number in added}

    assert len([statement for statement in changed if not isinstance(statement, ast.Import | ast.ImportFrom)]) <= 2


def innermost(number: int, statements: list[ast.stmt]) -> ast.stmt:
    around = [statement for statement in statements if statement.lineno <= number <= statement.end_lineno]
    return min(around, key=lambda value: value.end_lineno - value.lineno)
