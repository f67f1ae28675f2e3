"""Rounding a log: columns, metrics, event files, and its facts without a plan."""

import gzip
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import paramsched as ps
from paramsched.errors import MissingDependency
from paramsched.tools.audit import LoggedValues, UnreadableLog, compare_with_plan, log_facts, read_log, read_metrics
from paramsched.tools.audit.compare import picture_of_log
from paramsched.tools.records.log_values import LogColumn, number_notes, time_column
from support.tables import table

FIELDS = ("lr", "momentum")


def columns_of(logged):
    return {(column.field, column.group): (column.t.tolist(), column.values.tolist()) for column in logged.columns}


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
    column = time_column(["epoch", "lr"], [{"epoch": epoch} for epoch in epochs])

    assert (column.unit, column.first, column.name) == (unit, first, "epoch" if unit == "epochs" else None)


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

    assert [str(reading) for reading in logged.columns[0].readings] == readings


@table(
    ("content", "name"),
    [
        ("", "log.csv"),
        ("lr\n", "log.csv"),
        ("step,lr\n0,fast\n", "log.csv"),
        ("step,lr\n0.5,1\n", "log.csv"),
        ("step,lr\n-1,1\n", "log.csv"),
        ("a,b\n1,2,3\n", "log.csv"),
        ("step,stage\n0,warm\n", "log.csv"),
        (b"step,lr\n\xff\n", "log.csv"),
        (b"step\0,lr\n", "log.csv"),
        ('{"groups": 3}\n', "log.jsonl"),
        (gzip.compress(b"lr\n1\n", mtime=0), "log.csv"),
    ],
)
def test_an_unreadable_log_is_refused_with_its_name(tmp_path, content, name):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(UnreadableLog) as refusal:
        read_log(tmp_path / name, FIELDS)

    assert name in refusal.value.problem.site


@table(("content", "found"), [("[1]\n", "an object"), ("{x\n", "JSON"), ('{"step": 0, "lr": 1}\n{x\n', "JSON")])
def test_a_line_that_is_no_object_is_named_if_the_suffix_is_that_of_lines_of_json(tmp_path, content, found):
    (tmp_path / "log.jsonl").write_text(content)

    with pytest.raises(UnreadableLog) as refusal:
        read_log(tmp_path / "log.jsonl", FIELDS)

    assert found in refusal.value.problem.found


@table(
    ("content", "advised"),
    [
        ("Wall time,Step,Value\n1.5,0,0.1\n", "--column lr=Value"),
        ("step,stage,rate\n0,warm,1\n", "--column lr=rate"),
        ("step,rate\x1b[2J\n0,1\n", r"--column 'lr=rate\x1b[2J'"),
    ],
)
def test_the_advised_column_is_one_of_numbers_without_control_characters(tmp_path, content, advised):
    (tmp_path / "log.csv").write_text(content)

    with pytest.raises(UnreadableLog) as refusal:
        read_log(tmp_path / "log.csv", FIELDS)

    assert refusal.value.problem.advice.endswith(f"Write {advised}")


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


def found(path, **options):
    return {metric.name: (metric.t.tolist(), metric.values.tolist()) for metric in read_metrics(path, **options)}


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


PLAN = ps.Plan(lr=ps.warmup(3) >> ps.cosine(), total=10)


RATES = ps.trace(PLAN, {"lr": 0.1})["lr"]


@pytest.fixture
def events(tmp_path):
    """Write an event file with a rate, a loss and a text per update; losses are tensors, as in Keras."""
    pytest.importorskip("tensorboard")
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.summary.writer.event_file_writer import EventFileWriter
    from tensorboard.util.tensor_util import make_tensor_proto

    writer = EventFileWriter(str(tmp_path))
    scalars, texts = (
        SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=name)) for name in ("scalars", "text")
    )
    text = Summary.Value(tag="note", tensor=make_tensor_proto(["a", "b"]), metadata=texts)
    for t, rate in enumerate(RATES):
        loss = make_tensor_proto(np.float32(2.5 - t / 10))
        values = [Summary.Value(tag="lr", simple_value=rate), Summary.Value(tag="loss", tensor=loss, metadata=scalars)]
        writer.add_event(Event(step=t, wall_time=t, summary=Summary(value=[*values, text])))
    writer.close()
    (file,) = tmp_path.glob("*tfevents*")
    return file


