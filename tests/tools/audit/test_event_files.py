"""Event files of TensorBoard as logs."""

import sys

import numpy as np
import pytest

import paramsched as ps
from paramsched.errors import MissingDependency
from paramsched.tools.audit import UnreadableLog, compare_with_plan, read_log

PLAN = ps.Plan(lr=ps.warmup(3) >> ps.cosine(), horizon=10)
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
    report = compare_with_plan(read_log(events, ["lr"]), PLAN, ps.Calendar())

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
