"""The examples on the page on sweeps, run as printed, and the scripts with Ray Tune that it links."""

import subprocess
import sys

import pytest

import paramsched as ps
from support.example_runs import ROOT, environment
from support.pages import run_section, sections

PAGE = "how-to/sweeps.md"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_optuna_prunes_trials_and_keeps_the_best_plan(folder):
    pytest.importorskip("optuna")

    names, _ = run_section(PAGE, "Optuna", folder)

    states = {trial.state.name for trial in names["study"].trials}
    assert states == {"COMPLETE", "PRUNED"}
    assert names["best"].horizon == ps.Duration.of(60)


def test_each_member_of_a_population_has_used_the_plan_that_it_has_at_the_end(folder, capsys):
    names, _ = run_section(PAGE, "Population-based training", folder)

    for member in names["members"]:
        planned = ps.trace(member.scheduler.plan, {"lr": 0.1})["lr"]
        assert (member.scheduler.t, member.scheduler.scalars()) == (60, {"lr": planned[-1]})
    changes = [line.count("take") for line in capsys.readouterr().out.splitlines()]
    assert sorted(changes) == [0, 0, 1, 2]


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

    assert search.splitlines()[-1] in sections(PAGE)["Ray Tune"]
    assert population.splitlines()[-2] == "horizon: 60"
    assert population.splitlines()[-1].startswith("lr: ")
