# ruff: noqa: E501  # inputs are tables, one entry a line
"""Good files and the ways to damage them, and values of wrong types."""

import copy
import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

import paramsched as ps

# ---------------------------------------------------------------- good files

PLAN = ps.Plan(lr='warmup("10%") >> cosine(to=0.1)', weight_decay="linear(1.0, 0.5)", total=40)
FIELDS = ("lr", "weight_decay")


def rows_of_log() -> list[dict[str, Any]]:
    """Return the log of a run with the plan."""
    trace = ps.trace(PLAN, {"lr": 0.1, "weight_decay": 0.05})
    return [{"t": t, "groups": [{field: float(trace[field, 0][t]) for field in FIELDS}]} for t in range(40)]


def text_of(data: Any) -> bytes:
    """Return data as JSON, or as lines of JSON; what JSON cannot contain becomes text."""
    many = data if isinstance(data, list) else [data]
    try:
        return b"\n".join(json.dumps(row, default=repr, skipkeys=True).encode() for row in many)
    except ValueError:  # a list that contains itself
        return repr(many).encode()


TREES: dict[str, Any] = {
    "plan.json": {
        "total": 100,
        "lr": 'warmup("5%") >> cosine(to=0.01)',
        "betas[0]": "linear(absolute(0.85), absolute(0.95), over=50)",
        "groups": {"head": {"momentum": "constant(0.5)"}, "[1]": {"weight_decay": "cosine()"}},
        "targets": {"temperature": {"initial": 2.0, "schedule": "linear(1, 0.5)"}},
        "clock": "updates",
    },
    "log.jsonl": rows_of_log()[:12],
    "trainer_state.json": {"log_history": [{"step": t, "learning_rate": 0.1 / t} for t in range(1, 9)], "global_step": 8},
    "config.json": {
        "model": {"type": "Net"},
        "param_scheduler": [
            {"type": "LinearLR", "start_factor": 0.1, "by_epoch": False, "begin": 0, "end": 50},
            {"type": "MultiStepLR", "milestones": [8, 11], "end": 12, "convert_to_iter_based": True},
        ],
        "train_cfg": {"by_epoch": True, "max_epochs": 12},
        "optim_wrapper": {
            "optimizer": {"type": "SGD", "lr": 0.1, "momentum": 0.9},
            "accumulative_counts": 2,
            "paramwise_cfg": {"custom_keys": {"head": {"lr_mult": 10}}},
        },
        "auto_scale_lr": {"enable": True, "base_batch_size": 16},
        "custom_imports": {"imports": []},
    },
}  # fmt: skip
"""Good files as data."""

FILES: dict[str, bytes] = {
    **{name: text_of(data) for name, data in TREES.items()},
    "plan.yaml": b"""# how the run goes
total: 20 epochs
lr: warmup("2 epochs")
  >> cosine(to=0.01)
betas[0]: "linear(absolute(0.85), absolute(0.95), over='10 epochs')"
groups:
  head: {lr: constant(0.5)}
  '[1]': {weight_decay: cosine()}
targets:
  temperature: {initial: 2.0, schedule: "linear(1, 0.5)"}
""",
    "log.csv": b"step,lr\n" + b"".join(b"%d,%r\n" % (row["t"], row["groups"][0]["lr"]) for row in rows_of_log()),
    "config.py": b"""param_scheduler = [dict(type='LinearLR', start_factor=0.1, end=50, by_epoch=False),
    dict(type='MultiStepLR', milestones=[8, 11], end=12)]
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1))
train_cfg = dict(max_epochs=12)
""",
}
OTHER_NAMES = ("log.tsv", "log.npz", "log.tfevents", "log.bin", "log.txt", "log", "log.json", "plan.yml", "config.yaml")
"""Other names of files, whose readers get the bytes of any format."""

