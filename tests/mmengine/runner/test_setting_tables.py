"""Every table of the settings of a Runner: each value is an argument or a problem at its key."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramsched.core.base.printing import child_path
from paramsched.core.files.arguments import arguments_of, located, read_arguments
from paramsched.core.files.diagnostic_collector import DiagnosticCollector
from paramsched.mmengine.runner import _accelerator, _loaders, _optimizers, _settings, loops

TABLES = [
    _accelerator.RandomnessSettings,
    _loaders.LoaderSettings,
    _loaders.SamplerSettings,
    _optimizers.ScalingSettings,
    _settings.Settings,
    loops.TrainSettings,
]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 10**20)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["min", "$LR", "linear", "EpochBasedTrainLoop"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
each_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)


def read(table, data):
    diagnostics = DiagnosticCollector()
    return *read_arguments(table, located(data, "$"), "$", diagnostics), diagnostics


@each_table
def test_the_value_that_a_problem_suggests_is_accepted(table):
    # It is the example of an argument, or its default.
    rows = arguments_of(table)
    required = {name: row.example for name, row in rows.items() if row.example is not None}
    for name, row in rows.items():
        advised = row.default if row.example is None else row.example
        written = json.loads(json.dumps({**required, name: advised}))

        *_, diagnostics = read(table, written)

        assert diagnostics.problems() == (), name


@pytest.mark.heavy
@each_table
@given(data=st.data())
def test_every_value_is_an_argument_or_a_problem_at_its_key(table, data):
    written = data.draw(st.dictionaries(st.sampled_from([*arguments_of(table), "an unknown key"]), JSON, max_size=4))

    arguments, locations, wrong, diagnostics = read(table, written)

    assert isinstance(arguments, table)
    assert {problem.path for problem in diagnostics.found()} <= {"$", *(child_path("$", key) for key in written)}
    assert {locations[name] for name in wrong} <= {"$", *(child_path("$", name) for name in arguments_of(table))}
    missing = [name for name in wrong if locations[name] not in {child_path("$", key) for key in written}]
    assert len([problem for problem in diagnostics.found() if problem.path == "$"]) == len(missing)
