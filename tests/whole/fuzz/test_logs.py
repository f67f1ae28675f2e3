"""An audit of damaged, binary and unusual logs gives a result or raises a ParamschedError."""

import csv
import io
import json
import math
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import paramsched as ps
from paramsched.cli import main
from paramsched.errors import ParamschedError
from paramsched.tools.audit import compare_with_plan, read_log

PLAN = ps.Plan(lr='warmup("10%") >> cosine(to=0.1)', weight_decay="linear(1.0, 0.5)", total=40)
FIELDS = ("lr", "weight_decay")
either_profile = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, *settings().suppress_health_check]
)


@pytest.fixture
def audited(tmp_path: Path) -> Any:
    """Write the bytes and audit them. Return the report or the error message."""

    def call(data: bytes, suffix: str, **options: Any) -> str:
        file = tmp_path / f"log{suffix}"
        file.write_bytes(data)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", module="torch")
            try:
                report = str(compare_with_plan(read_log(file, FIELDS, **options), PLAN))
            except ParamschedError as refusal:
                report = str(refusal)
        assert report.isprintable() or all(line.isprintable() for line in report.splitlines()), repr(report)
        return report

    return call


numbers = st.one_of(
    st.floats(),
    st.integers(),
    st.integers(0, 50),
    st.integers(-(10**320), 10**320),
    st.sampled_from([2**63, -(2**63), 1e308, -0.0, math.inf, math.nan, 2**40, 10**12]),
)
texts = st.text(
    st.characters(codec=None, exclude_categories=()), max_size=12
)  # control characters and lone surrogates among them
names = st.one_of(
    texts,
    st.sampled_from(
        ["lr", "t", "step", "groups", "optimizer", "lr[0]", "lr[head]", "lr[99999999999]", "lr[²]", "weight_decay"]
    ),
)
odd = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
    max_leaves=8,
)


def good_rows(updates: int = 40) -> list[dict[str, Any]]:
    trace = ps.trace(PLAN, {"lr": 0.1, "weight_decay": 0.05})
    return [{"t": t, "groups": [{field: float(trace[field, 0][t]) for field in FIELDS}]} for t in range(updates)]


def jsonl(rows: list[Any]) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode("ascii")


def csv_of(rows: list[list[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8", "surrogatepass")


def checkpoint_of(data: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(data, buffer)
    return buffer.getvalue()


def good_checkpoint() -> bytes:
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.ones(2))], lr=0.1, weight_decay=0.05)
    optimizer.param_groups[0]["params"][0].sum().backward()
    optimizer.step()
    return checkpoint_of({"optimizer": optimizer.state_dict()})


GOOD = {
    ".jsonl": jsonl(good_rows()),
    ".csv": csv_of([["step", "lr"], *[[row["t"], row["groups"][0]["lr"]] for row in good_rows()]]),
    ".pt": good_checkpoint(),
}
suffixes = st.sampled_from([".jsonl", ".csv", ".tsv", ".pt", ".bin", ".npz", ".txt", "", ".json", ".tfevents"])


def test_the_undamaged_logs_are_as_planned(audited: Any) -> None:
    assert "80 of 80 values are as planned" in audited(GOOD[".jsonl"], ".jsonl")
    assert "40 of 40 values are as planned" in audited(GOOD[".csv"], ".csv")
    assert "after 1 update;" in audited(GOOD[".pt"], ".pt")


@given(st.binary(max_size=200), suffixes)
@either_profile
def test_any_bytes(audited: Any, data: bytes, suffix: str) -> None:
    audited(data, suffix)


@given(st.sampled_from(sorted(GOOD)), suffixes, st.data())
@either_profile
def test_damaged_bytes_of_a_good_log(audited: Any, kind: str, suffix: str, data: st.DataObject) -> None:
    whole = bytearray(GOOD[kind])
    for _ in range(data.draw(st.integers(0, 6))):
        at = data.draw(st.integers(0, len(whole) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "insert", "repeat"])):
            case "flip":
                whole[at] ^= 1 << data.draw(st.integers(0, 7))
            case "cut":
                del whole[at : at + data.draw(st.integers(1, 40))]
            case "insert":
                whole[at:at] = data.draw(st.binary(max_size=8))
            case "repeat":
                whole[at:at] = whole[at : at + 60]
        if not whole:
            break

    audited(bytes(whole), data.draw(st.sampled_from([kind, suffix])))


