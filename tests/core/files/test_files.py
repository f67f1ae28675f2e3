"""Reading and writing: formats, limits, and files that cannot be read."""

import errno
import json
import math
import os
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import final

import pytest

import paramsched as ps
from paramsched.core import files as config
from paramsched.core.curves import Curve
from paramsched.core.feedback import plateau
from paramsched.core.files import plan_files
from paramsched.core.plan import Binding, Plan, Target
from paramsched.core.schedules import SHAPES, Schedule, absolute, rules
from paramsched.core.schedules.anneal import anneal, cosine, linear, warmup
from paramsched.core.schedules.leaves import constant
from paramsched.core.schedules.periods import multistep, step
from paramsched.core.schedules.recurrence import recurrence
from paramsched.core.schedules.retimed import chain
from paramsched.core.schedules.table import table as table_of
from paramsched.errors import ConfigError, InvalidArgument, PlanError
from support.tables import table

PLAN = Plan(
    Binding("lr", 0.1 * (warmup("5%") >> cosine(to=0.01)), groups="head"),
    Binding("lr", "constant(3e-4)", groups=0),
    Binding(Target("temperature", 1.0), linear(1.0, 0.1)),
    Binding("betas[0]", linear(absolute(0.85), absolute(0.95), over="300 steps")),
    lr=warmup("5%") >> cosine(to=0.1 + 0.2),
    weight_decay=linear(1.0, 0.5) * plateau("loss"),
    horizon="20 epochs",
)
FORMATS = ("yaml", "json")


def refused(text, format="yaml"):
    with pytest.raises(ConfigError) as refusal:
        config.loads(text, format)
    assert len(refusal.value.problems) == 1
    return refusal.value.problems[0]


def names(folder):
    return sorted(file.name for file in folder.iterdir())


# ---------------------------------------------------------------- round trips


@final
@dataclass(frozen=True, slots=True)
class Flat(Schedule):
    """A shape that no builder makes."""

    length = None

    def _at(self, t, base, ops):
        return base


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Bent(Curve):
    """A curve that no builder makes."""

    def _rise(self, u, rest, ops):
        return u


NO_BUILDER = "which no registered function makes. Register one with @ps.extend."


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (Binding("lr", cosine(), lambda group: True), "the groups of lr are chosen by a function. Select them by name"),
        (2 * anneal(curve=lambda u: u), "lr contains a curve without a name. For example: ps.curves.register("),
        (warmup(5) >> Flat(), f"lr contains a Flat, {NO_BUILDER}shape"),
        (anneal(curve=Bent()), f"lr contains a Bent, {NO_BUILDER}curve"),
    ],
)
def test_the_part_that_has_no_text_is_named(line, told):
    plan = Plan(line) if isinstance(line, Binding) else Plan(lr=line)

    for name, call in (("dump(plan)", lambda: config.dump(plan)), ("plan.fingerprint", lambda: plan.fingerprint)):
        with pytest.raises(PlanError) as refusal:
            call()
        assert str(refusal.value).startswith(f"{name}: {told}")


@pytest.mark.parametrize("suffix", [".yaml", ".yml", ".json", ".YAML"])
def test_a_file_is_read_back_as_the_same_plan(tmp_path, suffix):
    file = tmp_path / f"plan{suffix}"

    assert config.dump(PLAN, file) is None
    assert config.load(file) == PLAN
    assert config.load(str(file)) == PLAN


@pytest.mark.parametrize("format", FORMATS)
@table(
    "name", ["yes", "3e-4", "0", "null", "~", "a: b", "#1", "'", '"', "a\nb", "\x7f", "\x85", "😀", "horizon", " x "]
)
def test_a_group_may_have_any_name(format, name):
    plan = Plan(Binding("lr", "constant(0.5)", groups=name))

    assert config.loads(config.dump(plan, format=format), format) == plan


