"""The files for other tools are well formed and agree with the metadata of the project."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

import paramsched as ps

ROOT = Path(__file__).parents[3]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def read(path: str) -> dict:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def test_the_library_and_the_citation_have_the_version_of_the_package():
    citation = read("CITATION.cff")

    assert (citation["title"], citation["version"], citation["license"]) == (
        PROJECT["name"],
        PROJECT["version"],
        PROJECT["license"],
    )
    assert ps.__version__ == PROJECT["version"]
    assert " ".join(citation["abstract"].split()) == PROJECT["description"]


LOCKED = {"requirements/constraints.txt": 100, "requirements/engines.txt": 50, "requirements/axolotl.txt": 0}
"""The files that `make lock` writes, and the least number of packages in each."""


@pytest.mark.parametrize("file", LOCKED)
def test_each_package_is_pinned_with_hashes_and_without_the_address_of_an_index(file):
    text = (ROOT / file).read_text(encoding="utf-8")
    packages = text.replace("\\\n", "").splitlines()[2:]

    assert len(packages) > LOCKED[file]
    assert [
        line for line in packages if not re.fullmatch(r"\S+==\S+( ;.*?)?( +--hash=sha256:[0-9a-f]{64})+", line)
    ] == []
    assert "://" not in text


@pytest.mark.parametrize("file", ["Makefile", *LOCKED, "pyproject.toml", ".readthedocs.yaml", *WORKFLOWS], ids=str)
def test_no_file_names_an_index(file):
    text = (ROOT / file).read_text(encoding="utf-8")

    assert re.findall(r"--(?:extra-)?index-url|--find-links|https?://\S*/simple|\[\[tool.uv.index", text) == []


def test_each_dependency_of_a_group_is_pinned():
    texts = [(ROOT / file).read_text(encoding="utf-8") for file in LOCKED]
    pinned = set(re.findall(r"^([\w.-]+)==", "\n".join(texts), re.MULTILINE))
    named = [one for group in PYPROJECT["dependency-groups"].values() for one in group if isinstance(one, str)]
    names = {re.split(r"[<>=\[;]", one)[0].lower() for one in [*PROJECT["dependencies"], *named]}

    missing = sorted(names - pinned)
    assert missing == [], f"`make lock` adds to requirements/constraints.txt: {missing}"


def test_the_tests_run_on_every_python_that_the_package_names():
    matrix = read(".github/workflows/check.yml")["jobs"]["check"]["strategy"]["matrix"]

    named = [one.split(" :: ")[-1] for one in PROJECT["classifiers"] if " :: Python :: 3." in one]
    assert (matrix["make"], matrix["python"]) == (["test"], named)
    assert PROJECT["requires-python"] == f">={named[0]}"
