"""Sphinx: Markdown pages, and docstrings in Google's sections. Built with warnings as errors."""

import importlib.metadata
import re
from pathlib import Path

from sphinx.application import Sphinx

import paramsched
from paramsched.schedules import SHAPES

project = "paramsched"
author = "the paramsched authors"
copyright = "the paramsched authors, Apache-2.0"
release = importlib.metadata.version("paramsched")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_heading_anchors = 3

autodoc_typehints = "none"  # the signature says it once
autodoc_class_signature = "mixed"
napoleon_numpy_docstring = False
default_role = "code"  # docstrings are written with single backticks
suppress_warnings = ["ref.python"]

html_theme = "alabaster"
html_theme_options = {"description": "Plans for hyperparameters over time", "page_width": "70rem"}


def setup(app: Sphinx) -> None:
    """Write the pages that follow from the code, and make plain-text docstrings safe for its markup."""
    app.connect("builder-inited", generate)
    app.connect("autodoc-process-docstring", escape, priority=400)  # before napoleon, at 500


def generate(app: Sphinx) -> None:
    """Write the reference: every registered shape, so that a new one appears by itself, and every other public name."""
    pages = Path(app.srcdir, "_generated")
    pages.mkdir(exist_ok=True)
    others = sorted(set(paramsched.__all__) - set(SHAPES))
    for page, title, module, names in (
        ("shapes", "Shapes", "paramsched.schedules", sorted(SHAPES)),
        ("api", "Everything else", "paramsched", [name for name in others if callable(getattr(paramsched, name))]),
    ):
        entries = "\n".join(directive(module, name) for name in names)
        text = f"# {title}\n\n```{{eval-rst}}\n{entries}\n```\n"
        file = pages / f"{page}.md"
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


def directive(module: str, name: str) -> str:
    """Return the directive that documents one public name."""
    if isinstance(getattr(paramsched, name, None), type):
        return f".. autoclass:: {module}.{name}\n   :members:\n"
    return f".. autofunction:: {module}.{name}\n"


def escape(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Keep `*`, `|` and a final `_` as they stand: the formulas are plain text. Code and doctests are left alone."""
    in_doctest = False
    for number, line in enumerate(lines):
        in_doctest = bool(line.strip()) and (in_doctest or line.lstrip().startswith(">>>"))
        if not in_doctest:
            pieces = re.split(r"(`[^`]*`)", line)
            pieces[::2] = [re.sub(r"([*|]|_(?=\W|$))", r"\\\1", piece) for piece in pieces[::2]]
            lines[number] = "".join(pieces)
