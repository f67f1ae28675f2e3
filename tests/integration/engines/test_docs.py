"""The scripts on the engines' pages run before and after their change, and the change is small."""

import re
from pathlib import Path

import pytest

PAGES = Path(__file__).parents[3] / "docs" / "engines"
SCRIPTS = sorted(page.stem for page in PAGES.glob("*.md") if "```diff" in page.read_text(encoding="utf-8"))
LIBRARIES = {"plain": "torch", "swa": "torch", "lightning": "lightning.pytorch"}

pytestmark = pytest.mark.filterwarnings("ignore")


def diff(page: str) -> list[str]:
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    return re.search(r"```diff\n(.*?)```", text, re.DOTALL)[1].splitlines()


def script(page: str, dropped: str) -> str:
    return "\n".join(line[1:] for line in diff(page) if not line.startswith(dropped))


@pytest.mark.parametrize("version", ["before", "after"])
@pytest.mark.parametrize("page", SCRIPTS)
def test_the_script_on_a_page_runs(page, version, tmp_path, monkeypatch, capfd):
    pytest.importorskip(LIBRARIES.get(page, page))
    monkeypatch.chdir(tmp_path)
    code = script(page, "-" if version == "after" else "+")

    exec(compile(code, f"{page}.md, {version}", "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("page", SCRIPTS)
def test_adopting_a_plan_takes_one_line_besides_the_imports(page):
    added = [line for line in diff(page) if line.startswith("+")]

    imports = [line for line in added if line.startswith(("+import ", "+from "))]
    assert len(added) - len(imports) == 1
