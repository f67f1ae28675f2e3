"""The example of a search over plans, run as printed, and the scripts with Ray Tune that the page links."""

import re
import subprocess
import sys

import pytest

import paramsched as ps
from support.example_runs import ROOT, environment
from support.pages import run_section

PAGE = "how-to/which-schedule.md"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_optuna_prunes_trials_and_keeps_the_best_plan(folder):
    pytest.importorskip("optuna")

    names, _ = run_section(PAGE, "Search over plans", folder)

    states = {trial.state.name for trial in names["study"].trials}
    assert states == {"COMPLETE", "PRUNED"}
    assert names["best"].total == ps.Duration.of(64)


@pytest.mark.heavy
@pytest.mark.long
def test_ray_tune_searches_texts_and_changes_the_plans_of_a_population(folder):
    pytest.importorskip("ray")

    search, population = (
        subprocess.run(
            [sys.executable, ROOT / "examples" / "with_ray" / name],
            cwd=folder, env=environment(), check=True, capture_output=True, text=True,
        ).stdout
        for name in ("search.py", "population.py")
    )  # fmt: skip

    assert re.fullmatch(r"\{'lr': .*, 'schedule': .*\} loss 0\.\d+", search.splitlines()[-1])
    assert population.splitlines()[-2] == "total: 60"
    assert population.splitlines()[-1].startswith("lr: ")
