"""Logs: JSONL of paramsched, JSONL and CSV of other programs, and errors for unreadable logs."""

import gzip
import json
import zipfile

import pytest

from paramsched.tools.audit import UnreadableLog, read_log
from paramsched.tools.records.columns import time_column

FIELDS = ("lr", "momentum")


def columns_of(logged):
    return {(one.field, one.group): (one.t.tolist(), one.values.tolist()) for one in logged.columns}


@pytest.fixture
def log(tmp_path):
    def write(content, name="log.csv"):
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    return write


def test_rows_without_a_value_are_skipped(log):
    lines = ['{"step": 0, "lr": 0.5}', "", '{"step": 1, "loss": 9}', '{"step": 2, "lr": null}', '{"step": 3, "lr": 1}']

    logged = read_log(log("\n".join(lines), "log.jsonl"), FIELDS)

    assert columns_of(logged) == {("lr", 0): ([0, 3], [0.5, 1.0])}


def test_rows_without_an_update_number_are_numbered_from_0_with_a_note(log):
    logged = read_log(log("lr\n0.5\n0.25\n"), FIELDS)

    assert columns_of(logged)["lr", 0][0] == [0, 1]
    assert "no column counts the updates, so rows are counted from 0" in logged.notes


@pytest.mark.parametrize(
    ("epochs", "unit", "first"),
    [
        (["0", "1", "2"], "epochs", 0),
        (["1", "", "3.0"], "epochs", 1),
        (["1", "1.5", "2"], "rows", 0),  # a part of an epoch, as the Trainer writes it
        (["0.5", "1.5"], "rows", 0),
        (["1", "1e300"], "epochs", 1),
        (["1", "two"], "rows", 0),
        (["", ""], "rows", 0),
    ],
)
def test_integer_epochs_count_the_time_of_a_log(epochs, unit, first):
    found = time_column(["epoch", "lr"], [{"epoch": one} for one in epochs])

    assert (found.unit, found.first, found.name) == (unit, first, "epoch" if unit == "epochs" else None)


def test_the_groups_in_the_columns_of_a_trace_are_found(log):
    logged = read_log(log("t,lr[body],lr[head],momentum[1]\n0,1,2,3\n"), FIELDS)

    assert columns_of(logged) == {("lr", 0): ([0], [1.0]), ("lr", 1): ([0], [2.0]), ("momentum", 1): ([0], [3.0])}
    assert logged.names == ("body", "head")


def test_paramsched_logs_have_groups_and_optionally_an_optimizer(log):
    rows = [{"t": t, "optimizer": name, "groups": [{"lr": t}, {"lr": 2 * t}]} for t in (0, 1) for name in ("d", "g")]
    file = log("\n".join(map(json.dumps, rows)), "values.jsonl")

    logged = read_log(file, FIELDS, optimizer="g")

    assert columns_of(logged) == {("lr", 0): ([0, 1], [0.0, 1.0]), ("lr", 1): ([0, 1], [0.0, 2.0])}


@pytest.mark.parametrize(
    ("texts", "readings"),
    [
        (["0.1", "0.12"], ["2 digits", "2 decimals"]),
        (["0.1", "0.12", "0.5"], ["2 digits", "2 decimals"]),
        (["0.123456", "0.1", "0"], ["6 digits", "6 decimals"]),
        (["1e-3", "1.25e-4", "1"], ["3 digits", "6 decimals"]),
        (["0.05", "0.04", "0.00"], ["2 decimals"]),
        (["0.05", "0.04", "0"], []),
        (["0.30000000000000004", "0.1", "0.2"], []),
        (["nan", "inf", "0.1"], []),
    ],
)
def test_how_a_column_was_rounded_follows_from_its_texts(log, texts, readings):
    logged = read_log(log("\n".join(["lr", *texts])), FIELDS)

    assert [str(one) for one in logged.columns[0].readings] == readings