@pytest.mark.heavy
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("count", [1_500, 20_000])
def test_a_line_is_as_long_as_its_table_needs(format, count):
    values = [(-1) ** n * math.sqrt(n + 1) * 10.0 ** (n % 9 - 9) for n in range(count)]
    steps = multistep([f"{t} steps" for t in range(1, count // 8)])
    plan = Plan(lr=table_of(values), eps=chain(steps * step(7), recurrence(rules.table(values[:600]))) * plateau())

    text = config.dump(plan, format=format)

    assert config.loads(text, format) == plan
    assert (max(map(len, text.splitlines())) <= 120) == (format == "yaml")


def test_json_and_yaml_have_a_natural_layout():
    plan = Plan(lr=warmup("5%") >> cosine(), horizon="20 epochs")

    assert config.dump(plan) == 'horizon: 20 epochs\nlr: warmup("5%") >> cosine()\n'
    assert json.loads(config.dump(plan, format="json")) == {"horizon": "20 epochs", "lr": 'warmup("5%") >> cosine()'}


def test_a_complete_example_is_read():
    text = """
horizon: 20 epochs
lr: warmup("5%") >> cosine(to=0.01)
weight_decay: linear(1.0, 0.5)
betas[0]: linear(absolute(0.85), absolute(0.95), over="300 steps")
groups:
  head:
    lr: 0.1 * (warmup("5%") >> cosine(to=0.01))
targets:
  temperature: {initial: 1.0, schedule: "linear(1.0, 0.1)"}
"""
    assert config.loads(text) == Plan(
        Binding("betas[0]", linear(absolute(0.85), absolute(0.95), over="300 steps")),
        Binding("lr", constant(0.1) * (warmup("5%") >> cosine(to=0.01)), groups="head"),
        Binding(Target("temperature", 1.0), linear(1.0, 0.1)),
        lr=warmup("5%") >> cosine(to=0.01),
        weight_decay=linear(1.0, 0.5),
        horizon="20 epochs",
    )


# ---------------------------------------------------------------- YAML


@table(
    ("text", "value"),
    [("3e-4", 3e-4), ("1E5", 1e5), ("-0.5", -0.5), ("0", 0.0), ("12", 12.0), ("1e-05", 1e-5), ("5e+0", 5.0)],
)
def test_numbers_follow_the_json_grammar(text, value):
    plan = config.loads(f"lr: 1\ntargets: {{t: {{initial: {text}, schedule: 1}}}}")

    assert plan == Plan(Binding(Target("t", value), constant()), lr=constant())


@table("word", ["yes", "no", "on", "off", "1:30", "2024-01-01", "0x10", "1_000x", "0o7", "+", "<<"])
def test_words_with_special_meaning_in_yaml_1_1_are_text(word):
    plan = config.loads(f"lr: constant(0.1)\ngroups:\n  {word}:\n    lr: constant(0.5)\n")

    assert plan.bindings[1].groups == word


def test_an_integer_key_is_an_index_and_a_quoted_one_a_name():
    plan = config.loads("groups:\n  0: {lr: constant(0.1)}\n  '1': {lr: constant(0.2)}\n  '[2]': {lr: constant(0.3)}\n")

    assert [binding.groups for binding in plan.bindings] == [0, 2, "1"]


@table(
    ("text", "expected"),
    [
        ("lr: &a 0.1\n", "line 1: the anchor &a"),
        ("lr: *a\n", "line 1: the alias *a"),
        ("lr: &a cosine()\nweight_decay: *a\n", "line 1: the anchor &a"),
        ("lr: !!python/object/apply:os.system ['true']\n", "line 1: the tag tag:yaml.org,2002:python/"),
        ("lr: !include x\n", "line 1: the tag !include"),
        ("lr: !!float 1\n", "line 1: the tag tag:yaml.org,2002:float"),
        ("lr: constant(0.1)\n---\nlr: constant(0.2)\n", "line 2: a second document begins"),
        ("lr: constant(0.1)\nlr: constant(0.2)\n", "$.lr: the key occurs twice"),
        ("groups:\n  a: {lr: constant(1)}\n  a: {lr: constant(2)}\n", "$.groups.a: the key occurs twice"),
        ("lr: .nan\n", "$.lr: the number must be finite, got nan"),
        ("lr: -.inf\n", "$.lr: the number must be finite, got -inf"),
        ("lr: 1e999\n", "$.lr: the number must be finite, got inf"),
        ("lr: " + "9" * 5000 + "\n", "$.lr: the number must be finite, got inf"),
        ("lr: true\n", "$.lr: expected a line of text or a number, got true"),
        ("lr:\n", "$.lr: expected a line of text or a number, got null"),
        ("lr: [0.1\n", "line 2: YAML: expected"),
        ("lr: a: b\n", "line 1: YAML: mapping values are not allowed"),
        ("\tlr: 1\n", "line 1: YAML: found character"),
        ("? [a]\n: 1\nlr: 1\n", "$: the key [\"a\"] is a list"),
        ("? {a: 1}\n: 1\nlr: 1\n", "$: the key "),
        ("lr: " + "[" * 60 + "]" * 60 + "\n", "line 1: nested more than 50 deep"),
        ("lr: [" + "[], " * 30 + "[" * 60 + "]" * 61 + "\n", "line 1: nested more than 50 deep"),
        ("lr: [" + "{}, " * 30 + "[" * 60 + "]" * 61 + "\n", "line 1: nested more than 50 deep"),
        ("# " + "x" * 60 + "\nlr: " + "[" * 60 + "]" * 60 + "\n", "line 2: nested more than 50 deep"),
        ("lr: " + "[" * 4900 + "]" * 4900 + "\n", "line 1: nested more than 50 deep"),
        ("# " + "x\n" * 500_001, "1,000,004 bytes, more than 1,000,000"),
        ("", "$: the file is empty"),
        ("lr: \x00\n", "line 1: YAML: unacceptable character #x0000"),
    ],
)  # fmt: skip
def test_invalid_yaml_is_rejected(text, expected):
    assert refused(text).startswith(expected)


def test_an_alias_bomb_is_rejected_at_its_first_anchor():
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 60)]

    assert refused("\n".join(lines)) == "line 1: the anchor &a0. Put the value where it belongs"


# ---------------------------------------------------------------- TOML and JSON


@table(
    ("text", "expected"),
    [
        ("lr = nan", "$.lr: the number must be finite, got nan"),
        ("lr = inf", "$.lr: the number must be finite, got inf"),
        ("lr = 1e999", "$.lr: the number must be finite, got inf"),
        ("lr = 2024-01-01", "$.lr: 2024-01-01 is a date"),
        ("lr = 10:30:00", "$.lr: 10:30:00 is a date or a time"),
        ("lr = 1\nlr = 2", "line 2: TOML: Cannot overwrite a value"),
        ("lr = cosine()", "line 1: TOML: "),
        ("lr = " + "9" * 5000, "line 1: TOML: a number of too many digits"),
        ("lr = 2024-13-01", "line 1: TOML: "),
        ("lr = " + "[" * 9000, "line 1: nested more than 50 deep"),
        ("lr = " + "[" * 60 + "]" * 60, "$.lr: expected a line of text"),
        ("a." * 70 + "b = 1", "line 1: TOML: a name of more than 50 parts"),
        ('"a b".' * 70 + "b = 1", "line 1: TOML: a name of more than 50 parts"),
    ],
)
def test_invalid_toml_is_rejected(text, expected):
    assert refused(text, "toml").startswith(expected)


@table(
    ("text", "expected"),
    [
        ('{"lr": NaN}', "$.lr: the number must be finite, got nan"),
        ('{"lr": -Infinity}', "$.lr: the number must be finite, got inf"),
        ('{"lr": 1e999}', "$.lr: the number must be finite, got inf"),
        ('{"lr": ' + "9" * 5000 + "}", "$.lr: the number must be finite, got inf"),
        ('{"lr": 1, "lr": 2}', "$.lr: the key occurs twice"),
        ('{"lr": 1,}', "line 1: JSON: "),
        ("", "line 1: JSON: "),
        ('{"lr": ' + "[" * 60 + "1" + "]" * 60 + "}", "$.lr: expected a line of text"),
    ],
)
def test_invalid_json_is_rejected(text, expected):
    assert refused(text, "json").startswith(expected)


def test_json_that_is_nested_too_deep_is_rejected():
    # Python 3.13 reads it, and the limit of plans is found later, at its path.
    assert "nested more than 50 deep" in refused('{"lr": ' + "[" * 4900 + "1" + "]" * 4900 + "}", "json")


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("read", [config.load, lambda path: ps.resolve(path, ps.Calendar(total=9)), config.open_plan])
@pytest.mark.parametrize("name", ["plan.yml", "paln.yaml", "gone/none.yaml"])
def test_a_missing_plan_file_is_answered_with_the_folder_and_a_file_that_can_be_read(read, name, tmp_path):
    (tmp_path / "plan.yaml").write_text("lr: cosine()")
    path = tmp_path / name
    with pytest.raises(FileNotFoundError) as missing:
        read(path)

    assert (missing.value.errno, missing.value.filename) == (errno.ENOENT, str(path))
    assert f"no file in {path.parent} has this name" in missing.value.strerror
    _, _, offered = missing.value.strerror.partition('did you mean "')
    assert read(offered.removesuffix('"?')) if path.parent == tmp_path else not offered


def test_a_folder_is_rejected_as_a_plan(tmp_path):
    with pytest.raises(IsADirectoryError):
        config.load(tmp_path)


def test_invalid_utf_8_is_reported_with_its_location(tmp_path):
    file = tmp_path / "plan.yaml"
    file.write_bytes(b"lr: 0.1 # \xff\n")

    with pytest.raises(ConfigError) as refusal:
        config.load(file)

    assert refusal.value.problems == ("line 1: byte 10 is 0xff, which is not valid UTF-8. Save the file as UTF-8",)
    assert refusal.value.source == str(file)


def test_a_byte_order_mark_and_windows_line_ends_are_accepted(tmp_path):
    file = tmp_path / "plan.yaml"
    file.write_bytes(b"\xef\xbb\xbflr: constant(0.1)\r\nhorizon: 5\r\n")

    assert config.load(file) == Plan(lr="constant(0.1)", horizon=5)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device")
def test_reading_an_endless_file_stops_at_the_limit():
    with pytest.raises(ConfigError, match="more than 1,000,000 bytes"):
        config.load("/dev/zero", format="yaml")


def test_a_pipe_without_a_writer_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "plan.yaml")

    with pytest.raises(ConfigError, match="it is a pipe"):
        config.load(tmp_path / "plan.yaml")