def test_an_empty_folder_has_no_event_file(tmp_path):
    with pytest.raises(UnreadableLog, match=r"expected a folder with .* or an event file of TensorBoard"):
        read_log(tmp_path, ["lr"])


def test_float32_values_match_the_plan(events):
    report = compare_with_plan(read_log(events, ["lr"]), PLAN)

    assert (report.first, report.exact, report.values) == (None, 10, 10)


def test_a_missing_tag_is_rejected_and_the_available_tags_are_listed(events):
    with pytest.raises(UnreadableLog, match="expected one of loss, lr, step"):
        read_log(events, ["lr"], columns={"lr": "rate"})


def test_without_tensorboard_the_error_names_the_package_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.setitem(sys.modules, "tensorboard.backend.event_processing.event_accumulator", None)
    file = tmp_path / "events.out.tfevents.1"
    file.write_bytes(b"x")

    with pytest.raises(MissingDependency, match="pip install tensorboard"):
        read_log(file, ["lr"])


def facts(values, t=None):
    values = np.array(values, dtype=np.float64)
    column = LogColumn("lr", 0, np.arange(values.size) if t is None else np.array(t), values)
    return log_facts(LoggedValues("log.csv", (column,), (None,))).columns[0]


def kinds(values, t=None):
    return [(stretch.kind, stretch.begin, stretch.end) for stretch in facts(values, t).stretches]


def test_the_stretches_of_any_log_cover_its_rows_without_gaps():
    random = np.random.default_rng(0)
    for _ in range(200):
        values = (
            random.choice([0.0, 0.1, 0.5, 1.0], random.integers(2, 30)) + random.choice([0, 1e-3]) * random.random()
        )
        actual = facts(values).stretches

        assert [one.begin for one in actual[1:]] == [one.end for one in actual[:-1]]
        assert (actual[0].begin, actual[-1].end) == (0, values.size - 1)
        assert kinds(values * 2.0**20) == kinds(values / 2.0**20) == kinds(values)  # in any unit
        for one in actual:
            part = np.diff(values[one.begin : one.end + 1])
            sign = {"rises": (part > 0), "falls": (part < 0), "stays": (part == 0), "jumps": (part != 0)}[one.kind]
            assert sign.all()


def test_counts():
    actual = facts([0, 0.1, np.nan, 0.2, 0.2, np.inf], [0, 1, 2, 1, 1, 3])

    assert (actual.zeros, actual.not_finite, actual.repeated, actual.back) == (1, 2, 2, 1)
    assert (actual.lowest, actual.highest) == (0, 0.2)


def test_a_picture_ends_at_the_last_update_of_the_log():
    columns = tuple(LogColumn(field, 0, np.array([2, t]), np.array([1.0, 0.5])) for field, t in (("lr", 7), ("eps", 4)))

    plotted = picture_of_log(LoggedValues("log.csv", columns, (None,)), "")

    assert plotted.trace.total == 8


def test_the_notes_are_those_of_the_log_except_those_about_a_comparison():
    column = LogColumn("lr", 0, np.array([3, 4, 4]), np.array([0.1, 0.2, 0.3]))
    of_numbers = number_notes((column,))

    actual = log_facts(LoggedValues("log.csv", (column,), (None,), ("rows are counted", *of_numbers)))

    assert of_numbers
    assert actual.notes == ("rows are counted",)


@pytest.mark.parametrize(("updates", "number"), [([0, 1, 2], 0), ([2, 1, 0], 0), ([0, 2, 1], 1), ([1, 1, 0], 1)])
def test_updates_that_decrease_are_noted_unless_the_newest_row_comes_first(log, updates, number):
    logged = read_log(log("step,lr\n" + "".join(f"{t},{1 - t / 4}\n" for t in updates)), FIELDS)

    assert len(logged.notes) == number
    is_descending = updates == sorted(updates, reverse=True)
    assert logged.columns[0].t.tolist() == (sorted(updates) if is_descending else updates)
    assert compare_with_plan(logged, ps.Plan(lr="linear()", total=4), bases={("lr", None): 1.0}).first is None


