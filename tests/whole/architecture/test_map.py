"""The map of the library is correct: it lists each package, its files exist, and its tables match the code."""

import re
from operator import attrgetter
from pathlib import Path

import pytest
import torch

import paramsched as ps

ROOT = Path(__file__).parents[3]
LIBRARY = ROOT / "src" / "paramsched"
MAP = (ROOT / "docs" / "explanation" / "how-it-works.md").read_text(encoding="utf-8")
PAGES = {
    "docs/explanation/how-it-works.md": MAP,
    **{
        f"{package}/README.md": (LIBRARY / package / "README.md").read_text(encoding="utf-8")
        for package in ("core/run", "compat")
    },
}


def test_every_package_has_a_line_on_the_map():
    folders = [
        file.parent for door in ("*", "core/*", "tools/*", "mmengine/*") for file in LIBRARY.glob(f"{door}/__init__.py")
    ]
    packages = {folder.relative_to(LIBRARY).as_posix() for folder in folders}
    listed = set(re.findall(r"^\| `([\w/]+)/` \|", MAP, re.MULTILINE))

    missing = "\n".join(f"| `{name}/` | what it is for |" for name in sorted(packages - listed))
    assert not missing, f"add to the first table of docs/explanation/how-it-works.md:\n{missing}"
    absent = sorted(listed - packages)
    assert absent == [], f"remove from the first table of docs/explanation/how-it-works.md: {absent}"


@pytest.mark.parametrize("page", PAGES)
def test_every_file_on_a_map_exists(page):
    beside = LIBRARY / page.removesuffix("/README.md") if page.endswith("README.md") else LIBRARY
    named = re.findall(r"(?:`|  )([\w/]+\.(?:py|md|js|json))\b", PAGES[page])
    inner = (folder for folder in beside.rglob("*") if folder.is_dir() and folder.name != "__pycache__")
    places = [beside, LIBRARY, ROOT, *inner]

    assert len(named) > 5
    absent = [name for name in named if not any((place / name).is_file() for place in places)]
    assert absent == [], f"{page} names files that do not exist; write their new place: {absent}"


_name = attrgetter("__name__")


def owned_by(owner: object) -> list[object]:
    """Return the values of the attributes of an object, those in their mappings, and the owners of their methods."""
    values = list(vars(owner).values())
    values += [value for one in values if isinstance(one, dict) for value in one.values()]
    return values + [value.__self__ for value in values if hasattr(value, "__self__")]


def test_the_drawing_of_owners_is_that_of_a_started_scheduler():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    branch = {"optimizer": optimizer, "Scheduler": ps.Scheduler(optimizer, "cosine()", total=9)}
    drawing = MAP.split("```text\n")[1].split("```")[0]
    above: list[object] = []

    for branches, names in re.findall(r"^([ │├└─]*)(\w+(?:, \w+)*)", drawing, re.MULTILINE):
        depth, found = len(branches) // 3, None
        for name in names.split(", "):
            among = owned_by(above[depth - 1]) if depth else [branch[name]]
            found = next((one for one in among if not depth or name in map(_name, type(one).__mro__)), None)
            assert found is not None, f"{type(above[depth - 1]).__name__} owns no {name}"
        above[depth:] = [found]


def test_every_file_that_contributors_read_exists():
    pages = ("CONTRIBUTING.md", "docs/contributing/extend.md", "docs/contributing/decisions.md")
    text = "\n".join((ROOT / page).read_text(encoding="utf-8") for page in pages)
    named = set(re.findall(r"`([\w/.-]+\.(?:py|pyi|md|txt|toml))`", text))
    new = set(re.findall(r"complete example, `([\w/]+\.py)`", text)) | {"docs/engines/tinyfit.md"}
    new |= {"tests/support/engine_runs/tinyfit.py"}
    there = {
        file.relative_to(ROOT).as_posix()
        for top in ("src", "docs", "tests", "tools")
        for file in (ROOT / top).rglob("*.*")
    }

    absent = sorted(
        name
        for name in named - new
        if not (ROOT / name).is_file() and not any(one.endswith("/" + name) for one in there)
    )
    assert absent == [], f"{pages} name files that do not exist; write their new place: {absent}"


def test_every_page_is_in_a_folder():
    pages = sorted(page.name for page in (ROOT / "docs").glob("*.md") if page.name != "index.md")
    assert pages == [], f"move into the folder of its kind, for example docs/how-to/: {pages}"

    helpers = sorted(file.name for file in (ROOT / "docs").glob("*.py") if file.name != "conf.py")
    assert helpers == [], f"move into docs/extensions/: {helpers}"
