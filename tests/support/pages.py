"""Run the code of a documentation page by section, for libraries that the documentation build may lack."""

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[2] / "docs"

_BLOCK = re.compile(r"<!-- (run)\n(.*?)-->|^```(python|yaml|console)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"# ([\w-]+\.\w+)\n")


def sections(page: str) -> dict[str, str]:
    """Return the text of each section of a page by heading. The text before the first section has the key ""."""
    first, *others = re.split(r"^## ", (DOCS / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {"": first} | {text.partition("\n")[0]: text for text in others}


def changed_script(engine: str) -> list[str]:
    """Return the lines of the script on an engine's page; `-` and `+` mark those without and with a plan."""
    text = (DOCS / "engines" / f"{engine}.md").read_text(encoding="utf-8")
    return text.split("```{script}\n")[1].split("```")[0].splitlines()


def script(engine: str, dropped: str) -> str:
    """Return the script without the lines that a mark drops."""
    return "\n".join(line[1:] for line in changed_script(engine) if not line.startswith(dropped))


def run_section(page: str, heading: str, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Run the code before the first section of a page and the code of one section, in a folder.

    Returns:
        names: The global names after the run.
        printed: The output of each command.
    """
    names: dict[str, Any] = {"__name__": "__main__", **_first_names()}
    printed: list[str] = []
    found = sections(page)
    for hidden, code, language, text in _BLOCK.findall(found[""] + found[heading]):
        file = _FILE.match(text)
        if file is not None:
            (folder / file[1]).write_text(text, encoding="utf-8")
        elif hidden or (language == "python" and ">>> " not in text):
            exec(compile(code or text, page, "exec"), names)
        elif language == "console":
            for command in re.findall(r"^\$ python (.+)$", text, re.MULTILINE):
                done = subprocess.run(
                    [sys.executable, *shlex.split(command)], cwd=folder, check=True, capture_output=True, text=True
                )
                printed.append(done.stdout)
    return names, printed


def _first_names() -> dict[str, Any]:
    """Return the names that are defined for the first snippet of each page."""
    spec = importlib.util.spec_from_file_location("toy", DOCS / "extensions" / "toy.py")
    assert spec is not None
    assert spec.loader is not None
    toy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(toy)
    names: dict[str, Any] = toy.names()
    return names