@given(st.integers(1, 120), st.integers(0, 255))
@either_profile
def test_a_damaged_byte_in_the_directory_of_a_checkpoint(audited: Any, place: int, value: int) -> None:
    whole = bytearray(GOOD[".pt"])
    whole[-place] = value

    audited(bytes(whole), ".pt")


@given(st.lists(odd, max_size=6), suffixes)
@either_profile
def test_any_json(audited: Any, rows: list[Any], suffix: str) -> None:
    audited(jsonl(rows), suffix)


@given(st.data())
@either_profile
def test_odd_values_in_our_own_log(audited: Any, data: st.DataObject) -> None:
    rows = good_rows(data.draw(st.integers(0, 12)))
    for row in rows:
        if data.draw(st.booleans()):
            where = data.draw(st.sampled_from(["t", "groups", "optimizer", "group", "value"]))
            value = data.draw(odd)
            if where == "group":
                row["groups"] = [value]
            elif where == "value":
                row["groups"] = [{data.draw(names): value, "lr": data.draw(numbers)}]
            else:
                row[where] = value

    audited(jsonl(rows), ".jsonl")


@given(st.lists(names, min_size=1, max_size=4), st.lists(st.lists(st.one_of(numbers, texts), max_size=5), max_size=8))
@either_profile
def test_any_table(audited: Any, header: list[str], rows: list[list[Any]]) -> None:
    audited(csv_of([header, *rows]), ".csv")


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=30), st.booleans())
@either_profile
def test_any_numbers_of_updates_and_values(audited: Any, rows: list[tuple[Any, Any]], small: bool) -> None:
    if small:
        rows = [(index // 2, value) for index, (_, value) in enumerate(rows)]

    audited(csv_of([["step", "lr"], *map(list, rows)]), ".csv")


values = st.one_of(
    odd,
    st.builds(torch.tensor, st.floats(allow_nan=True)),
    st.just(torch.ones(2, 2)),
    st.just(torch.tensor(True)),
    st.just(torch.tensor(1 + 2j)),
    st.just(torch.ones(2)),
    st.just(torch.ones((), device="meta")),
)


@given(
    st.dictionaries(st.one_of(names, st.integers(), st.just("paramsched_t"), st.just("step")), values, max_size=5),
    values,
)
@either_profile
def test_any_checkpoint(audited: Any, group: dict[Any, Any], step: Any) -> None:
    state = {"param_groups": [{"lr": 0.1, **group}], "state": {0: {"step": step}}}

    audited(checkpoint_of({"model": {}, "optimizers": [state, state]}), ".pt")
    audited(checkpoint_of(state), ".pt", at=3)


def test_a_recursive_container_is_visited_once(audited: Any) -> None:
    loop: list[Any] = []
    loop.append(loop)
    doubled: Any = []
    for _ in range(60):
        doubled = [doubled, doubled]

    assert "no state of an optimizer" in audited(checkpoint_of([loop, {"more": doubled}]), ".pt")


@pytest.mark.parametrize(
    ("data", "suffix", "said"),
    [
        (b"", ".jsonl", "the file is empty"),
        (b"", ".csv", "the file is empty"),
        (b"\n\n", ".csv", "the log has no values"),
        (b"step,lr\n", ".csv", "the log has no values"),
        (b"step,lr\n1,\n", ".csv", "column lr of"),
        (b"step,loss\n1,2\n", ".csv", "the log has step, loss. For example: --column lr=learning_rate"),
        (b"step,lr\n0,0,1\n", ".csv", "line 2: expected a log with 2 cells as in the first line, got 3"),
        (b"step,lr\n0,1e400\n9999999999999,0\n", ".csv", "expected the number of an update"),
        (b"step,lr\n0,True\n", ".csv", "expected a number"),
        (b"\x00\x01\x02", ".csv", "null bytes"),
        (b"a,\xff\xfe\n1,2\n", ".csv", "invalid UTF-8 (byte 0xff)"),
        ("step,lr\n0,0.1\n".encode("utf-16"), ".csv", "invalid UTF-8"),
        (b"\x18\x00\x00\x00\x00\x00\x00\x00\xa3\x7fK\x22", ".tfevents", "the log has no values"),
        (b"\x1f\x8b\x08\x00", ".jsonl", "compressed with gzip"),
        (b"[" * 100_000, ".jsonl", "line 1: invalid JSON"),
        (b'{"t": 0, "groups": [{"lr": 1' + b"0" * 400 + b"}]}", ".jsonl", "an integer too large for a float"),
        (b'{"t": 0, "groups": [{"lr": true}]}', ".jsonl", "expected a number, got True"),
        (b'{"t": true, "groups": [{"lr": 1}]}', ".jsonl", "expected the number of an update, got True"),
        (b'{"t": 0, "groups": 3}', ".jsonl", "expected a list of objects"),
        (b'{"t": 0, "groups": []}', ".jsonl", "the log has no fields"),
        (b'{"t": 0, "lr[99999999999]": 0.1}', ".jsonl", "got 99999999999"),
        (b"PK\x03\x04", ".npz", "not a PyTorch checkpoint"),
        (b"x", ".pt", "not a PyTorch checkpoint"),
    ],
)
def test_the_message_names_the_type_of_the_file(audited: Any, data: bytes, suffix: str, said: str) -> None:
    assert said in audited(data, suffix)


def test_an_archive_of_arrays_is_not_read_as_a_checkpoint(audited: Any) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, lr=np.ones(3))

    assert "torch cannot read it" in audited(buffer.getvalue(), ".npz")


def test_rows_of_the_same_update_are_each_compared(audited: Any) -> None:
    rows = [row for row in good_rows() for _ in range(2)]

    said = audited(jsonl(rows), ".jsonl")

    assert "160 of 160 values are as planned" in said
    assert "the same update number as the previous row" in said


def test_the_first_value_that_is_not_a_number_is_a_difference(audited: Any) -> None:
    rows = good_rows()
    rows[7]["groups"][0]["lr"] = math.nan

    said = audited(jsonl(rows), ".jsonl")

    assert "79 of 80 values are as planned" in said
    assert "at update 7: nan logged" in said


def test_the_order_of_a_semicolon_table_is_found(audited: Any) -> None:
    assert "40 of 40" in audited(GOOD[".csv"].replace(b",", b";"), ".csv")


def test_a_byte_order_mark_is_accepted(audited: Any) -> None:
    assert "80 of 80" in audited(b"\xef\xbb\xbf" + GOOD[".jsonl"], ".jsonl")


def test_a_pipe_is_rejected_before_it_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "log.jsonl"
    os.mkfifo(pipe)

    with pytest.raises(ParamschedError, match="expected a regular file"):
        read_log(pipe, FIELDS)


@given(st.one_of(st.binary(max_size=100), st.lists(odd, max_size=4).map(jsonl)), suffixes)
@either_profile
def test_the_command_ends_without_a_traceback(tmp_path: Path, data: bytes, suffix: str) -> None:
    file = tmp_path / f"odd\x1b\udcff{suffix}"
    file.write_bytes(data)

    for more in ([], ["--json"]):
        result = CliRunner().invoke(main, ["audit", str(file), "--plan", "cosine()", "--total", "40", *more])
        assert result.exit_code in (0, 1, 2)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