@pytest.mark.parametrize(
    ("content", "name", "found", "instead"),
    [
        ("", "log.csv", "the file is empty", "Pass the log of a run"),
        ("lr\n", "log.csv", "the log has no values", "Pass the log of a run"),
        ("step,lr\n0,fast\n", "log.csv", "expected a number, got 'fast'", "--column lr=NAME"),
        ("step,lr\n0.5,1\n", "log.csv", "expected the number of an update, got '0.5'", "--time NAME"),
        ("step,lr\n-1,1\n", "log.csv", "must not be negative, got -1", "Updates count from 0"),
        (
            "a,b\n1,2,3\n",
            "log.csv",
            "expected a log with 2 cells as in the first line, got 3",
            "Put the name of each column",
        ),
        ("step,stage,rate\n0,warm,1\n", "log.csv", "the log has step, stage, rate", "Write --column lr=rate"),
        (
            "step,stage\n0,warm\n",
            "log.csv",
            "no column has the name of a field",
            "For example: --column lr=learning_rate",
        ),
        (b"step,lr\n\xff\n", "log.csv", "invalid UTF-8 (byte 0xff)", "in UTF-8"),
        (b"step\0,lr\n", "log.csv", "expected text, got null bytes", "in UTF-8"),
        ("[1]\n", "log.jsonl", "expected an object, got list", "Use one object per line"),
        ("{x\n", "log.jsonl", "invalid JSON", "Use one object per line"),
        ('{"groups": 3}\n', "log.jsonl", "expected a list of objects as groups of update 0", 'For example: {"t": 0'),
        (gzip.compress(b"lr\n1\n", mtime=0), "log.csv", "the file is compressed with gzip", "Decompress it first"),
    ],
)
def test_unreadable_logs_are_rejected_with_a_fix(log, content, name, found, instead):
    with pytest.raises(UnreadableLog) as refusal:
        read_log(log(content, name), FIELDS)

    assert name in refusal.value.site
    assert found in refusal.value.found
    assert instead in refusal.value.instead


def test_control_characters_in_a_suggested_column_are_escaped(log):
    with pytest.raises(UnreadableLog) as refusal:
        read_log(log("step,rate\x1b[2J\n0,1\n"), FIELDS)

    assert refusal.value.instead == r"Write --column 'lr=rate\x1b[2J'"


@pytest.mark.parametrize(
    ("content", "name", "twice"),
    [
        ("step,lr,lr\n0,0.1,0.5\n", "log.csv", "lr"),
        ("step,step,lr\n0,0,0.5\n", "log.csv", "step"),
        ('{"step": 0, "lr": 0.1, "lr": 0.7}\n', "log.jsonl", "lr"),
        ('{"t": 0, "groups": [{"lr": 0.1, "lr": 0.7}]}\n', "values.jsonl", "lr"),
        ('{"log_history": [{"step": 1, "step": 2, "learning_rate": 1}]}', "trainer_state.json", "step"),
    ],
)
def test_a_duplicate_column_or_key_is_rejected_by_name(log, content, name, twice):
    with pytest.raises(UnreadableLog, match=f'"{twice}" occurs twice'):
        read_log(log(content, name), FIELDS)


def test_two_columns_for_one_group_are_rejected(log):
    with pytest.raises(UnreadableLog, match="two columns belong to the same group of lr"):
        read_log(log("step,lr,lr/0\n0,1,2\n"), FIELDS)


def test_the_trainer_state_numbers_its_first_update_1(log):
    rows = [{"step": step, "loss": 1.0, "learning_rate": step / 10, "epoch": 0.5} for step in (1, 2, 3)]
    file = log(
        json.dumps({"global_step": 3, "log_history": [*rows, {"step": 3, "eval_loss": 1.0}]}, indent=2), "a.json"
    )

    assert columns_of(read_log(file, FIELDS)) == {("lr", 0): ([0, 1, 2], [0.1, 0.2, 0.3])}


def test_rates_per_group_in_a_trainer_state_take_precedence_over_its_single_rate(log):
    rows = [{"step": 1, "learning_rate": 0.5, "lr/0": 0.5, "lr/head": 0.25}]

    logged = read_log(log(json.dumps({"log_history": rows}), "trainer_state.json"), FIELDS)

    assert columns_of(logged) == {("lr", 0): ([0], [0.5]), ("lr", 1): ([0], [0.25])}


def test_logs_that_need_too_much_memory_are_rejected(log):
    wide = "t," + ",".join(f"lr[{index}]" for index in range(4001)) + "\n0" + ",1" * 4001
    with pytest.raises(UnreadableLog, match="more than 4,000 columns"):
        read_log(log(wide), FIELDS)
    with pytest.raises(UnreadableLog, match="more than 4,000 columns"):
        read_log(log(json.dumps({"t": 0, "groups": [{"lr": 1}] * 4001}), "values.jsonl"), FIELDS)
    most = json.dumps({"t": 0, "groups": [{"lr": 1}] * 4000})
    assert len(read_log(log(most, "values.jsonl"), FIELDS).columns) == 4000
    endless = log("lr\n")
    with endless.open("r+b") as file:
        file.truncate(2**33)  # a sparse file, which takes no disk space
    with pytest.raises(UnreadableLog, match="the line has more than"):
        read_log(endless, FIELDS)


def test_a_checkpoint_with_compressed_records_is_rejected_before_unpacking(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", bytes(2**20))

    with pytest.raises(UnreadableLog, match="records of the zip archive are compressed"):
        read_log(tmp_path / "bomb.pt", FIELDS)
