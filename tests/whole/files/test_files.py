"""Files in several dialects: formats, entries that are not used, files of other programs."""

import importlib
import json
import pkgutil
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched import compat, mmengine
from paramsched.core import files as config
from paramsched.core.base.printing import child_path
from paramsched.core.files import known_dialects, plan_files
from paramsched.core.files.arguments import arguments_of, located, names_of, read_arguments
from paramsched.core.files.diagnostic_collector import DiagnosticCollector
from paramsched.core.files.known_dialects import dialect_named, dialects_that_recognize
from paramsched.core.files.plan_files import ReadingOptions, format_of, open_plan
from paramsched.core.plan import Plan
from paramsched.core.time import Calendar
from paramsched.errors import ConfigError, InvalidArgument
from support.tables import table


def test_a_mapping_is_read_like_its_text():
    plan = {"horizon": 10, "lr": "warmup(2) >> cosine(to=0.1)"}

    assert config.loads(plan) == config.loads(json.dumps(plan), format="json")


SUFFIXES = "expected one of .yaml, .yml, .toml, .json, .py"


@table(
    ("name", "expected"),
    [
        ("x.YML", "yaml"),
        ("x.Toml", "toml"),
        ("x.csv", f"x.csv: unknown suffix '.csv'; {SUFFIXES}. Write paramsched audit x.csv"),
        ("x y.JSONL", f"x y.JSONL: unknown suffix '.JSONL'; {SUFFIXES}. Write paramsched audit 'x y.JSONL'"),
        *((f"x.{one}", f"x.{one}: unknown suffix '.{one}'; {SUFFIXES}. Write paramsched resume x.{one}")
          for one in ("pt", "pth", "ckpt", "bin")),
        ("x.txt", f"x.txt: unknown suffix '.txt'; {SUFFIXES}. For example: format=\"yaml\""),
        ("x", f"x: the name has no suffix; {SUFFIXES}. For example: format=\"yaml\""),
        ("x.sh", f"x.sh: unknown suffix '.sh'; {SUFFIXES}. For example: format=\"yaml\""),
    ],
)  # fmt: skip
def test_a_suffix_is_a_format_or_its_command_is_suggested(name, expected):
    try:
        found = plan_files.format_of(Path(name))
    except InvalidArgument as refusal:
        found = str(refusal)

    assert found == expected


@table(
    ("name", "text", "found"),
    [
        ("plan.txt", "", "unknown suffix '.txt'; expected one of .yaml, .yml, .toml, .json, .py"),
        ("plan", "", "the name has no suffix; expected one of .yaml, .yml, .toml, .json, .py"),
        ("run.sh", "echo 1", "unknown suffix '.sh'"),
    ],
)
def test_a_file_without_a_known_suffix_is_refused_with_the_format_to_write(tmp_path, name, text, found):
    (tmp_path / name).write_text(text)

    with pytest.raises(InvalidArgument, match=r'format="yaml"') as refusal:
        open_plan(tmp_path / name)

    assert refusal.value.problem.found.startswith(found)
    assert format_of(tmp_path / "PLAN.YML") == "yaml"


OWN = {
    "torch": {"scheduler": {"type": "CosineAnnealingRestartLR"}},
}


"""Settings of each format, with which a file of this format is read, except for torch."""


_ODD = [["x"], {"x": 1}, None, True, 10**400, float("nan"), [{}], [["x"]], [{"type": ["x"]}]]


_NAMED = {"type": ["x"]}, {"name": ["x"]}, {"_target_": ["x"]}, {"type": {}}


@table("key", sorted({key for one in OWN.values() for key in one} | {"param_scheduler", "optimizer"}))
def test_a_setting_of_a_wrong_type_is_an_error_of_the_config(key):
    for odd in (*_ODD, *_NAMED):
        with suppress(ConfigError):
            ps.loads({key: odd})


_keys = st.text("qxzj", min_size=2, max_size=9)


_unrelated = st.dictionaries(_keys, st.integers() | _keys | st.dictionaries(_keys, st.integers()), max_size=4)


@pytest.mark.parametrize("format", OWN)
@given(other=_unrelated)
def test_a_config_without_a_setting_of_the_format_is_refused(format, other):
    with pytest.raises(ConfigError):
        ps.loads(other, format)


NATIVE = '| Use a native plan, such as lr: warmup("5%") >> cosine() | PS103'


AXOLOTL = {"base_model": "$.base_model", "sequence_len": "$.sequence_len"}


def lines_of(diagnostics):
    return [f"{one.path} {one.found} | {one.advice} | {one.code} {one.at_key}" for one in diagnostics]


SCHEDULING = (
    "epoch epochs epochwise warmer schedule lr_scheduler annealing cooldown ramp rampup cycles milestones lrs my_lr "
    "max_steps num_iters total_iterations train_updates hold_step n_step max_train_steps total_optimizer_iters "
    "train_tokens total_tokens LearningRate base_learningrate warm_restart weight_decay_start wd_end decay_x rope_lr "
    "weight_decay_cosine weight_decay_style lr_layer_decay optimizer.lr EpochNum warmUp"
)


OTHERS = (
    "scheduled cycle lr2 steps step global_steps max_tokens warmstart weight_decay wd wd_x my_wd awd layerwise_decay "
    "alpha_decay eval_lr lr_freq noise_epochs print_lr lr.color"
)


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
from paramsched.core.base.problem import Problem
from paramsched.core.files.known_dialects import GroupOfFile
from paramsched.core.plan.extras import Bases

scheduler_entries = ("absent", "other")

def to_plan(data, *, calendar=None, base=None):
    if data["rate"] > 9:
        raise ps.errors.ConfigError("config", [Problem("$.rate", "too large")])
    return ps.Plan(lr=ps.constant(data["rate"]))

def bases_of(data, calendar):
    return Bases(({"lr": calendar.total if calendar else 0},))

def groups_of(data, calendar):
    yield GroupOfFile({"lr": calendar.total if calendar else 0, "name": "head"})

def facts_of(data):
    return ps.Calendar(total=3)

def notes_of(data):
    yield Problem("$.rate", f"{data['rate']} is taken")
"""


@pytest.mark.parametrize("dialect", ["yaml", *config.dialect_names()])
@pytest.mark.parametrize("path", [(), ("lr",), ("targets",)])
def test_a_key_of_more_digits_than_python_prints_is_reported(path, dialect):
    given = {10**5000: 1}
    for name in path:
        given = {name: given}

    with pytest.raises(ConfigError, match="the key is an integer of 5001 digits"):
        config.loads(given, dialect)


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