def test_a_shell_pipe_is_read():
    reader, writer = os.pipe()
    os.write(writer, b"lr: cosine()")
    os.close(writer)

    assert config.load(f"/dev/fd/{reader}", format="yaml") == Plan(lr="cosine()")


@pytest.mark.parametrize("name", ["a\0.yaml", "\ud800.yaml"])
def test_an_impossible_file_name_raises_file_not_found_error(tmp_path, name):
    for call in (config.load, lambda path: config.dump(Plan(lr=1), path)):
        with pytest.raises(FileNotFoundError, match="invalid file name"):
            call(tmp_path / name)


def test_an_unknown_suffix_requires_a_format(tmp_path):
    file = tmp_path / "plan.txt"
    file.write_text("lr: constant(0.1)")

    assert config.load(file, format="yaml") == Plan(lr="constant(0.1)")
    with pytest.raises(InvalidArgument, match=r'plan\.txt: unknown suffix .* For example: format="yaml"'):
        config.load(file)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("zz.csv", "For example: zz.yaml"),
        ("zz.py", "For example: zz.yaml"),
        ("zz.pt", "For example: zz.yaml"),
        ("zz.ymal", 'For example: format="yaml"'),
        ("zz", 'For example: format="yaml"'),
    ],
)
def test_a_suffix_that_cannot_be_written_is_answered_with_those_that_can(tmp_path, name, advice):
    with pytest.raises(InvalidArgument) as refusal:
        config.dump(PLAN, tmp_path / name)

    assert str(refusal.value).endswith(f"; expected one of .yaml, .yml, .json. {advice}")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_format_gets_the_nearest_suggestion():
    for call in (
        lambda: config.loads("lr: constant(1)", "yml"),
        lambda: config.dump(PLAN, format="yml"),
        lambda: config.convert("lr: 1", "yaml", "yml"),
        lambda: config.load(__file__, format="yml"),
    ):
        with pytest.raises(InvalidArgument, match='did you mean "yaml"'):
            call()
    with pytest.raises(InvalidArgument, match="expected one of "):
        config.loads("lr: constant(1)", "_files")


