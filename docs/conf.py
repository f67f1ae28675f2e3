"""Sphinx: Markdown pages, and docstrings in Google's sections. Built with warnings as errors."""

import hashlib
import inspect
import os
import re
import sys
import tomllib
from pathlib import Path

from sphinx.application import Sphinx

# Where other processes use all cores, an operation of torch on several threads waits until the system runs them.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# The bars that transformers draws at each save are no part of the log of the build.
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

from paramsched.base import VERSION

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "extensions"))
import check_pages  # noqa: E402  # from `extensions/`
import recipe_pages  # noqa: E402

project = "paramsched"
author = "The paramsched developers"
copyright = f"{author}, Apache-2.0"
release = VERSION

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinx_copybutton",
    "sphinx_design",
    "plan_picture",
    "page_snippets",
    "script_tabs",
    "thumbnails",
]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "contributing"]
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "attrs_inline"]
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True
copybutton_line_continuation_character = "\\"
copybutton_remove_prompts = True

autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 100
autodoc_class_signature = "mixed"
autodoc_member_order = "bysource"
autosummary_generate = False
napoleon_numpy_docstring = False
smartquotes = False  # because --base in a sentence must not become a dash
default_role = "code"  # docstrings are written with single backticks
suppress_warnings = ["ref.python"]

# Pages run code and draw pictures, so all of them are read again after a change of the library.
source = HERE.parent / "src"
files = sorted(
    [
        *source.rglob("*.py"),
        *source.rglob("*.yaml"),
        *HERE.parent.glob("packages/*/src/**/*.py"),
        *HERE.glob("extensions/*.py"),
    ]
)
library_digest = hashlib.sha256(
    b"".join(file.read_bytes() for file in files)
).hexdigest()

# The address of each page for search engines. Read the Docs serves several versions, and passes the main one.
urls = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))[
    "project"
].get("urls", {})
html_baseurl = os.environ.get(
    "READTHEDOCS_CANONICAL_URL", urls.get("Documentation", "")
)

html_theme = "furo"
html_title = "paramsched"  # the version is below the navigation
templates_path = ["templates"]
html_context = {"issues": urls.get("Issues", "")}
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "report.html",
        "sidebar/scroll-end.html",
    ]
}
pygments_dark_style = "github-dark"  # because furo's own style underlines imported names as if they were links
html_static_path = ["static", "_generated/static"]
html_css_files = ["site.css"]
html_search_scorer = str(HERE / "static" / "search_scorer.js")
(HERE / "_generated" / "static").mkdir(
    parents=True, exist_ok=True
)  # plan_picture writes the pictures' style sheet here
html_show_sourcelink = False
html_use_index = False  # one page of all names; the search finds them


def setup(app: Sphinx) -> None:
    """Generate pages, and adapt docstrings, which are plain text, and signatures."""
    app.add_config_value("library_digest", "", "env", types=str)
    app.connect("builder-inited", generate)
    app.connect(
        "autodoc-process-docstring", escape, priority=400
    )  # before napoleon, at 500
    app.connect("autodoc-process-docstring", restore_colons, priority=600)
    app.connect("autodoc-process-signature", as_help_shows_it)


def generate(app: Sphinx) -> None:
    """Write the generated pages that have changed; an unchanged file keeps a second build quick."""
    folder = Path(app.srcdir, "_generated")
    folder.mkdir(exist_ok=True)
    pages = recipe_pages.pages() | check_pages.pages()
    for old in folder.glob("*.md"):
        if old.stem not in pages:
            old.unlink()
    for name, text in pages.items():
        file = folder / f"{name}.md"
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


def as_help_shows_it(
    app: Sphinx, what: str, name: str, obj: object, *_: object
) -> tuple[str, str] | None:
    """Return the short signature that the library has written for `help()`, if there is one."""
    found = getattr(obj, "__signature__", None)
    if not isinstance(found, inspect.Signature):
        return None
    text = str(found).replace("(self, ", "(", 1)
    arguments, arrow, result = text.rpartition(" -> ")
    return (arguments, result) if arrow else (text, "")


def escape(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Escape `*`, `|` and a final `_`, because formulas are plain text. Code and doctests stay unchanged."""
    in_doctest = False
    for number, line in enumerate(lines):
        in_doctest = bool(line.strip()) and (
            in_doctest or line.lstrip().startswith(">>>")
        )
        if not in_doctest:
            pieces = re.split(r"(`[^`]*`)", line)
            pieces[::2] = [
                re.sub(r"([*|]|_(?=\W|$))", r"\\\1", piece) for piece in pieces[::2]
            ]
            lines[number] = "".join(pieces)
    if what == "property" and lines:
        # Napoleon reads the text in front of a colon as the type of a property.
        lines[0] = lines[0].replace(":", _COLON)


_COLON = "\N{RATIO}"


def restore_colons(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Restore the colons that `escape` replaced."""
    lines[:] = [line.replace(_COLON, ":") for line in lines]
