"""Metrics in the logs of runs."""

import json

import pytest

from paramsched.tools.audit import UnreadableLog, read_metrics


def found(path, **options):
    return {one.name: (one.t.tolist(), one.values.tolist()) for one in read_metrics(path, **options)}


def test_columns_with_names_of_metrics_are_read_at_their_updates(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text(
        "step,lr,train/loss,val_acc,loss_scale,epoch,note_score\n10,0.1,2.5,,1024,0,good\n20,0.1,1.5,0.5,512,1,\n"
    )

    assert found(log) == {"train/loss": ([10, 20], [2.5, 1.5]), "val_acc": ([20], [0.5])}
    assert found(log, names=["loss_scale"]) == {"loss_scale": ([10, 20], [1024, 512])}


def test_the_later_of_two_rows_for_one_update_is_used(tmp_path):
    log = tmp_path / "values.jsonl"
    rows = [{"t": t, "groups": [{"lr": 0.1}], "loss": loss} for t, loss in [(0, 3.0), (1, 2.0), (2, 9.0), (1, 1.0)]]
    log.write_text("\n".join(map(json.dumps, rows)))

    assert found(log) == {"loss": ([0, 1, 2], [3.0, 1.0, 9.0])}


def test_the_history_of_a_trainer_is_read(tmp_path):
    log = tmp_path / "trainer_state.json"
    rows = [{"step": 5, "loss": 2.0, "learning_rate": 0.1}, {"step": 10, "eval_loss": 1.5, "eval_runtime": 3.0}]
    log.write_text(json.dumps({"log_history": rows}, indent=1))

    assert found(log) == {"loss": ([5], [2.0]), "eval_loss": ([10], [1.5])}
    assert isinstance(read_metrics(log), tuple)


def test_validations_of_the_runner_are_placed_after_the_preceding_updates(tmp_path):
    log = tmp_path / "values.jsonl"
    rows = [{"t": t, "groups": [{"lr": 0.1}], "epoch": 0, "iter": 2 * t + 1, "loss": 2.0 - t} for t in range(3)]
    rows += [{"iter": 7, "loss": -1.0}, {"iter": None, "t": 9, "loss": -2.0}]
    log.write_text("\n".join(map(json.dumps, rows)))
    validations = [
        {"epoch": 0, "iter": 0, "accuracy": 0.1},
        {"accuracy": 0.2},
        {"epoch": 1, "iter": 2, "loss": 1.9, "accuracy": 0.5},
        {"epoch": 2, "iter": 6, "accuracy": 0.7},
        {"epoch": 3, "iter": 8, "accuracy": 0.9},
    ]
    (tmp_path / "metrics.jsonl").write_text("\n".join(map(json.dumps, validations)))

    assert found(log) == {
        "loss": ([0, 1, 2, 9], [2.0, 1.0, 0.0, -2.0]),
        "val_loss": ([1], [1.9]),
        "accuracy": ([1, 3], [0.5, 0.7]),
    }


@pytest.mark.parametrize(
    ("name", "message"), [("los", 'did you mean "loss"'), ("word", "expected numbers in all of its cells")]
)
def test_a_column_that_is_not_a_metric_is_rejected(tmp_path, name, message):
    log = tmp_path / "log.csv"
    log.write_text("t,loss,word\n0,1.0,good\n")

    with pytest.raises(UnreadableLog, match=message):
        read_metrics(log, names=[name])