def test_native_is_a_format_in_the_syntax_of_the_suffix(tmp_path):
    config.dump(PLAN, tmp_path / "plan.json", "native")

    assert config.load(tmp_path / "plan.json") == PLAN
    assert config.load(tmp_path / "plan.json", format="native") == PLAN
    assert config.loads(config.dump(PLAN, format="native"), "native") == PLAN


def test_writing_replaces_a_file_atomically_without_temporary_files(tmp_path):
    file = tmp_path / "plan.yaml"
    file.write_text("old")
    file.chmod(0o640)

    config.dump(PLAN, file)

    assert config.load(file) == PLAN
    assert names(tmp_path) == ["plan.yaml"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "plan.yaml"
    file.write_text("lr: constant(0.5)")
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))

    with pytest.raises(OSError, match="full"):
        config.dump(PLAN, file)

    assert file.read_text() == "lr: constant(0.5)"
    assert names(tmp_path) == ["plan.yaml"]


def test_a_symbolic_link_stays_a_link(tmp_path):
    (tmp_path / "real.yaml").write_text("lr: 1")
    (tmp_path / "link.yaml").symlink_to("real.yaml")

    config.dump(PLAN, tmp_path / "link.yaml")

    assert (tmp_path / "link.yaml").is_symlink()
    assert config.load(tmp_path / "real.yaml") == PLAN


