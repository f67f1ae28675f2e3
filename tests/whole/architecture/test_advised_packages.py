"""Messages advise to install the missing library itself."""

import re
import sys
from pathlib import Path

import pytest

import paramsched as ps
from paramsched.errors import MissingDependency

ROOT = Path(__file__).parents[3]


def test_a_missing_library_is_installed_by_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    trace = ps.trace(ps.Plan(lr="cosine()", total=4), {"lr": 0.1})

    with pytest.raises(MissingDependency, match=r"pip install pandas$"):
        trace.to_pandas()


def test_no_advice_installs_this_package_by_its_name_before_the_name_is_registered() -> None:
    folders = (ROOT / "src", ROOT / "packages", ROOT / "docs", ROOT / "examples")
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix in {".py", ".md", ".json"}]
    wrong = [
        file
        for file in [*files, *ROOT.glob("*.md")]
        if re.search(r"pip install\W+paramsched(?!\[torch\] @ git\+)", file.read_text("utf-8"))
    ]

    assert len(files) > 250
    assert not wrong
