"""The files for other tools are well formed and agree with the metadata of the project."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def read(path: str) -> dict:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def test_the_citation_has_the_version_of_the_package():
    citation = read("CITATION.cff")

    assert (citation["title"], citation["version"], citation["license"]) == (
        PROJECT["name"],
        PROJECT["version"],
        PROJECT["license"],
    )
    assert " ".join(citation["abstract"].split()) == PROJECT["description"]


def test_the_hosted_documentation_uses_the_same_files_and_packages():
    there = read(".readthedocs.yaml")

    assert (ROOT / there["sphinx"]["configuration"]).exists()
    assert there["sphinx"]["fail_on_warning"]
    assert "--constraint constraints.txt --group docs ." in there["build"]["jobs"]["install"][-1]


def test_each_package_is_pinned_with_hashes_and_without_the_address_of_an_index():
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    packages = text.replace("\\\n", "").splitlines()[2:]

    assert len(packages) > 100
    assert [line for line in packages if not re.fullmatch(r"\S+==\S+( ;.*?)?( +--hash=sha256:[0-9a-f]{64})+", line)] == []
    assert not re.search(r"://|index-url|find-links", text)


def test_each_dependency_of_a_group_is_pinned():
    pinned = set(re.findall(r"^([\w.-]+)==", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE))
    named = [one for group in PYPROJECT["dependency-groups"].values() for one in group if isinstance(one, str)]
    names = {re.split(r"[<>=\[]", one)[0].lower() for one in [*PROJECT["dependencies"], *named]}

    assert names - pinned == set()


def test_the_workflow_runs_the_whole_check_on_the_oldest_and_the_newest_python():
    check = read(".github/workflows/check.yml")["jobs"]["check"]

    assert "bash .ci/run" in check["steps"][-1]["run"]
    assert PROJECT["requires-python"] == f">={check['strategy']['matrix']['python'][0]}"
    newest = [one.split(" :: ")[-1] for one in PROJECT["classifiers"] if " :: Python :: 3." in one][-1]
    assert check["strategy"]["matrix"]["python"][-1] == newest


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_issue_forms_have_unique_ids_and_labels(form):
    fields = yaml.safe_load(form.read_text(encoding="utf-8"))["body"]

    assert len({field["id"] for field in fields}) == len(fields) > 0
    assert all(field["attributes"]["label"] for field in fields)


def test_the_pre_commit_hooks_need_no_download():
    assert [one["repo"] for one in read(".pre-commit-config.yaml")["repos"]] == ["local"]
