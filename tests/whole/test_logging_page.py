"""The examples on the page on loggers, run with each installed logger: logged values equal used ones."""

import pytest

import paramsched as ps
from support.pages import run_section

PAGE = "how-to/logging.md"
UPDATES = 16  # batches of the pages' loader


def rates_of_run(names):
    plan, bases = names["scheduler"].plan, [{"lr": 0.1, "betas": (0.9, 0.999)}, {"lr": 1.0, "betas": (0.9, 0.999)}]
    return ps.trace(plan, bases, ps.Calendar(steps_per_epoch=16))["lr", 1][:UPDATES].tolist()


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
    assert [one.value for one in client.get_metric_history(run.info.run_id, "lr/head")] == rates_of_run(names)


def test_trackio_accepts_every_name(folder, monkeypatch):
    pytest.importorskip("trackio")
    storage = pytest.importorskip("trackio.sqlite_storage").SQLiteStorage
    monkeypatch.setenv("TRACKIO_DIR", str(folder))

    names, _ = run_section(PAGE, "trackio", folder)

    (run,) = storage.get_runs("digits")
    assert [row["lr/head"] for row in storage.get_logs("digits", run)] == rates_of_run(names)
