"""TensorBoard's event files as rows of a table, read by its own package."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from paramsched.audit.log_values import UnreadableLog, path_text
from paramsched.errors import MissingDependency

STEP = "step"


def event_rows(file: Path) -> Iterator[dict[str, Any]]:
    """The scalars of a file: for each value a row with its step and, under the name of its tag, the value."""
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        from tensorboard.util.tensor_util import make_ndarray
    except ImportError:
        raise MissingDependency("a log of TensorBoard", "tensorboard") from None
    try:
        # 0: keep all of them. What a restart wrote again is told as in every log.
        events = EventAccumulator(str(file), size_guidance={"scalars": 0, "tensors": 0}, purge_orphaned_data=False)
        events.Reload()  # up to where the file is damaged, or still being written
    except UnicodeEncodeError:
        found = "its name is no text in UTF-8, and tensorboard cannot open it"
        raise UnreadableLog(path_text(file), found, "Give it another name") from None
    for tag in events.Tags()["scalars"]:
        for event in events.Scalars(tag):
            yield {STEP: event.step, tag: event.value}
    for tag in events.Tags()["tensors"]:
        if events.SummaryMetadata(tag).plugin_data.plugin_name == "scalars":
            for event in events.Tensors(tag):
                yield {STEP: event.step, tag: make_ndarray(event.tensor_proto).item()}
