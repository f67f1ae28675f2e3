"""Run the code of the documentation's pages, for libraries that the documentation build may lack."""

import html
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from paramsched.errors import MissingDependency

DOCS = Path(__file__).parents[2] / "docs"


def of_the_docs(*names: str) -> list[ModuleType]:
    """Import modules of the documentation, which is not a package."""
    with _path_of_docs():
        return [import_module(name) for name in names]


@contextmanager
def _path_of_docs() -> Iterator[None]:
    before = list(sys.path)
    sys.path.insert(0, str(DOCS / "extensions"))
    try:
        yield
    finally:
        sys.path[:] = before


(page_code,) = of_the_docs("page_code")


_DOCUMENTED = re.compile(
    r"^\.\. (?P<kind>currentmodule|automodule|autoclass|autofunction|py:data):: (?P<name>[\w.]+)"
    r"(?:\n   :no-index:)?(?:\n   :members: (?P<members>.+(?:\n      .+)*))?",
    re.MULTILINE,
)


def public_paths() -> list[str]:
    """Return the paths of all names that the pages of the reference document: the public API."""
    actual: set[str] = set()
    for page in (DOCS / "reference").glob("*.md"):
        current = ""
        for directive, name, members in _DOCUMENTED.findall(page.read_text(encoding="utf-8")):
            if directive == "currentmodule":
                current = name
            elif directive == "automodule":
                actual |= {f"{name}.{text}" for text in (re.findall(r"\w+", members) or _names_of(import_module(name)))}
            else:
                actual.add(name if name.startswith("paramsched.") else f"{current}.{name}")
    return sorted(actual)


def _names_of(module: ModuleType) -> list[str]:
    """Return the names that autodoc documents: those of `__all__`, or else those that a module defines."""
    defined = (name for name, var in vars(module).items() if getattr(var, "__module__", "") == module.__name__)
    return [name for name in getattr(module, "__all__", defined) if name[0] != "_"]


def sections(page: str, level: int = 2) -> dict[str, str]:
    """Return the text of each section of a page by heading. The text before the first section has the key ""."""
    heading = rf"^#{{2,{level}}} "
    first, *rest = re.split(heading, (DOCS / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {"": first} | {text.partition("\n")[0]: text for text in rest}


_ROW = re.compile(r"^\| `(?P<other>.+?)` \| `(?P<plan>.+?)` \|$", re.MULTILINE)


def rows(*pages: str, of: str = "") -> list[tuple[str, str, str]]:
    """Return the page and both columns of each row of code and its plan, if the first column begins with a text."""
    actual = []
    for page in pages:
        text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
        actual += [(page, row["other"], row["plan"]) for row in _ROW.finditer(text) if row["other"].startswith(of)]
    return actual


def scripts() -> dict[str, list[str]]:
    """Return the lines of each script on the engines' pages; `-` and `+` mark those without and with a plan.

    The first script of a page has the name of the page, and another one that of its section.
    """
    actual: dict[str, list[str]] = {}
    for page in sorted((DOCS / "engines").glob("*.md")):
        for heading, text in sections(f"engines/{page.name}").items():
            for script in text.split("```{script}\n")[1:]:
                actual[heading or page.stem] = script.split("```")[0].splitlines()
    return actual


def script(name: str, dropped: str) -> str:
    """Return the script without the lines that a mark drops."""
    return "\n".join(line[1:] for line in scripts()[name] if not line.startswith(dropped))


def run_section(page: str, heading: str, folder: Path, level: int = 2) -> tuple[dict[str, Any], list[str]]:
    """Run the code before the first section of a page and the code of one section, in a folder.

    Returns:
        names: The global names after the run.
        printed: The output of each command.
    """
    actual = sections(page, level)
    blocks = list(page_code.blocks(actual[""] + actual[heading]))
    namespace = page_code.Page.as_pasted(page, blocks)
    printed: list[str] = []
    for block in blocks:
        if block.file is not None:
            (folder / block.file).write_text(block.text + "\n", encoding="utf-8")
        elif block.language == "python" and ">>> " not in block.text:
            exec(compile(block.text, page, "exec"), namespace.names)
        elif block.language == "console":
            for command in re.findall(r"^\$ python (.+)$", block.text, re.MULTILINE):
                done = subprocess.run(
                    [sys.executable, *shlex.split(command)], cwd=folder, check=True, capture_output=True, text=True
                )
                printed.append(done.stdout)
    return namespace.names, printed


_OF_HTML = re.compile(
    r'code-block-caption"><span class="caption-text">(?P<caption>.*?)</span>|<p class="needs">(?P<needs>.*?)</p>|'
    r'<div class="(?P<output>output )?highlight-(?P<language>[\w-]+) notranslate"(?: id="[^"]*")?>'
    r'<div class="highlight"><pre>(?P<text>.*?)</pre>',
    re.DOTALL,
)


def build(folder: Path) -> None:
    """Build the pages in a folder, without outputs. The generated ones are in the index of the search."""
    for path in DOCS.parent.iterdir():
        if path != DOCS and not path.name.startswith("."):
            (folder / path.name).symlink_to(path)
    shutil.copytree(DOCS, folder / "docs", ignore=shutil.ignore_patterns("_*", ".*"))
    options = ["-D", "run_snippets=0", "-D", "exclude_patterns=contributing"]
    subprocess.run(
        [sys.executable, "-m", "sphinx", "-Q", "-b", "html", *options, "docs", "html"],
        cwd=folder, check=True, env=os.environ | {"PYTHONPATH": str(DOCS.parent / "src")},
    )  # fmt: skip


def blocks_of_html(page: str) -> Iterator[page_code.Block]:
    """Return the blocks of a built page in order, without outputs. A caption above a block is the name of its file."""
    caption = needs = None
    for match in _OF_HTML.finditer(page):
        if match["text"] is None:
            caption = match["caption"]
            needs = match["needs"]
            continue
        text = html.unescape(re.sub("<[^>]*>", "", match["text"])).rstrip("\n")
        if not match["output"]:
            yield page_code.Block(match["language"], text, caption or page_code.file_name(text + "\n"), needs)
        caption = needs = None


def run_as_pasted(page: Path) -> tuple[str, str]:
    """Run all blocks of a built page in order, like a reader who pastes each of them into one session.

    Returns:
        failure: The block that failed and its error, or "".
        absent: What is missing to run the whole page, or "".
    """
    absent = ""
    with page_code.folder_of_page():
        session = page_code.Page(page.name)
        for block in blocks_of_html(page.read_text(encoding="utf-8")):
            if block.not_run is not None:
                absent = block.not_run
                continue
            try:
                session.run(block)
            except MissingDependency as error:
                absent = str(error)
            except (Exception, SystemExit) as error:  # noqa: BLE001  # a page may raise anything
                of_another = isinstance(error, ModuleNotFoundError) and not str(error.name).startswith("paramsched")
                if not of_another and not (absent and isinstance(error, NameError)):
                    return f"{block.text}\n{traceback.format_exc(limit=-3)}", ""
                absent = absent or str(error)
    return "", absent


def main(result: Path, pages: list[str]) -> None:
    """Run each page in a fork of this process, so that it changes no other, and write what `run_as_pasted` returns."""
    for page in pages:
        child = os.fork()
        if child == 0:
            actual = run_as_pasted(Path(page))
            with result.open("a", encoding="utf-8") as file:
                file.write(json.dumps([page, *actual]) + "\n")
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
