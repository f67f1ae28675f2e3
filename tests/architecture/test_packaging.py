"""The files for other tools are well formed and agree with the metadata of the project."""

import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
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


def test_the_hosted_documentation_uses_the_same_files_and_extra():
    there = read(".readthedocs.yaml")

    assert (ROOT / there["sphinx"]["configuration"]).exists()
    assert there["sphinx"]["fail_on_warning"]
    (installed,) = there["python"]["install"]
    assert set(installed["extra_requirements"]) <= PROJECT["optional-dependencies"].keys()


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
