"""Plan files: reading, writing, links, pipes, and what a file may be."""

import errno
import json
import math
import os
import pickle
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched import files as config
from paramsched.base.problem_collector import ProblemCollector
from paramsched.core.metrics.metric_rules import plateau
from paramsched.core.plan import Binding, Plan, Target
from paramsched.core.schedules import SHAPES, absolute, anneal, chain, cosine, linear, multistep, step, warmup
from paramsched.core.schedules import table as table_of
from paramsched.errors import ConfigError, InvalidArgument, PlanError
from paramsched.files import folded_yaml, format_of
from paramsched.files.reading import plain_data, values_in
from support.spread import every
from support.tables import table

PLAN = Plan(
    Binding("lr", 0.1 * (warmup("5%") >> cosine(to=0.01)), groups="head"),
    Binding("lr", "constant(3e-4)", groups=0),
    Binding(Target("temperature", 1.0), linear(1.0, 0.1)),
    Binding("betas[0]", linear(absolute(0.85), absolute(0.95), over="300 steps")),
    lr=warmup("5%") >> cosine(to=0.1 + 0.2),
    weight_decay=linear(1.0, 0.5) * plateau("loss"),
    total="20 epochs",
)


FORMATS = ("yaml", "json")


def refused(text, format="yaml"):
    with pytest.raises(ConfigError) as refusal:
        config.loads(text, format)
    assert len(refusal.value.lines) == 1
    return refusal.value.lines[0]


def names(folder):
    return sorted(file.name for file in folder.iterdir())


# ---------------------------------------------------------------- round trips


@pytest.mark.parametrize("suffix", [".yaml", ".yml", ".json", ".YAML"])
def test_a_file_is_read_back_as_the_same_plan(tmp_path, suffix):
    file = tmp_path / f"plan{suffix}"

    assert config.dump(PLAN, file) is None
    assert config.load(file) == PLAN
    assert config.load(str(file)) == PLAN


@pytest.mark.heavy
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("count", every(2, [1_500, 20_000]))
def test_a_line_is_as_long_as_its_table_needs(format, count):
    values = [(-1) ** n * math.sqrt(n + 1) * 10.0 ** (n % 9 - 9) for n in range(count)]
    steps = multistep([f"{t} steps" for t in range(1, count // 8)])
    plan = Plan(lr=table_of(values), eps=chain(steps * step(7), table_of(values[:600])) * plateau())

    text = config.dump(plan, format=format)

    assert config.loads(text, format) == plan
    assert (max(map(len, text.splitlines())) <= 120) == (format == "yaml")


def test_a_mapping_is_read_like_its_text():
    plan = {"total": 10, "lr": "warmup(2) >> cosine(to=0.1)"}

    assert config.loads(plan) == config.loads(json.dumps(plan), format="json")


@pytest.mark.parametrize("format", config.formats())
@table("path", [(), ("lr",), ("targets",)])
def test_a_key_of_more_digits_than_python_prints_is_reported(path, format):
    data = {10**5000: 1}
    for name in path:
        data = {name: data}

    with pytest.raises(ConfigError, match="the key is an integer of 5001 digits"):
        config.loads(data, format)


ODD = [["x"], {"x": 1}, None, True, 10**400, float("nan"), [{}], [["x"]], [{"type": ["x"]}], {"type": {}}]


@table("key", ["lr", "total", "clock", "groups", "targets", "optimizer"])
def test_an_entry_of_a_wrong_type_is_an_error_of_the_config(key):
    for odd in ODD:
        if odd is None and key in ("clock", "total"):
            continue  # as if it was not written
        with pytest.raises(ConfigError):
            config.loads({"weight_decay": 1, key: odd})


# ---------------------------------------------------------------- YAML


def test_an_alias_bomb_is_rejected_at_its_first_anchor():
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 60)]

    assert refused("\n".join(lines)) == "line 1: the anchor &a0. Put the value where it belongs"


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("read", [config.load, lambda path: ps.resolve(path, total=9), config.open_plan])
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


def test_a_byte_order_mark_and_windows_line_ends_are_accepted(tmp_path):
    file = tmp_path / "plan.yaml"
    file.write_bytes(b"\xef\xbb\xbflr: constant(0.1)\r\ntotal: 5\r\n")

    assert config.load(file) == Plan(lr="constant(0.1)", total=5)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device")
def test_reading_an_endless_file_stops_at_the_limit():
    with pytest.raises(ConfigError, match="more than 1,000,000 bytes"):
        config.load("/dev/zero", format="yaml")


def test_a_pipe_without_a_writer_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "plan.yaml")

    with pytest.raises(OSError, match="expected a regular file, got a pipe"):
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
    with pytest.raises(InvalidArgument, match=r"plan\.txt: unknown suffix '\.txt'"):
        config.load(file)
    with pytest.raises(InvalidArgument, match="plan: the name has no suffix"):
        format_of(file.with_suffix(""))


