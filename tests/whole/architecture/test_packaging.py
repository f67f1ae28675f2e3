"""The files for other tools are well formed and agree with the metadata of the project."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager

import paramsched as ps

ROOT = Path(__file__).parents[3]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


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


ADDRESS = "https://example.org/paramsched"


def metadata_of(root: Path) -> ProjectMetadata:
    return ProjectMetadata(str(root), PluginManager())


@pytest.fixture
def addressed(tmp_path):
    """A copy of the files with an address, after `tools/address.py` with two addresses, one after the other."""
    for name in ("pyproject.toml", "README.md", "LICENSE", "tools/hatch_build.py", "tools/address.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / ".github" / "ISSUE_TEMPLATE").mkdir(parents=True)
    for url in ("https://example.org/former", f"{ADDRESS}/"):
        subprocess.run([sys.executable, tmp_path / "tools" / "address.py", url, ""], check=True)
    return tmp_path


def test_no_file_has_an_address_while_it_is_unknown():
    core = metadata_of(ROOT).core

    assert core.urls == {}
    assert not (ROOT / ".github" / "ISSUE_TEMPLATE" / "config.yml").exists()
    assert not re.search(r"\]\((?!https://|#)", core.readme)
    assert core.authors == [{"name": "The paramsched developers"}]


def test_every_file_follows_the_address(addressed):
    core = metadata_of(addressed).core

    assert core.urls == {
        "Source": ADDRESS,
        "Documentation": ADDRESS,
        "Changelog": f"{ADDRESS}/blob/HEAD/CHANGELOG.md",
        "Issues": f"{ADDRESS}/issues",
    }
    contacts = yaml.safe_load((addressed / ".github" / "ISSUE_TEMPLATE" / "config.yml").read_text(encoding="utf-8"))
    assert [one["url"] for one in contacts["contact_links"]] == [ADDRESS, f"{ADDRESS}/security/advisories/new"]


def test_the_links_of_the_package_page_are_absolute(addressed):
    page = metadata_of(addressed).core.readme

    assert f"]({ADDRESS}/raw/v{PROJECT['version']}/docs/static/plan.svg)" in page
    assert f"]({ADDRESS}/blob/v{PROJECT['version']}/docs/how-to/metrics.md)" in page
    assert not re.search(r"\]\((?!https://|#)", page)


def test_an_address_must_be_https():
    ran = subprocess.run(
        [sys.executable, ROOT / "tools" / "address.py", "example.org"], capture_output=True, text=True, check=False
    )

    assert ran.returncode == 1
    assert ran.stderr == (
        "expected an https address, got example.org\npython tools/address.py https://example.org/paramsched\n"
    )


def test_the_hosted_documentation_uses_the_same_files_and_packages():
    there = read(".readthedocs.yaml")

    assert (ROOT / there["sphinx"]["configuration"]).exists()
    assert there["sphinx"]["fail_on_warning"]
    assert "--constraint requirements/constraints.txt --group docs ." in there["build"]["jobs"]["install"][-1]


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


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_pins_actions_and_calls_targets_of_the_makefile(workflow):
    text = workflow.read_text(encoding="utf-8")
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = re.findall(r"make: (\w+)|make: \[([^\]]*)\]|run: make (\w+)", text)

    assert {one for names in named for one in re.findall(r"\w+", " ".join(names))} <= targets
    assert re.findall(r"uses: (?!\S+@[0-9a-f]{40} # v\d).*", text) == []
    assert yaml.safe_load(text)["permissions"] == {}


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_issue_forms_have_unique_ids_and_labels(form):
    fields = yaml.safe_load(form.read_text(encoding="utf-8"))["body"]

    assert len({field["id"] for field in fields}) == len(fields) > 0
    assert all(field["attributes"]["label"] for field in fields)


def test_the_pre_commit_hooks_need_no_download():
    assert [one["repo"] for one in read(".pre-commit-config.yaml")["repos"]] == ["local"]
