"""The packages and extras that messages suggest exist and install the missing library."""

import ast
import sys
import tomllib
from pathlib import Path

import pytest

import paramsched as ps
from paramsched.errors import MissingDependency

ROOT = Path(__file__).parents[3]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]


def named() -> list[tuple[str, str]]:
    """Return the library and the extra of every message, except computed names."""
    found = []
    texts = [file.read_text(encoding="utf-8") for file in (ROOT / "src").rglob("*.py")]
    for text in texts:
        for node in ast.walk(ast.parse(text)) if "MissingDependency" in text else ():
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("MissingDependency"):
                given = [one.value if isinstance(one, ast.Constant) else None for one in node.args]
                if len(given) == 3 and None not in given[1:]:
                    found.append((given[1], given[2]))
    return sorted(set(found))


@pytest.mark.parametrize(("library", "extra"), named())
def test_the_extra_installs_the_library(library: str, extra: str) -> None:
    libraries = [one.split(">")[0] for one in EXTRAS.get(extra, [])]
    assert library in libraries, f'add "{library}" to the extra {extra} in pyproject.toml'


def test_a_library_without_an_extra_is_installed_by_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    trace = ps.trace(ps.Plan(lr="cosine()", horizon=4), {"lr": 0.1})

    with pytest.raises(MissingDependency, match=r"pip install pandas$"):
        trace.to_pandas()
