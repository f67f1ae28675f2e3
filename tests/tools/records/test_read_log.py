"""Reading a log: columns, metrics, event files, and its facts without a plan.

What is read from a log is in `logs.yaml`. `PYTHONPATH=tests python tests/tools/records/test_read_log.py` writes it.
"""

import gzip
import json
import re
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

import paramsched as ps
from paramsched.errors import MissingDependency
from paramsched.tools.audit import (
    AmountColumn,
    LoggedValues,
    UnreadableLog,
    compare_with_plan,
    log_facts,
    read_log,
    read_metrics,
)
from paramsched.tools.audit.compare import picture_of_log
from paramsched.tools.records.log_values import LogColumn, number_notes
from support import answers
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


FILE = Path(__file__).with_name("logs.yaml")


def answer_to(question):
    """Return what is read from a log: its columns or metrics, or the place and the advised line of an error."""
    question = {key: value for key, value in question.items() if key not in ("read", "columns", "error")}
    options = dict(question.get("options", {}))
    if "amount" in question:
        options["amount"] = AmountColumn(**question["amount"])
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {question["file"]: question["text"], **question.get("beside", {})}.items():
            Path(folder, name).write_text(text)
        file = Path(folder, question["file"])
        try:
            if "metrics" in question:
                metrics = read_metrics(file, names=question["metrics"], **options)
                return question | {
                    "read": {metric.name: f"{metric.t.tolist()} {metric.values.tolist()}" for metric in metrics}
                }
            logged = read_log(file, question.get("fields", FIELDS), **options)
        except UnreadableLog as error:
            site = error.problem.site.replace(f"{folder}/", "")
            advice = error.problem.advice.replace(f"{folder}/", "")
            line = re.search(r"(?:Write|For example:|Make a table of it:) (.*)", advice)
            actual = [site, answers.facts_of(error.problem.found.replace(folder, "")), error.option, line and line[1]]
            return question | {"error": [fact for fact in actual if fact]}
    programs = ", ".join(
        f"{program.name} {program.first}{' after' * program.is_after}".strip() for program in logged.programs
    )
    amounts = logged.amounts and f"{logged.amounts.t.tolist()} {logged.amounts.amounts.tolist()}"
    read = {"unit": logged.unit, "programs": programs, "names": str(logged.names), "amounts": amounts}
    read["notes"] = [f"{len(logged.notes)}", *map(answers.facts_of, logged.notes)]
    usual = {"unit": "updates", "programs": "0", "names": "(None,)", "amounts": None, "notes": ["0"]}
    return question | {
        "read": {key: value for key, value in read.items() if value != usual[key]},
        "columns": [text_of(column) for column in logged.columns],
    }


def text_of(column):
    """Return the properties of a column."""
    readings = [f"{reading} of a {reading.of}" for reading in column.readings]
    flags = ["is zero"] * column.is_zero + ["float32"] * column.are_singles + ["short float32"] * column.may_be_singles
    name = f"{column.field}@{column.group} from {column.name}, tolerance {column.tolerance:.3g}"
    return f"{name}: {', '.join([f'{column.t.tolist()} {column.values.tolist()}', *readings, *flags])}"


@answers.in_parts(FILE, size=40)
def test_what_is_read_from_a_log_is_as_recorded(places, subtests):
    answers.check(FILE, answer_to, places, subtests)


@table(
    ("content", "name"),
    [
        (b"step,lr\n\xff\n", "log.csv"),
        (gzip.compress(b"lr\n1\n", mtime=0), "log.csv"),
    ],
)
def test_an_unreadable_log_is_refused_with_its_name(tmp_path, content, name):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(UnreadableLog) as refusal:
        read_log(tmp_path / name, FIELDS)

    assert name in refusal.value.problem.site


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
    with pytest.raises(UnreadableLog, match=r"expected a regular file"):
        read_log(tmp_path, ["lr"])


def test_float32_values_match_the_plan(events):
    report = compare_with_plan(read_log(events, ["lr"]), PLAN)

    assert (report.first, report.exact, report.values) == (None, 10, 10)


def test_a_missing_tag_is_rejected_and_the_available_tags_are_listed(events):
    with pytest.raises(UnreadableLog, match="expected one of loss, lr, step"):
        read_log(events, ["lr"], columns={"lr": "rate"})


def test_a_damaged_event_file_is_refused_with_its_name(tmp_path):
    pytest.importorskip("tensorboard")
    (tmp_path / "a.tfevents.1").write_bytes(b"not an event file")

    with pytest.raises(UnreadableLog, match=r"a\.tfevents\.1"):
        read_log(tmp_path / "a.tfevents.1", ["lr"])


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

        assert [stretch.begin for stretch in actual[1:]] == [stretch.end for stretch in actual[:-1]]
        assert (actual[0].begin, actual[-1].end) == (0, values.size - 1)
        assert kinds(values * 2.0**20) == kinds(values / 2.0**20) == kinds(values)  # in any unit
        for stretch in actual:
            differences = np.diff(values[stretch.begin : stretch.end + 1])
            sign = {
                "rises": (differences > 0),
                "falls": (differences < 0),
                "stays": (differences == 0),
                "jumps": (differences != 0),
            }[stretch.kind]
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


if __name__ == "__main__":
    answers.write(FILE, [answer_to(question) for question in answers.read(FILE)])