def test_the_error_names_a_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder") as refusal:
        config.dump(PLAN, tmp_path / "none" / "plan.yaml")

    assert refusal.value.filename == str(tmp_path / "none")


@pytest.mark.parametrize(
    "plan",
    [
        Plan(Binding("lr", "constant(0.1)", groups=lambda group: True)),
        Plan(lr=anneal(curve=lambda u: u)),
        Plan(Binding("lr", "constant(0.1)", groups="[0]")),
        Plan(Binding("horizon", "constant(0.1)")),
    ],
)
def test_a_plan_without_text_is_not_written(tmp_path, plan):
    with pytest.raises(PlanError, match=r"^dump\(plan\)"):
        config.dump(plan, tmp_path / "plan.yaml")

    assert names(tmp_path) == []


@pytest.mark.heavy
def test_a_plan_too_large_to_be_read_is_not_written(tmp_path):
    plan = Plan(*(Binding("lr", "constant(0.5)", groups=f"group {index}" * 20) for index in range(5_000)))

    with pytest.raises(InvalidArgument, match="more than 1,000,000"):
        config.dump(plan, tmp_path / "plan.yaml")

    assert names(tmp_path) == []


def test_a_plan_whose_text_means_another_plan_is_not_written(monkeypatch):
    monkeypatch.setitem(SHAPES, "cosine", linear)
    plan = Plan(lr=cosine())

    with pytest.raises(InvalidArgument, match="reading the text gives another plan"):
        config.dump(plan)


def test_a_value_that_is_not_a_plan_is_not_written():
    with pytest.raises(InvalidArgument, match="expected a plan, got int"):
        config.dump(3)


def test_a_value_that_is_not_text_is_not_read():
    with pytest.raises(InvalidArgument, match="expected text or a mapping, got list"):
        config.loads(["lr"])


def test_convert_converts_between_formats():
    assert config.convert("lr: constant(0.5)", "yaml", "json") == '{\n  "lr": "constant(0.5)"\n}\n'


@table("text", ["plan.yaml", "runs/plan.toml", "lr: plan.yaml", "x: y.py", "plan.py"])
def test_the_text_of_a_plan_may_not_be_a_path(text):
    with pytest.raises(InvalidArgument if text.startswith(("plan.yaml", "runs")) else ConfigError) as refusal:
        config.loads(text)

    assert ("got a path" in str(refusal.value)) is (type(refusal.value) is InvalidArgument)


def test_an_unknown_format_of_the_result_is_reported_before_the_errors_of_the_text():
    with pytest.raises(InvalidArgument, match='unknown format; did you mean "yaml"'):
        config.convert("lr: cosin()", "yaml", "yml")