DAMAGED: tuple[tuple[str, bytes], ...] = (
    *(("plan.yaml", content) for content in (
        b"", b"\xff\xfelr: 1", b"- " * 4_000, b"lr: " + b"9" * 9_000, b"lr: &a [*a]", b"lr: &a {b: *a}", b"&a lr: *a",
        b"? [lr]\n: 1", b"? {a: 1}\n: 1", b"lr: 1\nlr: constant(2)", b"lr: 2001-01-01\n", b"lr: !!timestamp 2001-99-99\n",
        b"lr: !!int x\n", b"lr: !!float ''\n", b"lr: !!set {a, b}\n", b"lr: 190:20:30\n", b"=: 1\n<<: 2\n", b"- 1\n---\n- 2",
        b"%TAG ! tag:x,2000:\n--- !a b", b"[" * 10_000, b"lr: cosin()\nweight_decy: true\n\x1b[31m: 1\n",
    )),
    *(("plan.json", content) for content in (
        b"\x00", b"[" * 100_000, b'{"a":' * 2_000, b'{"lr": ' + b"9" * 9_000 + b"}", b'{"lr": 1, "lr": 2}', b'{"lr": NaN}',
        b'{"\\ud800": 1}', b'{"lr": "\\ud800"}',
    )),
    *(("log.csv", content) for content in (
        b"", b"\n\n", b"step,lr\n", b"step,lr\n1,\n", b"step,loss\n1,2\n", b"step,lr\n0,0,1\n", b"\x00\x01\x02",
        b"step,lr\n0,1e400\n9999999999999,0\n", b"step,lr\n0,True\n", b"a,\xff\xfe\n1,2\n", "step,lr\n0,0.1\n".encode("utf-16"),
    )),
    *(("log.jsonl", content) for content in (
        b"", b"\x1f\x8b\x08\x00", b"[" * 100_000, b'{"t": 0, "groups": [{"lr": 1' + b"0" * 400 + b"}]}", b'{"t": 0, "groups": 3}',
        b'{"t": 0, "groups": [{"lr": true}]}', b'{"t": true, "groups": [{"lr": 1}]}', b'{"t": 0, "groups": []}',
        b'{"t": 0, "lr[99999999999]": 0.1}',
    )),
    ("log", b'{"a":' * 100_000), ("log.tfevents", b"\x18\x00\x00\x00\x00\x00\x00\x00\xa3\x7fK\x22"),
    ("log.npz", b"PK\x03\x04"), ("config.json", b'{"param_scheduler": 3}'), ("config.yaml", b"\xff: [1"),
)  # fmt: skip
"""Damaged files, each with the name that a reader gets. Every reader of its kind refuses it."""