@table(
    ("name", "command"),
    [
        ("x.csv", "audit x.csv"),
        ("x y.JSONL", "audit 'x y.JSONL'"),
    ],
)
def test_the_command_for_a_log_or_a_checkpoint_is_suggested(name, command):
    with pytest.raises(InvalidArgument) as refusal:
        format_of(Path(name))

    assert refusal.value.problem.advice == f"Write paramsched {command}"


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("zz.csv", "For example: zz.yaml"),
        ("zz.ymal", 'For example: format="yaml"'),
        ("zz", 'For example: format="yaml"'),
    ],
)
def test_a_suffix_that_cannot_be_written_is_answered_with_those_that_can(tmp_path, name, advice):
    with pytest.raises(InvalidArgument) as refusal:
        config.dump(PLAN, tmp_path / name)

    assert str(refusal.value).endswith(f"; expected one of .yaml, .yml, .json. {advice}")
    assert list(tmp_path.iterdir()) == []


def test_a_format_that_is_passed_holds_whatever_the_suffix_is(tmp_path):
    file = tmp_path / "plan.txt"

    config.dump(PLAN, file, format="json")

    assert config.loads(json.loads(file.read_text())) == PLAN
    assert config.load(file, format="json") == PLAN


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
        Plan(Binding("total", "constant(0.1)")),
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


@pytest.mark.parametrize("format", ["yaml", "json"])
def test_a_file_that_is_not_utf_8_is_reported_with_line_and_column(tmp_path, format):
    file = tmp_path / f"plan.{format}"
    file.write_bytes("lr: 1\n# größe ".encode() + b"\xff\n")

    with pytest.raises(ConfigError) as refusal:
        config.load(file)

    (problem,) = refusal.value.problems
    assert (problem.line, problem.column, refusal.value.source) == (2, 9, str(file))
    assert problem.found.startswith("byte 16 is 0xff")


def test_values_are_visited_in_the_order_of_the_text():
    data = {"a": [1, {"b": 2}, []], "c": {"d": [3, [4]], "e": 5}}

    assert [value for value in values_in(data) if isinstance(value, int)] == [1, 2, 3, 4, 5]
    assert next(values_in(data)) is data


def test_wrong_values_are_reported_in_the_order_of_the_text():
    problems = ProblemCollector()

    plain_data({"a": [1j, {"b": {1}}], "c": {"d": [float("nan")], "e": 1j}, "f": 1j}, problems)

    assert [problem.path for problem in problems.problems()] == ["$.a[0]", "$.a[1].b", "$.c.d[0]", "$.c.e", "$.f"]