@table(
    ("text", "format", "expected"),
    [
        ("lr: 1 # x", "yaml", True),
        ("lr: 'a # b'", "yaml", False),
        ("lr: a#b", "yaml", False),
        ("# x\nlr: 1", "yaml", True),
        ("lr = 1 # x", "toml", True),
        ("lr = 'a # b'", "toml", False),
        ('{"lr": "# x"}', "json", False),
    ],
)
def test_a_text_knows_whether_it_has_comments(text, format, expected):
    assert config.open_plan(text, format).has_comments is expected


@table(
    ("call", "expected"),
    [
        (lambda: config.loads("plan.yaml"),
         "loads('plan.yaml'): expected the text of a plan, got a path. Write ps.load('plan.yaml')"),
        (lambda: config.loads(5), "loads(5): expected text or a mapping, got int. Write ps.load(path)"),
        (lambda: config.loads(["x" * 80]), "expected text or a mapping, got list. Write ps.load(path)"),
        (lambda: config.load("lr: 1"), "for the text of a plan, write ps.loads(text): 'lr: 1'"),
        (lambda: config.load("a\nb"), "for the text of a plan, write ps.loads(text): 'a b'"),
        (lambda: config.load("x" * 300 + ": "), "for the text of a plan, write ps.loads(text): 'xxx"),
        (
            lambda: config.load("none.yaml"),
            f"[Errno 2] expected the path of a plan file; no file in {Path.cwd()} has this name: 'none.yaml'",
        ),
        (lambda: plan_files.PlanText("n", "lr: 1", "yaml", run_config=True).loaded(),
         'run_config=True: expected a config of MMEngine, got yaml. Add format="mmengine"'),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_explained(call, expected):
    with pytest.raises((InvalidArgument, FileNotFoundError)) as refusal:
        call()

    assert expected in str(refusal.value)


@table(
    ("given", "format", "name", "native"),
    [
        ("lr: 1", None, "yaml text", True),
        ("lr = 1", "toml", "toml text", True),
        ({"lr": 1}, None, "a mapping", True),
    ],
)
def test_a_text_or_a_mapping_is_opened_with_its_name(given, format, name, native):
    text = config.open_plan(given, format)

    assert (text.name, text.loaded().native) == (name, native)


@table(
    ("format", "syntax", "expected"),
    [("native", None, True), ("native", "toml", True), ("native", "json", False), ("json", "yaml", False)],
)  # fmt: skip
def test_the_suffix_determines_the_syntax_of_comments(format, syntax, expected):
    assert plan_files.PlanText("n", "a # x", format, syntax).has_comments is expected


@table(
    ("text", "data", "warned", "repeated"),
    [
        ('{"lr": 1, "lr": 2}', {"lr": 2}, "$.lr: the key occurs twice, and", ["$.lr"]),
        ('{"lr": 1, "lr": 2, "lr": 3}', {"lr": 3}, "$.lr: the key occurs twice, and", ["$.lr"]),
        ('{"lr": 1, "lr": 2, "step": 1, "step": 2}', {"lr": 2, "step": 2},
         "$.lr: the key occurs twice (and 1 other key), and", ["$.lr", "$.step"]),
        ('{"x": 1, "x": 2, "lr": 1, "lr": 2, "step": 1, "step": 2, "a": {"Warm": 1, "Warm": 2}}',
         {"x": 2, "lr": 2, "step": 2, "a": {"Warm": 2}},
         "$.lr: the key occurs twice (and 2 other keys), and", ["$.x", "$.lr", "$.step", "$.a.Warm"]),
        ('{"x": 1, "x": 2}', {"x": 2}, None, ["$.x"]),
    ],
)  # fmt: skip
def test_a_repeated_key_is_a_warning_or_an_error_of_hjson(text, data, warned, repeated):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert plan_files.read_peer_data(text, "json", "c") == data
    assert [str(one.message) for one in caught] == ([f"{warned} the last value counts. Keep one"] if warned else [])
    with pytest.raises(ConfigError) as refusal:
        plan_files.read_peer_data(text, "json", "c", is_hjson=True)
    assert [one.path for one in refusal.value.diagnostics] == repeated


def test_letters_are_written_as_they_are():
    plan = Plan(Binding("lr", "cosine()", groups="tête"), horizon=9)

    assert "tête" in config.dump(plan, format="yaml")
    assert config.loads(config.dump(plan, format="yaml")) == plan
