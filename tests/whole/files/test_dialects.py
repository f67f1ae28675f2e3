"""Dialects are read by name, and all that one may define is used."""

import sys
from importlib import import_module
from types import ModuleType

import pytest

import paramsched as ps
from paramsched import compat, mmengine
from paramsched.core import files as config
from paramsched.core.base.diagnostic import Diagnostic
from paramsched.core.files import known_dialects
from paramsched.core.files.known_dialects import dialect_named, dialects_that_recognize
from paramsched.core.files.plan_files import PlanText, ReadingOptions
from paramsched.core.plan import Plan
from paramsched.core.time import Calendar
from paramsched.errors import ConfigError, InvalidArgument
from support.tables import table

READERS = {**compat.READERS, **mmengine.READERS}


@pytest.fixture
def added(monkeypatch):
    """Return a function that adds a module as the reader of a library, for this test."""

    def add(name, module):
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(compat.READERS, name, module.__name__)
        known_dialects._readers.cache_clear()
        return module

    yield add
    monkeypatch.undo()
    known_dialects._readers.cache_clear()


@pytest.fixture
def dialect(added):
    """Add a reader with one function."""
    module = ModuleType("drawn_dialect")
    module.to_plan = lambda data, *, calendar=None, base=None: Plan(
        lr=ps.constant(data["rate"] * (base or 1.0)), horizon=calendar and calendar.total
    )
    return added("drawn", module)


@pytest.mark.parametrize("text", ["rate: 0.5", '{"rate": 0.5}'])
def test_a_dialect_reads_yaml_and_json(dialect, text):
    assert config.loads(text, "drawn") == Plan(lr="constant(0.5)")


def test_a_dialect_receives_the_calendar_and_the_base(dialect, tmp_path):
    (tmp_path / "plan.toml").write_text("rate = 0.5")

    plan = config.load(tmp_path / "plan.toml", format="drawn", calendar=Calendar(total=9), base=0.5)

    assert plan == Plan(lr="constant(0.25)", horizon=9)


def test_a_dialect_may_define_its_own_file_syntax(dialect):
    dialect.read = lambda text, source: {"rate": float(text.removeprefix("rate is "))}

    assert config.loads("rate is 0.5", "drawn") == Plan(lr="constant(0.5)")
    assert config.convert("rate is 0.25", "drawn", "yaml") == "lr: constant(0.25)\n"


def test_a_dialect_may_execute_a_file(dialect, tmp_path):
    dialect.execute = lambda path: {"rate": 0.5 if path.endswith("plan.py") else 0.25}
    (tmp_path / "plan.py").write_text("rate = 1\n")

    assert config.load(tmp_path / "plan.py", format="drawn", run_config=True) == Plan(lr="constant(0.5)")


def test_an_inserted_file_is_an_entry_whose_errors_are_located_in_it(dialect):
    def to_plan(data, **_):
        if data["more"]["rate"] > 1:
            raise ConfigError("config", [Diagnostic("$.more.rate", "too high"), Diagnostic("$.rate", "too low")])
        return Plan(lr=ps.constant(data["more"]["rate"] * data["rate"]))

    dialect.to_plan = to_plan
    texts = [PlanText("more.yaml", f"x: 1\nrate: {rate}\n", "drawn") for rate in (0.5, 2)]
    read, wrong = (PlanText("plan.yaml", "rate: 0.5\n", "drawn", inserted=("more", text)) for text in texts)

    assert read.loaded().plan == Plan(lr="constant(0.25)")
    with pytest.raises(ConfigError) as refusal:
        wrong.loaded()
    assert [(one.file, one.path, one.line, one.column) for one in refusal.value.diagnostics] == [
        ("more.yaml", "$.rate", 2, 7),
        ("", "$.rate", 1, 7),
    ]


def test_writing_the_format_of_a_dialect_is_rejected(dialect):
    with pytest.raises(InvalidArgument, match="this format can only be read"):
        config.dump(Plan(lr="constant(0.5)"), format="drawn")


def test_errors_of_a_dialect_start_with_the_source(dialect, tmp_path):
    def refuse(data, **_):
        raise ConfigError("config", ["$.rate: too high"])

    dialect.to_plan = refuse
    (tmp_path / "plan.yaml").write_text("rate: 1")

    with pytest.raises(ConfigError, match=r"plan\.yaml: \$\.rate: too high$"):
        config.load(tmp_path / "plan.yaml", format="drawn")


def test_the_native_format_is_a_dialect_too():
    native = dialect_named("native")

    assert native.plan_of({"lr": "cosine()"}, calendar=None, base=None) == Plan(lr="cosine()")
    assert (native.is_peer, native.entry_in({"lr": 1})) == (False, "$")


def test_modules_that_are_not_dialects_are_not_formats():
    assert "native" in config.formats()
    assert not any(name.startswith("_") for name in config.formats())