PIECES = (
    *(b":", b": ", b"=", b"[", b"]", b"{", b"}", b",", b"'", b'"', b"\n", b"\r", b"\t", b"  ", b"- ", b"#"),
    *(b"\\", b"|", b">", b"&a ", b"*a", b"&a [*a]", b"<<: ", b"!!python/object:os.system x", b"!!binary aGk="),
    *(b"? ", b"---\n", b"...\n", b"%YAML 9.9\n", b"\x00", b"\x1b[31m", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf"),
    *(b"\xe2\x80\xa8", b"\xc2\x85", b"\xf4\x8f\xbf\xbf", b"\x7f", b"9" * 400, b"9" * 5000, b"0x" + b"f" * 400),
    *(b"1e400", b"-1e-400", b".inf", b"nan", b"1_000", b"0o17", b"12:30:45", b"2001-01-01", b"null", b"true", b"~"),
    *(b"lr: 1\n", b'"lr": 1,', b"lr = 1\n", b"[[groups]]\n", b"[lr]\n", b"a.b.c = 1\n", b'"""', b"'''"),
    *(b"[" * 300, b"{" * 300, b'{"lr":' * 300, b"- " * 300, b"a" * 20_000, b"\\ud800", b"\\u0000", b'"\\ud83d"'),
    *(b"cosine(", b"cosine()"),
)


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Draw a copy of a file with some bytes changed, removed, doubled or inserted."""
    data = bytearray(whole)
    # A ZIP file ends with its directory.
    for _ in range(draw(st.integers(0, 5))):
        begin = draw(st.integers(0, len(data)) | st.integers(max(len(data) - 120, 0), len(data)))
        end = begin + draw(st.sampled_from([0, 0, 1, 3, 30]))
        match draw(st.sampled_from(["flip", "cut", "insert", "double", "any"])):
            case "flip" if begin < len(data):
                data[begin] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del data[begin:end]
            case "double":
                data[begin:begin] = data[begin : begin + 60]
            case "any":
                data[begin:end] = draw(st.binary(max_size=8))
            case _:
                data[begin:end] = draw(st.sampled_from(PIECES))
    return bytes(data)


# ---------------------------------------------------------------- values of wrong types


class NoRepr:
    """An object whose conversion to text fails."""

    def __repr__(self) -> str:
        raise RuntimeError("it has no repr")


class NoLength:
    """A collection whose length cannot be read."""

    def __len__(self) -> int:
        raise RuntimeError("it has no length")

    def __iter__(self) -> Iterator[Any]:
        return iter(())


class NoEntries(dict[str, Any]):
    """A dict whose entries cannot be read."""

    def get(self, *_: Any) -> Any:
        raise RuntimeError("it has no entries")


LOOP: list[Any] = []
LOOP.append(LOOP)
LOOP_OF_TYPE: dict[str, Any] = {}
LOOP_OF_TYPE["type"] = LOOP_OF_TYPE
NUMBERS = (
    *(True, -1, 0, 1, 3, 2**31, 2**62, 2**70, 10**18, 10**25, 10**400, -(10**400), 0.5, -0.0, 1.5, 2.5),
    *(math.nan, math.inf, -math.inf, 1e308, 5e-324, 1j),
)
TEXTS = (
    *("", "x", "lr", "nan", "5%", "20 epochs", "1e400", "[0]", "\ud800", "\0", "\x1b[31m", "a" * 20_000, "9" * 5000),
    *("[" * 3000, "[" * 9000, "[1, 2]", '{"lr": 1}', "{}", "lr: [", "lr: cosine()", "cosine()", "round(1, -10**9)"),
    *("SGD", "StepLR", "linear", "adamw-timescale", "no/such.yaml"),
)
PLAIN = (
    *(None, b"x", (), [], {}, (1, 2), [1], ["a"], [None], {"lr": 0.1}, {1: 2}, {"": 1}, {None: 1}, {"step": 1}, LOOP),
    *(LOOP_OF_TYPE, set(), range(5), (1e9, 1e-300), (5e-324, 1e9)),
)
TENSORS = (
    *(torch.tensor(0.5), torch.tensor([1.0, 2.0]), torch.tensor(1j), torch.zeros(()).bool(), torch.zeros(0)),
    *(torch.zeros((), device="meta"), torch.tensor(math.nan)),
)
OBJECTS = (
    *(int, len, math, torch.nn.Linear, torch.nn.Linear(2, 2), lambda: 3, lambda *_, **__: 3, ps.mmengine.Runner),
    *(ps.cosine(), ps.plateau(), ps.absolute(0.1), ps.Plan(lr="cosine()", total=10), ps.RunFacts(total=10)),
    *(np.array([1.0, 2.0]), np.array("x"), np.float32(3), np.int64(-5), np.linspace(1, 0, 30)),
    np.array([], dtype=object),
)
"""Objects that no file contains."""
NONSENSE = (*NUMBERS, *TEXTS, *PLAIN, *TENSORS, object())
KEYS = (
    *(
        "lr",
        "weight_decay",
        "betas",
        "betas[0]",
        "betas[99999999999]",
        "total",
        "groups",
        "targets",
        "initial",
        "schedule",
    ),
    *("initial_lr", "paramsched_t", "paramsched", "paramsched_other", "name", "t", "step", "optimizer", "type", "end"),
    *("lr[head]", "lr[²]", "", "[0]", "[-1]", "head", "\x1b[31m", "lr\u200b", "LR", "true", "x", 5, None),
)


def values_of(plain: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw a plain value, or lists, tuples and dicts of them."""
    names = st.sampled_from(KEYS) | st.text(max_size=4)
    return st.recursive(
        plain,
        lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(names, inner, max_size=4),
        max_leaves=8,
    )


texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=8)
values = values_of(st.sampled_from(NONSENSE) | st.integers() | st.floats() | texts)
objects = values_of(st.sampled_from((*NONSENSE, *OBJECTS, NoLength(), NoEntries())))


def places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the paths of the entries of lists and dicts."""
    if len(path) > 5:  # of what contains itself
        return
    for key, entry in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield (*path, key)
        yield from places(entry, (*path, key))


def with_value(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a copy of a tree with another value in a place."""
    if not path:
        return value
    holder = copy.copy(tree)
    holder[path[0]] = with_value(tree[path[0]], path[1:], value)
    return holder


@st.composite
def mutated(draw: st.DrawFn, tree: Any, entries: st.SearchStrategy[Any] = values) -> Any:
    """Draw a copy of a tree with one to three entries replaced, removed or added."""
    tree = copy.deepcopy(tree)
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from([*places(tree)] or [("x",)]))
        holder = tree
        for key in way:
            holder = holder[key]
        match draw(st.sampled_from(["replace", "remove", "add"])):
            case "replace":
                holder[last] = draw(entries)
            case "remove" if last in holder or isinstance(holder, list):
                del holder[last]
            case _ if isinstance(holder, dict):
                holder[draw(st.sampled_from(KEYS))] = draw(entries)
            case _:
                holder.append(draw(entries))
    return tree
