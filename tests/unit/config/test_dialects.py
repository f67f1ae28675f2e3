"""Other formats: found by the name of their module, read and written through it."""

import sys
from types import ModuleType

import pytest

from paramsched import config
from paramsched.config import file_formats
from paramsched.errors import ConfigError, InvalidArgument
from paramsched.plan import Plan
from paramsched.time import Calendar


@pytest.fixture
def dialect(monkeypatch):
    """A dialect as if its module stood in the package."""
    module = ModuleType("paramsched.config.dialects.drawn")
    module.to_plan = lambda data, *, calendar=None, base=None: Plan(
        lr=data["rate"] * (base or 1.0), horizon=calendar and calendar.total
    )
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(file_formats, "dialects", lambda: ("drawn", "native"))
    return module


@pytest.mark.parametrize("text", ["rate: 0.5", '{"rate": 0.5}'])
def test_a_dialect_reads_yaml_and_json(dialect, text):
    assert config.loads(text, "drawn") == Plan(lr=0.5)


def test_a_dialect_is_told_the_calendar_and_the_base(dialect, tmp_path):
    (tmp_path / "plan.toml").write_text("rate = 0.5")

    plan = config.load(tmp_path / "plan.toml", format="drawn", calendar=Calendar(total=9), base=0.5)

    assert plan == Plan(lr=0.25, horizon=9)


def test_a_dialect_may_read_and_write_files_of_its_own(dialect, tmp_path):
    dialect.read = lambda text, source: {"rate": float(text.removeprefix("rate is "))}
    dialect.from_plan = lambda plan: plan.bindings[0].schedule(0)
    dialect.write = lambda data: f"rate is {data}"

    assert config.loads("rate is 0.5", "drawn") == Plan(lr=0.5)
    assert config.dump(Plan(lr=0.25), format="drawn") == "rate is 0.25"
    assert config.convert("rate is 0.25", "drawn", "yaml") == "lr: constant(0.25)\n"
    config.dump(Plan(lr=0.25), tmp_path / "file", "drawn")
    assert (tmp_path / "file").read_text() == "rate is 0.25"


def test_a_dialect_without_its_own_spelling_is_written_as_yaml_or_as_the_suffix_says(dialect, tmp_path):
    dialect.from_plan = lambda plan: {"rate": 0.5}

    config.dump(Plan(lr=0.5), tmp_path / "plan.json", "drawn")

    assert config.dump(Plan(lr=0.5), format="drawn") == "rate: 0.5\n"
    assert (tmp_path / "plan.json").read_text() == '{\n  "rate": 0.5\n}\n'


def test_a_dialect_that_can_only_be_read_says_so(dialect):
    with pytest.raises(InvalidArgument, match="the dialect can only be read"):
        config.dump(Plan(lr=0.5), format="drawn")


def test_limits_and_numbers_are_those_of_native_files(dialect):
    for text, expected in (
        ("rate: .nan", "drawn text:1:7: $.rate: nan is not finite"),
        ("rate: 1\nrate: 2", "drawn text:2:1: $.rate: the key is there twice"),
        ("rate: &a 1", "drawn text:1:7: the anchor"),
        ("x" * 10_001, "drawn text: line 1 has 10,001 characters"),
    ):
        with pytest.raises(ConfigError) as refusal:
            config.loads(text, "drawn")
        assert str(refusal.value).startswith(expected)


def test_what_a_dialect_refuses_has_the_source_before_it(dialect, tmp_path):
    def refuse(data, **_):
        raise ConfigError("config", ["$.rate: too high"])

    dialect.to_plan = refuse
    (tmp_path / "plan.yaml").write_text("rate: 1")

    with pytest.raises(ConfigError, match=r"plan\.yaml: \$\.rate: too high$"):
        config.load(tmp_path / "plan.yaml", format="drawn")


def test_modules_that_are_no_dialects_are_no_formats():
    assert "native" in config.formats()
    assert not any(name.startswith("_") for name in config.formats())
