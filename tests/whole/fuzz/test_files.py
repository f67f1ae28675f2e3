"""Generated and damaged plan files give a plan, or a printable error of the library."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from paramsched.core import files as config
from paramsched.core.plan import Plan
from paramsched.errors import ParamschedError
from support.strategies import plans, worlds

SYNTAXES = ("yaml", "toml", "json")
WRITTEN = ("yaml", "json")
either_profile = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, *settings().suppress_health_check]
)


GOOD = Plan(lr='warmup("5%") >> cosine(to=0.1)', weight_decay="constant(0.5)", total="20 epochs")
KEPT = {
    "yaml": """# how the run goes
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
    "toml": """# how the run goes
total = "20 epochs"
lr = 'warmup("2 epochs") >> cosine(to=0.01)'
"betas[0]" = "linear(absolute(0.85), absolute(0.95), over='10 epochs')"
[groups.head]
lr = "constant(0.5)"
[targets.temperature]
initial = 2.0
schedule = '''
linear(1, 0.5)'''
""",
}
KEPT["json"] = json.dumps(
    {"total": 100, "lr": "warmup(5) >> cosine(to=0.01)", "groups": {"head": {"momentum": "constant(0.5)"}}},
    indent=1,
)
PIECES = (
    *(b":", b": ", b"=", b"[", b"]", b"{", b"}", b",", b"'", b'"', b"\n", b"\r", b"\t", b"  ", b"- ", b"#"),
    *(b"\\", b"|", b">", b"&a ", b"*a", b"&a [*a]", b"<<: ", b"!!python/object:os.system x", b"!!binary aGk="),
    *(b"? ", b"---\n", b"...\n", b"%YAML 9.9\n", b"\x00", b"\x1b[31m", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf"),
    *(b"\xe2\x80\xa8", b"\xc2\x85", b"\xf4\x8f\xbf\xbf", b"\x7f", b"9" * 400, b"9" * 5000, b"0x" + b"f" * 400),
    *(b"1e400", b"-1e-400", b".inf", b"nan", b"1_000", b"0o17", b"12:30:45", b"2001-01-01", b"null", b"true", b"~"),
    *(b"lr: 1\n", b'"lr": 1,', b"lr = 1\n", b"[[groups]]\n", b"[lr]\n", b"a.b.c = 1\n", b'"""', b"'''"),
    *(b"[" * 300, b"{" * 300, b'{"lr":' * 300, b"- " * 300, b"a" * 20_000, b"\\ud800", b"\\u0000", b'"\\ud83d"'),
    *(b"cosine(", b"cosine()"),
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Draw a copy of the file with some bytes changed, removed, doubled or inserted."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.integers(0, len(data)))
        end = at + draw(st.sampled_from([0, 0, 1, 3, 30]))
        match draw(st.sampled_from(["flip", "cut", "insert", "double", "any"])):
            case "flip" if at < len(data):
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del data[at:end]
            case "double":
                data[at:at] = data[at : at + 40]
            case "any":
                data[at:end] = draw(st.binary(max_size=6))
            case _:
                data[at:end] = draw(st.sampled_from(PIECES))
    return bytes(data)


def printed(refusal: ParamschedError) -> str:
    """Check that a message consists of lines of printable characters."""
    said = str(refusal)
    assert said
    assert all(line.isprintable() for line in said.splitlines()), repr(said)
    assert len(said) < 40_000
    said.encode("utf-8")
    return said


def answered(file: Path, format: str | None = None, **given: Any) -> Plan | None:
    """Return the plan of a file, checked by writing and reading it again, or None if the file is rejected."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            plan = config.load(file, format=format, **given)
        except ParamschedError as refusal:
            printed(refusal)
            plan = None
        text = file.read_bytes().decode("utf-8", "surrogateescape")
        for syntax in WRITTEN:
            try:
                converted = config.dump(config.loads(text, format or file.suffix[1:], **given), format=syntax)
            except ParamschedError as refusal:
                printed(refusal)
            else:
                assert plan is not None or text.startswith("\ufeff")
                if plan is not None:
                    assert config.loads(converted, syntax) == plan
    return plan


@given(st.sampled_from(SYNTAXES), st.data())
@either_profile
def test_damaged_bytes_of_a_good_file(tmp_path: Path, syntax: str, data: st.DataObject) -> None:
    file = tmp_path / f"plan.{syntax}"
    file.write_bytes(data.draw(damaged(KEPT[syntax].encode())))

    answered(file)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_the_undamaged_files_are_plans(tmp_path: Path, syntax: str) -> None:
    file = tmp_path / f"plan.{syntax}"
    file.write_text(KEPT[syntax])

    assert answered(file) is not None


@given(worlds(), st.sampled_from(WRITTEN), st.data())
@either_profile
def test_damaged_bytes_of_a_written_plan(tmp_path: Path, world: Any, syntax: str, data: st.DataObject) -> None:
    plan = data.draw(plans(world))
    file = tmp_path / f"plan.{syntax}"
    file.write_bytes(data.draw(damaged((config.dump(plan, format=syntax) or "").encode())))

    answered(file)


@given(st.binary(max_size=120), st.sampled_from([*SYNTAXES, "mmengine", "py"]))
@either_profile
@example(b"", "yaml")
@example(b"\xff\xfelr: 1", "yaml")
@example(b"\x00", "json")
@example(b"\xed\xa0\x80", "toml")
@example(b"[" * 100_000, "json")
@example(b"- " * 4_000, "yaml")
@example(b'{"a":' * 2_000, "json")
@example(b"lr: " + b"9" * 9_000, "yaml")
@example(b'{"lr": ' + b"9" * 9_000 + b"}", "json")
@example(b"lr = " + b"9" * 9_000, "toml")
@example(b"lr = 0x" + b"f" * 9_000, "toml")
@example(b"lr: &a [*a]", "yaml")
@example(b"lr: &a {b: *a}", "yaml")
@example(b"&a lr: *a", "yaml")
@example(b"? [lr]\n: 1", "yaml")
@example(b"? {a: 1}\n: 1", "yaml")
@example(b"lr: 1\nlr: constant(2)", "yaml")
@example(b'{"lr": 1, "lr": 2}', "json")
@example(b'{"lr": NaN}', "json")
@example(b'{"\\ud800": 1}', "json")
@example(b'{"lr": "\\ud800"}', "json")
@example(b"lr = 2001-01-01\n", "toml")
@example(b"lr: 2001-01-01\n", "yaml")
@example(b"lr: !!timestamp 2001-99-99\n", "yaml")
@example(b"lr: !!int x\n", "yaml")
@example(b"lr: !!float ''\n", "yaml")
@example(b"lr: !!set {a, b}\n", "yaml")
@example(b"lr: 190:20:30\n", "yaml")
@example(b"=: 1\n<<: 2\n", "yaml")
@example(b"- 1\n---\n- 2", "yaml")
@example(b"%TAG ! tag:x,2000:\n--- !a b", "yaml")
def test_any_bytes(tmp_path: Path, data: bytes, suffix: str) -> None:
    file = tmp_path / f"plan.{suffix}"
    file.write_bytes(data)

    if suffix in SYNTAXES:
        answered(file)
        return
    try:
        config.load(file, format="mmengine" if suffix == "mmengine" else None)
    except ParamschedError as refusal:
        printed(refusal)


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.integers(-3, 30),
    st.integers(-(10**400), 10**400),
    st.text(st.characters(codec=None, exclude_categories=()), max_size=6),
    st.sampled_from(
        ["cosine()", "warmup('5%')", "20 epochs", "5%", "1e400", "9" * 5000, "x" * 200, "lr", "[0]", "cosine"]
    ),
)
NAMES = (
    *("lr", "weight_decay", "betas[0]", "betas[99999999999]", "total", "groups", "targets", "initial", "schedule"),
    *("cosine", "linear", "warmup", "multistep", "piecewise", "to", "over", "product", "sum", "every"),
    *("T_max", "lambda", "", "[0]", "[-1]", "[999999999999]", "head", "\x1b[31m", "lr\u200b", "lr ", "LR", "true"),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(NAMES), values, min_size=1, max_size=4), st.sampled_from(["yaml", "json"]))
@either_profile
def test_any_nested_values(tmp_path: Path, data: dict[str, Any], syntax: str) -> None:
    file = tmp_path / f"plan.{syntax}"  # whoever reads YAML reads JSON
    file.write_text(json.dumps(data, indent=data.get("lr") is None or None))

    answered(file)


@given(values)
def test_any_values_in_code(data: Any) -> None:
    try:
        plan = config.native.to_plan(data)
    except ParamschedError as refusal:
        printed(refusal)
    else:
        assert config.native.to_plan(config.native.from_plan(plan)) == plan


@pytest.mark.parametrize("odd", [b"lr: 1", 7, None, ["lr: 1"], GOOD])
def test_data_that_is_not_text_is_rejected(odd: Any) -> None:
    for call in (config.loads, lambda it: config.loads("lr: 1", it)):
        if odd is None and call is config.loads:
            continue
        with pytest.raises(ParamschedError):
            call(odd)


def test_many_bindings_are_one_plan(tmp_path: Path) -> None:
    plan = Plan(**{f"field_{index}": f"linear(1, {index + 1}, '50%') >> cosine()" for index in range(200)}, total=1000)
    for syntax in WRITTEN:
        config.dump(plan, tmp_path / f"plan.{syntax}")

        assert answered(tmp_path / f"plan.{syntax}") == plan