@table(
    ("data", "is_checkpoint"),
    [
        (b"PK\x03\x04" + b"x" * 244 + b"data.pkl\n", True),
        (b"PK\x03\x04" + b"x" * 245 + b"data.pkl\n", False),
        (pickle.dumps({"lr": 0.1}, protocol=2), True),
        (pickle.dumps({"lr": 0.1}, protocol=5), True),
        (b"\x80\x01lr", False),
        (b"lr\x80\x05", False),
    ],
)
def test_a_checkpoint_in_place_of_a_plan_is_called_one(tmp_path, data, is_checkpoint):
    file = tmp_path / "a b.yaml"
    file.write_bytes(data)

    with pytest.raises(ConfigError) as refusal:
        config.load(file)
    (problem,) = refusal.value.problems
    assert (problem.found == "this is a checkpoint, not a plan") is is_checkpoint
    assert ("checkpoint" in problem.found) is is_checkpoint


def test_tensors_in_place_of_a_plan_are_called_so(tmp_path):
    header = b'{"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}'
    file = tmp_path / "model.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))

    with pytest.raises(ConfigError, match="this is a file of safetensors, not a plan"):
        config.load(file)


@given(st.lists(st.text("a \t#", min_size=1, max_size=9), max_size=3), st.integers(14, 20))
def test_lines_that_fit_are_not_changed(comments, width):
    lines = [f"#{comment} "[:width].ljust(width) for comment in comments]

    folded = folded_yaml("\n".join(["lr: warmup(5) >> cosine()", *lines]), width).split("\n")

    assert folded == ["lr: warmup(5)", "  >> cosine()", *lines]


@pytest.mark.parametrize(("signs", "limit"), [("+-", 40), ("-", 30), ("+", 30), ("*+-", 40), (">*-", 25)])
def test_a_long_line_is_parsed_as_python_would_evaluate_it(signs, limit):
    words = ["step(3)", "cosine()", "0.5 * linear(1, 0)", "-step(2)", "2", "constant(0.1)"]
    joined = words[0]
    for place in range(limit):
        sign = signs[place % len(signs)]
        joined += f" {'>>' if sign == '>' else sign} {words[(place * 5 + 1) % len(words)]}"
    names = {name: getattr(ps, name) for name in ("step", "cosine", "linear", "constant")}

    assert ps.parse(joined) == eval(joined, names)


FIRST = "weight_decay: constant(0.5)\nlr: cosine()\nbetas[0]: linear()\n"


OTHER = "lr: cosine()\nbetas[0]: linear()\nweight_decay: constant(0.5)\n"


@pytest.mark.parametrize("text", [FIRST, OTHER], ids=["weight decay first", "lr first"])
def test_reading_and_writing_yaml_keeps_the_order_of_fields(text):
    written = ps.dump(ps.loads(text))

    assert written is not None
    assert [line.split(":")[0] for line in written.splitlines()] == [line.split(":")[0] for line in text.splitlines()]


def test_a_conversion_keeps_the_order_of_fields_of_groups_and_of_targets():
    text = (
        "groups:\n  tail:\n    weight_decay: constant(0.1)\n    lr: linear()\n  head:\n    lr: cosine()\n"
        "targets:\n  zeta: {initial: 1, schedule: linear()}\n  alpha: {initial: 2, schedule: cosine()}\ntotal: 10\n"
    )

    written = ps.dump(ps.loads(text), format="json")

    assert written is not None
    places = [written.index(word) for word in ("tail", "weight_decay", "head", "zeta", "alpha")]
    assert places == sorted(places)


def test_plans_that_differ_only_in_order_are_equal():
    first = ps.loads(FIRST)
    second = ps.loads(OTHER)

    assert (first, hash(first), str(first), first.text) == (second, hash(second), str(second), second.text)
    assert not ps.diff(first, second).changes


def test_a_copy_and_a_resolved_plan_keep_the_order():
    plan = ps.loads(FIRST)

    kept = [pickle.loads(pickle.dumps(plan)), plan.resolve(total=10)]

    assert [[binding.name for binding in plan.as_written()] for plan in kept] == [
        ["weight_decay", "lr", "betas[0]"]
    ] * 2
