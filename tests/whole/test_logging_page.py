"""The examples on the page on loggers, run with each installed logger: logged values equal used ones."""

import csv
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main
from support.pages import run_section

PAGE = "how-to/logging.md"
UPDATES = 16  # batches of the pages' loader
BASES = "lr@body=0.1,lr@head=1,betas[0]=0.9"
Rows = list[tuple[int, Mapping[str, float]]]


def rates_of_run(names):
    plan = names["scheduler"].plan
    bases = [{"lr": 0.1, "betas": (0.9, 0.999)}, {"lr": 1.0, "betas": (0.9, 0.999)}]
    return ps.trace(plan, bases, steps_per_epoch=16)["lr", 1][:UPDATES].tolist()


def audited(log: Path, plan: ps.Plan, *options: str) -> dict[str, Any]:
    """Return what `paramsched audit` reports of a log of the page."""
    file = log.with_name("plan.yaml")
    ps.dump(plan, file)
    arguments = ["audit", str(log), "--plan", str(file), "--base", BASES, "--steps-per-epoch", "16", *options, "--json"]
    return json.loads(CliRunner().invoke(main, arguments).stdout)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_csv_has_a_row_for_each_update(folder):
    names, _ = run_section(PAGE, "CSV", folder)

    rows = (folder / "values.csv").read_text().splitlines()

    assert rows[0] == "t,lr/body,betas_0/body,lr/head,betas_0/head"
    assert [float(row.split(",")[3]) for row in rows[1:]] == rates_of_run(names)


def test_tensorboard_has_a_curve_for_each_name(folder):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    names, _ = run_section(PAGE, "TensorBoard", folder)

    read = accumulator.EventAccumulator(str(folder / "runs" / "digits"))
    read.Reload()

    assert read.Tags()["scalars"] == list(names["scheduler"].scalars())
    assert [event.step for event in read.Scalars("lr/head")] == list(range(16))
    assert [event.value for event in read.Scalars("lr/head")] == pytest.approx(rates_of_run(names), rel=1e-7)  # float32


def test_wandb_accepts_every_name(folder, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")

    run_section(PAGE, "Weights & Biases", folder)  # a name that it refuses would raise

    (written,) = folder.rglob("*.wandb")
    assert written.stat().st_size > 0


def test_mlflow_accepts_every_name(folder, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (folder / "mlruns").as_uri())

    names, _ = run_section(PAGE, "MLflow", folder)

    client = mlflow.MlflowClient()
    (run,) = client.search_runs(["0"])
    assert [metric.value for metric in client.get_metric_history(run.info.run_id, "lr/head")] == rates_of_run(names)


def test_trackio_accepts_every_name(folder, monkeypatch):
    pytest.importorskip("trackio")
    storage = pytest.importorskip("trackio.sqlite_storage").SQLiteStorage
    monkeypatch.setenv("TRACKIO_DIR", str(folder))

    names, _ = run_section(PAGE, "trackio", folder)

    (run,) = storage.get_runs("digits")
    assert [row["lr/head"] for row in storage.get_logs("digits", run)] == rates_of_run(names)


def trackio_of(rows: Rows) -> ModuleType:
    """Return a module with the functions of trackio that the page calls, which appends what is logged to `rows`."""
    module = ModuleType("trackio")
    module.init = lambda project: None  # type: ignore[attr-defined]  # as trackio has it
    module.log = lambda values, step: rows.append((step, values))  # type: ignore[attr-defined]
    module.finish = lambda: None  # type: ignore[attr-defined]
    return module


def table_of_trackio(rows: Rows) -> list[list[Any]]:
    """Return the CSV of the rows that trackio stores."""
    names = list(rows[0][1])
    return [
        ["timestamp", "step", *names],
        *(["2026-01-01", step, *(values[n] for n in names)] for step, values in rows),
    ]


EXPORTS = [
    ("trackio", trackio_of, table_of_trackio),
]


@pytest.mark.parametrize("thinned", [1, 3])  # a logger may export each third row only
@pytest.mark.parametrize(("heading", "stand_in", "exported"), EXPORTS)
def test_the_exported_log_is_as_planned(folder, monkeypatch, heading, stand_in, exported, thinned):
    rows: Rows = []
    module = stand_in(rows)
    monkeypatch.setitem(sys.modules, module.__name__, module)

    names, _ = run_section(PAGE, heading, folder)
    with (folder / "values.csv").open("w", newline="") as file:
        csv.writer(file).writerows(exported(rows[::thinned]))

    report = audited(folder / "values.csv", names["scheduler"].plan)
    assert (report["values"], report["exact"], report["first"]) == (4 * len(rows[::thinned]),) * 2 + (None,)
    assert len(rows) == UPDATES
    assert report["bases"] == {}


@pytest.mark.parametrize(("heading", "log"), [("CSV", "values.csv"), ("TensorBoard", "runs/digits")])
def test_the_written_log_is_as_planned(folder, heading, log):
    if heading == "TensorBoard":
        pytest.importorskip("tensorboard")

    names, _ = run_section(PAGE, heading, folder)

    report = audited(folder / log, names["scheduler"].plan)
    assert (report["values"], report["exact"], report["first"]) == (4 * UPDATES, 4 * UPDATES, None)
