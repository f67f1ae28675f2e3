"""The argument reader, and every table of a dialect that it reads.

These tests need further doors.
"""

import importlib
import json
import pkgutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramsched import compat, mmengine
from paramsched.core.base.diagnostic import child_path
from paramsched.core.files.arguments import (
    arguments_of,
    located,
    names_of,
    read_arguments,
)
from paramsched.core.files.diagnostic_collector import DiagnosticCollector

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 10**20)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["10ep", "0.1dur", "cosine", "min", "$LR", "linear"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def tables():
    """Return every table of the dialects by name."""
    found = {}
    rooms = sorted({module.removesuffix(".plans") for module in (*compat.READERS.values(), *mmengine.READERS.values())})
    files = [
        info.name for room in rooms for info in pkgutil.iter_modules(importlib.import_module(room).__path__, f"{room}.")
    ]
    for file in files:
        for one in vars(importlib.import_module(file)).values():
            if isinstance(one, type) and one.__dict__.get("__dataclass_fields__") and arguments_of(one):
                found[f"{one.__module__.removeprefix('paramsched.')}.{one.__name__}"] = one
    return found


TABLES = tables()


each_table = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)


def read(table, data):
    diagnostics = DiagnosticCollector()
    return *read_arguments(table, located(data, "$"), "$", diagnostics), diagnostics


@each_table
def test_the_fix_of_a_diagnostic_is_accepted(table):
    # The fix is the example of an argument or its default.
    for name, row in arguments_of(table).items():
        advised = row.default if row.example is None else row.example
        required = {one: other.example for one, other in arguments_of(table).items()}
        written = json.loads(json.dumps({**{k: v for k, v in required.items() if v is not None}, name: advised}))

        *_, diagnostics = read(table, written)

        assert diagnostics.problems() == (), name


@pytest.mark.heavy
@each_table
@given(data=st.data())
def test_every_value_is_an_argument_or_a_diagnostic_at_its_key(table, data):
    written = data.draw(st.dictionaries(st.sampled_from([*names_of(table), "an unknown key"]), JSON, max_size=4))

    arguments, locations, wrong, diagnostics = read(table, written)

    assert isinstance(arguments, table)
    assert {fault.path for fault in diagnostics.found()} <= {"$", *(child_path("$", key) for key in written)}
    assert {locations[name] for name in wrong} <= {"$", *(child_path("$", name) for name in names_of(table))}
    missing = [name for name in wrong if locations[name] not in {child_path("$", key) for key in written}]
    assert [fault.found for fault in diagnostics.found() if fault.path == "$"] == [
        f"{name} is missing" for name in arguments_of(table) if name in missing
    ]