PRINTED = [2.0000000000000003e-06, 0.001, 0.0]
TORCHTUNE = "Step {} | loss:1.0 lr:{!r} tokens_per_second_per_gpu:1000.0"
MEGATRON = (
    " [2026-01-01 10:00:00] iteration {:8d}/     500 | consumed samples: {:12d} | elapsed time per iteration (ms): 9.5"
    " | learning rate: {:.6E} | global batch size:   256 | lm loss: 1.052E+01 |"
)
TEXT_LOGS = {
    "torchtune": [TORCHTUNE.format(t, rate) for t, rate in enumerate(PRINTED)],
    "torchtune below its arguments": [
        "a: 1, b: 2, c: 3, d: 4",
        *(TORCHTUNE.format(*one) for one in enumerate(PRINTED)),
    ],
    "Megatron": [MEGATRON.format(t, 256 * t, rate) for t, rate in enumerate(PRINTED)],
    "Megatron below its sizes": [
        "using world size: 8, data-parallel size: 8, pipeline size: 1",
        *(MEGATRON.format(t, 256 * t, rate) for t, rate in enumerate(PRINTED)),
    ],
    "rate first": [f"epoch 3, lr={rate}, loss=2.5, global_step={t}" for t, rate in enumerate(PRINTED)],
    "a rate of numpy": [f"[00:01] Iters: [{t}/3], lr: {rate}, x" for t, rate in enumerate(["2.e-06", ".001", "0."])],
    "a rate of the Trainer": [f"{{'loss': 9.5, 'learning_rate': {rate}, 'epoch': 0.1}}" for rate in PRINTED],
    "a progress bar": [f"\r step {t}: lr={rate!r}" for t, rate in enumerate(PRINTED)],
}


@pytest.mark.parametrize("name", ["run.log", "it's a run.txt", "slurm-7.out", "output"])
@pytest.mark.parametrize("lines", TEXT_LOGS.values(), ids=TEXT_LOGS)
def test_the_command_for_a_text_log_makes_a_table_of_it(tmp_path, log, monkeypatch, lines, name):
    monkeypatch.chdir(tmp_path)
    log("\n".join(lines), name)
    with pytest.raises(UnreadableLog) as error:
        read_log(name, FIELDS)
    command = error.value.problem.advice.partition(": ")[2]

    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    subprocess.run(command, shell=True, cwd=tmp_path, check=True, env=os.environ | {"PATH": path})

    columns = columns_of(read_log("log.csv", FIELDS))
    assert columns.keys() == {("lr", 0)}
    assert columns["lr", 0][0] == [0, 1, 2]
    assert columns["lr", 0][1] == pytest.approx(PRINTED, rel=1e-12)


@pytest.mark.parametrize("text", ["one word\nanother, and, more\n", "a step of 3\n"])
def test_a_text_without_a_rate_is_answered_without_a_command(log, text):
    with pytest.raises(UnreadableLog) as error:
        read_log(log(text, "run.log"), FIELDS)

    assert "python -c" not in str(error.value)


def test_a_table_of_several_runs_of_mlflow_is_refused(log):
    lines = ["run_id,key,value,step,timestamp", "a,lr,0.5,0,1", "b,lr,0.5,0,1"]

    with pytest.raises(UnreadableLog):
        read_log(log("\n".join(lines)), FIELDS)


def test_curves_of_several_runs_of_wandb_are_not_mixed(log):
    table = "Step,a - betas_0,b - betas_0\n0,0.5,0.25\n1,0.4,0.2\n"

    with pytest.raises(UnreadableLog):
        read_log(log(table), ("betas[0]",))


def test_the_history_of_wandb_counts_by_its_step(log):
    thinned = read_log(log(",_step,lr,_runtime\n0,0,0.5,1\n1,10,0.25,2\n"), FIELDS)
    by_epoch = read_log(log(",_step,epoch,lr\n0,0,0,0.5\n1,10,1,0.25\n"), FIELDS)

    assert columns_of(thinned)["lr", 0] == ([0, 10], [0.5, 0.25])
    assert (by_epoch.unit, columns_of(by_epoch)["lr", 0][0]) == ("epochs", [0, 1])