def test_the_dialects_that_recognize_data_are_named(dialect):
    dialect.recognizes = lambda data: "rate" in data

    assert "drawn" in config.dialect_names()
    assert dialects_that_recognize({"rate": 1}) == ("drawn",)
    assert dialects_that_recognize({"rates": 1}) == ()


def test_a_native_file_that_looks_like_a_dialect_is_rejected_with_its_name(dialect):
    dialect.recognizes = lambda data: "rate" in data

    with pytest.raises(ConfigError) as refusal:
        config.loads("rate: 0.5\nkind: [drawn]")

    assert 'it looks like a config of drawn. For example: format="drawn"' in str(refusal.value)
    assert config.loads("rate: 0.5\nkind: [drawn]", format="drawn") == Plan(lr="constant(0.5)")


@table(
    ("text", "name"),
    [
        ("param_scheduler: {type: StepLR, step_size: 3}", "mmengine"),
        ("{StepLR: {step_size: 30}}", "torch"),
        ("{train_iters: 90, lr_decay_style: cosine}", "megatron"),
    ],
)
def test_a_peer_config_can_be_read_with_the_format_suggested_by_the_error(text, name):
    with pytest.raises(ConfigError) as refusal:
        config.loads(text)

    (hint,) = [one for one in refusal.value.problems if "looks like" in one]
    assert f'For example: format="{name}"' in hint
    assert config.loads(text, format=name).bindings[0].name == "lr"


def test_a_native_file_unlike_any_dialect_has_only_its_own_errors():
    with pytest.raises(ConfigError) as refusal:
        config.loads("lr: cosin")

    assert not any("looks like" in one for one in refusal.value.problems)


@pytest.mark.parametrize(
    ("data", "dialect", "message"),
    [
        (
            {"lr_scheduler_type": "warmup_stable_decay", "lr_scheduler_kwargs": {"decay_type": []}},
            "transformers",
            "$.lr_scheduler_kwargs.decay_type: expected one of linear, cosine, 1-sqrt, got []",
        ),
        ({"_last_lr": [0.1], "step_size": 3}, "torch", "$: expected the name of a scheduler of torch"),
        (
            {"type": "OneCycleLR", "eta_max": [], "total_steps": 9},
            "mmengine",
            "$.eta_max: expected a number or a list of numbers, got eta_max=[]",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_invalid_values_are_diagnostics_instead_of_python_errors(data, dialect, message):
    own = import_module(READERS[dialect])

    with pytest.raises(ConfigError) as refusal:
        own.to_plan(data)

    assert message in str(refusal.value)


def test_all_that_a_dialect_provides_is_in_the_loaded_file(added):
    module = ModuleType("drawn_dialect")
    exec(PROVIDING, vars(module))
    added("sketch", module)
    given = config.open_plan("rate: 0.5\nother: 1\n", "sketch")
    found = given.loaded(ReadingOptions(calendar=Calendar(total=7)))

    assert found.plan == Plan(lr="constant(0.5)")
    assert (found.native, found.entry) == (False, "$.other")
    assert (found.bases.groups, found.facts.total) == (({"lr": 7},), 3)
    assert [(one.path, one.found) for one in found.notes] == [("$.rate", "0.5 is taken")]
    assert [dict(one.values) for one in found.groups] == [{"lr": 7, "name": "head"}]
    assert config.open_plan("rate: 0.5\n", "sketch").loaded().entry == "$"

    mapping = config.open_plan({"rate": 0.5}, "sketch").loaded()
    assert (mapping.plan, mapping.native, mapping.notes) == (Plan(lr="constant(0.5)"), False, ())
    with pytest.raises(ConfigError, match=r"^sketch text:1:7: \$\.rate: too large"):
        config.loads("rate: 99\n", "sketch")


PROVIDING = """
import paramsched as ps
from paramsched.core.base.diagnostic import Diagnostic
from paramsched.core.files.known_dialects import GroupOfFile
from paramsched.core.plan.extras import Bases

scheduler_entries = ("absent", "other")

def to_plan(data, *, calendar=None, base=None):
    if data["rate"] > 9:
        raise ps.errors.ConfigError("config", [Diagnostic("$.rate", "too large")])
    return ps.Plan(lr=ps.constant(data["rate"]))

def bases_of(data, calendar):
    return Bases(({"lr": calendar.total if calendar else 0},))

def groups_of(data, calendar):
    yield GroupOfFile({"lr": calendar.total if calendar else 0, "name": "head"})

def facts_of(data):
    return ps.Calendar(total=3)

def notes_of(data):
    yield Diagnostic("$.rate", f"{data['rate']} is taken")
"""


@pytest.mark.parametrize("dialect", ["yaml", *config.dialect_names()])
@pytest.mark.parametrize("path", [(), ("lr",), ("targets",)])
def test_a_key_of_more_digits_than_python_prints_is_reported(path, dialect):
    given = {10**5000: 1}
    for name in path:
        given = {name: given}

    with pytest.raises(ConfigError, match="the key is an integer of 5001 digits"):
        config.loads(given, dialect)
