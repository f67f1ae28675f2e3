"""Reading a log: our JSONL, any CSV or JSONL with named columns, or an optimizer's checkpoint."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from paramsched.audit.checkpoint_log import read_checkpoint
from paramsched.audit.log_values import AmountColumn, LoggedValues, UnreadableLog, path_text
from paramsched.audit.table_log import read_csv, read_jsonl

_CHECKPOINTS = {".pt", ".pth", ".bin", ".ckpt", ".tar"}
_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


def read_log(
    path: str | Path,
    fields: Iterable[str],
    *,
    columns: Mapping[str, str] | None = None,
    time: str | None = None,
    optimizer: str | None = None,
    at: int | None = None,
    amount: AmountColumn = AmountColumn(),  # noqa: B008  # a frozen value
) -> LoggedValues:
    """Read a log.

    Args:
        path: a `.jsonl` or `.csv` file, or a checkpoint that holds an optimizer's state.
        fields: those the plan schedules: columns named like them are found without being named.
        columns: from `"lr"` or `"lr@head"` (a group's name or index) to the column's name.
        time: the column that counts the updates; without one, rows count from 0.
        optimizer: which one, where the log or the checkpoint has several.
        at: completed updates, for a checkpoint that does not say.
        amount: the column that says what was consumed, for a plan that counts it.

    Raises:
        UnreadableLog: nothing in it can be compared, with what is there.
        OSError: it cannot be read.
    """
    file = Path(path)
    match kind_of_log(file):
        case "checkpoint":
            return read_checkpoint(file, optimizer, at, amount.clock)
        case "jsonl":
            return read_jsonl(file, tuple(fields), columns or {}, time, optimizer, amount)
        case "csv":
            return read_csv(file, tuple(fields), columns or {}, time, amount)


def kind_of_log(file: Path) -> Literal["checkpoint", "jsonl", "csv"]:
    """What a log is, by its suffix and its first bytes.

    Raises:
        UnreadableLog: nothing that we read.
        OSError: it cannot be read.
    """
    if file.exists() and not file.is_file():
        raise UnreadableLog(path_text(file), "no ordinary file, so it may have no end", "Write it to a file first")
    with file.open("rb") as stream:
        head = stream.read(64)
    if not head:
        raise UnreadableLog(path_text(file), "it is empty", "Give the log of a run: JSONL, CSV, or a checkpoint")
    # By suffix or by content: the first bytes of a zip archive or of a pickle are those of a checkpoint.
    if file.suffix in _CHECKPOINTS or head.startswith((b"PK\x03\x04", b"\x80")):
        return "checkpoint"
    for magic, name in _PACKED.items():
        if head.startswith(magic):
            raise UnreadableLog(path_text(file), f"it is packed by {name}", "Unpack it first")
    if "tfevents" in file.name:
        raise UnreadableLog(
            path_text(file),
            "TensorBoard's own file",
            "Save the curve as CSV there, and write --column lr=Value --time Step",
        )
    # A byte order mark may stand before the text. What begins like an object is JSONL, whatever the suffix.
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if file.suffix not in (".csv", ".tsv") and text.startswith((b"{", b"[")):
        return "jsonl"
    return "csv"
