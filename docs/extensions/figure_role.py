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
def code_lines() -> dict[str, str]:
    """Return the numbers of code lines: of the source, of the kernel, and of each part of a run."""
    source = code_figures.source_files()
    names = ("code lines", "code lines of the kernel")
    counts = code_figures.figures(source, names)
    lines = {one.module: one.code_lines for one in source}
    above: set[str] = set()
    for part, files in executed_files.executed_files().items():
        counts[f"code lines of {part}"] = sum(
            lines[module_of(one)] for one in {*files} - above
        )
        above.update(files)
    return {name: f"{count:,}" for name, count in counts.items()}


@cache
def figures() -> dict[str, str]:
    """Return the number of recipes, and the figures of the newest benchmark."""
    runs = [json.loads(file.read_text(encoding="utf-8")) for file in _BENCHMARKS]
    bench = max(runs, key=lambda run: run["date"])
    ratios = {name: f"{one['ratio']:.0%}" for name, one in bench["figures"].items()}
    about = {f"{name} of the benchmark": bench[name] for name in ("date", "machine")}
    return {"recipes": f"{len(list(ps.recipes)):,}"} | ratios | about


def module_of(file: str) -> str:
    """Return the name of the module in a file of the library."""
    return f"paramsched.{file.removesuffix('.py').removesuffix('/__init__').replace('/', '.')}"


def figure(
    role: str, raw: str, text: str, line: int, inliner: Inliner, *_: object
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    """Return the figure of this name. Only figures about the code need its source, which takes seconds to read."""
    found = code_lines() if text.startswith("code lines") else figures()
    if text not in found:
        message = f"unknown figure {text!r}. Use one of {', '.join(map(repr, found))}"
        return [], [inliner.reporter.error(message, line=line)]
    return [nodes.Text(found[text])], []


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the role. Pages are read again after a change of the library (`library_digest` in `conf.py`)."""
    app.add_role("figure", figure)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
