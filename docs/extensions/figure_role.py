"""`{figure}`: a figure about the library, counted when a page is built, so that no page types one.

The library has {figure}`recipes` published runs, in {figure}`code lines` code lines.
"""

import sys
from functools import cache
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst.states import Inliner
from sphinx.application import Sphinx

import paramsched as ps

sys.path.append(str(Path(__file__).parents[2] / "tools"))
import code_figures  # from `tools/`


@cache
def figures() -> dict[str, int]:
    """Return the figures by name: those of `make figures`, and the number of recipes."""
    found = code_figures.figures(code_figures.source_files())
    counts = {
        name: one if isinstance(one, int) else len(one) for name, one in found.items()
    }
    return counts | {"recipes": len(list(ps.recipes))}


def figure(
    role: str, raw: str, text: str, line: int, inliner: Inliner, *_: object
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    """Return the figure of this name, with a comma between thousands."""
    if text not in figures():
        names = ", ".join(figures())
        message = f"unknown figure {text!r}. Write one of {names}"
        return [], [inliner.reporter.error(message, line=line)]
    return [nodes.Text(f"{figures()[text]:,}")], []


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the role. Pages are read again after a change of the library (`library_digest` in `conf.py`)."""
    app.add_role("figure", figure)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
