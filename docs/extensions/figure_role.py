"""`{figure}`: a figure about the library, counted when a page is built, so that no page types one.

The library has {figure}`recipes` published runs, in {figure}`code lines` code lines. A ratio of the newest benchmark is
a percentage: {figure}`added to step(), 100 groups, equal, vs StepLR`.
"""

import json
import sys
from functools import cache
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst.states import Inliner
from sphinx.application import Sphinx

import paramsched as ps

sys.path.append(str(Path(__file__).parents[2] / "tools"))
import code_figures
import executed_files  # from `tools/`

_BENCHMARKS = Path(__file__).parents[2].glob("benchmarks/history/*.json")


@cache
def figures() -> dict[str, str]:
    """Return the figures by name: those of `tools/code_figures.py`, of the recipes, and of the newest benchmark."""
    found = code_figures.figures(code_figures.source_files())
    counts = {
        name: one if isinstance(one, int) else len(one) for name, one in found.items()
    }
    counts["recipes"] = len(list(ps.recipes))
    lines = {one.module: one.code_lines for one in code_figures.source_files()}
    above: set[str] = set()
    for part, files in executed_files.executed_files().items():
        counts[f"code lines of {part}"] = sum(
            lines[module_of(one)] for one in {*files} - above
        )
        above.update(files)
    runs = [json.loads(file.read_text(encoding="utf-8")) for file in _BENCHMARKS]
    bench = max(runs, key=lambda run: run["date"])
    ratios = {name: f"{one['ratio']:.0%}" for name, one in bench["figures"].items()}
    about = {f"{name} of the benchmark": bench[name] for name in ("date", "machine")}
    return {name: f"{count:,}" for name, count in counts.items()} | ratios | about


def module_of(file: str) -> str:
    """Return the name of the module in a file of the library."""
    return f"paramsched.{file.removesuffix('.py').removesuffix('/__init__').replace('/', '.')}"


def figure(
    role: str, raw: str, text: str, line: int, inliner: Inliner, *_: object
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    """Return the figure of this name."""
    if text not in figures():
        names = ", ".join(map(repr, figures()))
        message = f"unknown figure {text!r}. Use one of {names}"
        return [], [inliner.reporter.error(message, line=line)]
    return [nodes.Text(figures()[text])], []


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the role. Pages are read again after a change of the library (`library_digest` in `conf.py`)."""
    app.add_role("figure", figure)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
