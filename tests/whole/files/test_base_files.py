"""Configs with bases: `_base_`, `with read_base():`, variables, packages; each file is read once."""

import os
import sys
from pathlib import Path

import pytest

import paramsched as ps
from paramsched.core.files import load
from paramsched.errors import ConfigError
from paramsched.mmengine import reader as mmengine
from paramsched.mmengine.python_config.values import NeedsRunning
from paramsched.mmengine.read_bases import read_with_bases, text_of_base
from support.python_configs import read_python
from support.tables import table

STEP = "param_scheduler = dict(type='StepLR', step_size=2)\n"
RUN = "train_cfg = dict(by_epoch=True, max_epochs=5)\n"


@pytest.fixture
def files(tmp_path):
    """Write files by their names and read the last."""

    def write_and_read(**texts: str):
        for name, text in texts.items():
            path = tmp_path / name.replace("__", "/").replace("_DOT_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return mmengine.read(text, str(path))

    return write_and_read


def refusal(files, **texts: str) -> str:
    with pytest.raises(ps.errors.ConfigError) as found:
        files(**texts)
    return str(found.value)


def test_a_method_call_on_a_base_changes_the_config(tmp_path):
    (tmp_path / "base.py").write_text(STEP + RUN)
    file = tmp_path / "config.py"
    file.write_text("_base_ = './base.py'\n_base_.train_cfg.update(dict(max_epochs=200))\n")

    assert str(load(file)) == 'horizon: 200 epochs\nlr: step("2 epochs")'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = _base_.a['b']", 1),
        ("a = _base_['a'].b + _base_.a.get('b')", 2),
        ("_base_.a.b = 3", {"b": 3, "c": [{"d": 4}]}),
        ("_base_.a.c[0].d = 5", {"b": 1, "c": [{"d": 5}]}),
        ("_base_.a.c.append(6)", {"b": 1, "c": [{"d": 4}, 6]}),
        ("_base_.a.update(b=dict(e=1))\n_base_.a.update(dict(b=dict(f=2)))", {"b": {"e": 1, "f": 2}, "c": [{"d": 4}]}),
        ("d = dict(x=1)\n_base_.a.b = d\nd['x'] = 2", {"b": {"x": 1}, "c": [{"d": 4}]}),
        ("a = dict(b=7)", {"b": 7, "c": [{"d": 4}]}),
        ("a = dict(_delete_=True, b=7)", {"b": 7}),
        ("a = {{ _base_.a.c }}", [{"d": 4}]),
        ("a = [{{_base_.a.b}}, dict(x={{ _base_.a.c }})]", [1, {"x": [{"d": 4}]}]),
        ("a = {**_base_.a, 'b': 2}", {"b": 2, "c": [{"d": 4}]}),
        ("a = [one for one in _base_.a.c if one.d == 4]", [{"d": 4}]),
        ("del _base_.a['c']", {"b": 1}),
        ("_base_.a.pop('none')\na = _base_.a.pop('b')", 1),
        ("a = _base_.a.setdefault('n', 3) + len(_base_)", 4),
        ("d = _base_.a.copy()\nd.b = 9\nd.c.append(1)\na = [d.b, _base_.a.b, d.c]", [9, 1, [{"d": 4}, 1]]),
        ("a = [_base_.a.setdefault('b', 3), _base_.a.setdefault('n'), _base_.a.b]", [1, None, 1]),
        ("_base_.a.update({'b': 2}, c=3)", {"b": 2, "c": 3}),
        ("_base_.a.update()", {"b": 1, "c": [{"d": 4}]}),
    ],
)
def test_the_config_can_use_values_of_its_base(files, text, expected):
    base = "a = dict(b=1, c=[dict(d=4)])\n"

    assert files(base_DOT_py=base, config_DOT_py="_base_ = './base.py'\n" + text)["a"] == expected


@pytest.mark.parametrize(
    "text",
    [
        "a = '{{ _base_.a }}/x'",
        "a = {{ _base_.none }}",
        "a = {{ _base_.a }} + 'x'",
        "a = hasattr(_base_, f())",
        "a = getattr(_base_, 'a', 1)",
        "a = getattr(_base_, 'none')",
    ],
)
def test_a_reference_without_a_value_is_marked_as_unknown(files, text):
    names = files(base_DOT_py="a = 'x'\n", config_DOT_py="_base_ = 'base.py'\n" + text)

    assert isinstance(names["a"], NeedsRunning)


def test_a_base_changed_by_unknown_code_is_marked_as_unknown(files):
    names = files(base_DOT_py=STEP + RUN, config_DOT_py="_base_ = 'base.py'\nchange(_base_.param_scheduler)")

    assert isinstance(names["param_scheduler"], NeedsRunning)


def test_an_unknown_value_of_a_base_names_its_file(files, tmp_path):
    names = files(base_DOT_py="a = 1\nb = f()", config_DOT_py="_base_ = 'base.py'")

    assert str(names["b"]) == f"{tmp_path / 'base.py'}, line 2: `f()` needs running"


@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_a_base_may_be_a_yaml_or_json_file(tmp_path, suffix):
    texts = {"yaml": "train_cfg:\n  by_epoch: true\n  max_epochs: 5\n", "json": '{"train_cfg": {"max_epochs": 5}}'}
    (tmp_path / f"base.{suffix}").write_text(texts[suffix])
    file = tmp_path / "config.py"
    file.write_text(f"_base_ = 'base.{suffix}'\n{STEP}")

    assert str(load(file)) == 'horizon: 5 epochs\nlr: step("2 epochs")'


@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_a_yaml_or_json_config_may_have_a_base(tmp_path, suffix):
    (tmp_path / "base.py").write_text("train_cfg = dict(by_epoch=True, max_epochs=5)")
    texts = {
        "yaml": "_base_: base.py\nparam_scheduler: {type: StepLR, step_size: 2}\n",
        "json": '{"_base_": ["base.py"], "param_scheduler": {"type": "StepLR", "step_size": 2}}',
    }
    file = tmp_path / f"config.{suffix}"
    file.write_text(texts[suffix])

    assert str(load(file, format="mmengine")) == 'horizon: 5 epochs\nlr: step("2 epochs")'


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("base.yaml", "a: *b\n", "the alias *b has no anchor above it"),
        ("base.json", '{"a": 1' + " " * 1_000_000 + "}", "1,000,000"),
        ("base.py", "a = 1" + "\n" * 1_000_000, "1,000,000"),
        ("base.py", "a = (", "base.py:1:5: not Python"),
        ("base.toml", "a = 1", "ends in .py"),
    ],
)
def test_a_base_obeys_the_same_limits_as_the_config(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    file = tmp_path / "config.py"
    file.write_text(f"_base_ = '{name}'\n{STEP}")

    with pytest.raises(ps.errors.ConfigError) as found:
        load(file)

    assert name in str(found.value)
    assert message in str(found.value)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("'/dev/zero'", "is not a config"),
        ("'device.py'", "a device"),
        ("'pipe.py'", "a pipe"),
        ("'folder.py'", "a folder"),
        ("'none.py'", "there is no"),
        ("5", "expected a path"),
        ("name", "line 1: `name`"),
        ("['config.py']", "its own base"),
        ("'mmdet_that_is_not_here::a/b.py'", "pip install mmdet_that_is_not_here"),
        ("'mmseg::a/b.py'", "pip install mmsegmentation"),
        ("'mmcls::a/b.py'", "it is called mmpretrain now. Use mmpretrain in place of mmcls"),
    ],
)
def test_an_invalid_base_is_rejected_immediately(tmp_path, path, message):
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "device.py").symlink_to("/dev/zero")
    (tmp_path / "folder.py").mkdir()
    file = tmp_path / "config.py"
    file.write_text(f"_base_ = {path}\n{STEP}")

    with pytest.raises(ps.errors.ConfigError) as found:
        load(file)

    assert message in str(found.value)


def test_two_bases_with_the_same_key_are_rejected(files):
    message = refusal(files, a_DOT_py="x = 1", b_DOT_py="x = 2", config_DOT_py="_base_ = ['a.py', 'b.py']")

    assert "a.py and b.py both have x" in message


def test_a_dict_merged_into_another_type_is_rejected_with_a_fix(files):
    message = refusal(files, a_DOT_py="x = dict(y=[1])", config_DOT_py="_base_ = 'a.py'\nx = dict(y=dict(z=1))")

    assert "$.x.y" in message
    assert "_delete_=True" in message


def test_each_base_is_read_once_even_if_several_files_name_it(tmp_path):
    (tmp_path / "b0.py").write_text("")
    for level in range(1, 19):
        (tmp_path / f"b{level}.py").write_text(f"_base_ = ['b{level - 1}.py'] * 2\n")
    file = tmp_path / "b18.py"

    assert mmengine.read(file.read_text(), str(file)) == {}  # would otherwise need 2**18 reads


def test_a_long_chain_of_bases_is_rejected_with_the_limit(tmp_path):
    for level in range(30):
        (tmp_path / f"b{level}.py").write_text(f"_base_ = 'b{level + 1}.py'\n")
    file = tmp_path / "b0.py"

    with pytest.raises(ps.errors.ConfigError, match="more than 20 nested files"):
        mmengine.read(file.read_text(), str(file))


# with read_base():

LAZY = "from mmengine.config import read_base\nwith read_base():\n    from {} import {}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (LAZY.format(".base", "*"), {"a": {"b": 1, "c": {"d": 2}}, "n": 3}),
        (LAZY.format(".base", "a"), {"a": {"b": 1, "c": {"d": 2}}}),
        (LAZY.format(".base", "a as x"), {"x": {"b": 1, "c": {"d": 2}}}),
        (LAZY.format("..base_above", "*"), {"up": 1}),
        (LAZY.format(".deep.base", "*") + "up = up + 1", {"up": 3}),
        (LAZY.format(".base", "*") + "a.update(dict(c=dict(e=4)))", {"a": {"b": 1, "c": {"d": 2, "e": 4}}, "n": 3}),
        (LAZY.format(".base", "*") + "a.c.d = 5", {"a": {"b": 1, "c": {"d": 5}}, "n": 3}),
        (LAZY.format(".base", "*") + "a = dict(b=2)", {"a": {"b": 2}, "n": 3}),
        ("n = 7\n" + LAZY.format(".base", "n"), {"n": 7}),
    ],
)
def test_names_imported_with_read_base_are_available(tmp_path, text, expected):
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (tmp_path / "base_above.py").write_text("up = 1")
    (folder / "base.py").write_text("a = dict(b=1, c=dict(d=2))\nn = 3\n")
    (folder / "deep" / "base.py").write_text(LAZY.format("...base_above", "*") + "up += 1\n")
    file = folder / "config.py"
    file.write_text(text)

    names = mmengine.read(text, str(file))

    assert {name: value for name, value in names.items() if not isinstance(value, NeedsRunning)} == expected


def test_a_class_that_a_base_imports_is_known_to_the_config(files):
    base = "from mmengine.optim import StepLR\n"
    config = LAZY.format(".base", "*") + "param_scheduler = dict(type=StepLR, step_size=2)\n"

    assert files(base_DOT_py=base, config_DOT_py=config)["param_scheduler"] == {"type": "StepLR", "step_size": 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LAZY.format(".none", "*"), "there is no"),
        (LAZY.format(".base", "none"), ".base has no none"),
        (LAZY.format("package_that_is_not_here.configs.base", "*"), "pip install package_that_is_not_here"),
        ("with read_base():\n    a = 1", "write only lines like from .base import *"),
        ("_base_ = 'base.py'\n" + LAZY.format(".base", "*"), "the file has both `_base_` and"),
    ],
)
def test_invalid_imports_with_read_base_are_rejected(files, text, message):
    assert message in refusal(files, base_DOT_py="a = 1", config_DOT_py=text)


def test_names_from_read_base_are_unknown_in_text_without_a_file():
    assert isinstance(read_python(LAZY.format(".base", "*"))["param_scheduler"], NeedsRunning)


# Packages and variables.


def test_a_base_in_a_package_is_found_without_importing_it(tmp_path, monkeypatch):
    configs = tmp_path / "site" / "a_package_of_configs" / ".mim" / "configs" / "schedules"
    configs.mkdir(parents=True)
    (configs / "short.py").write_text(
        RUN + "param_scheduler = [dict(type='StepLR', step_size=2)]\nm = dict(a=dict(type='X'), b=[3, ('c', None)])\n"
    )
    (tmp_path / "site" / "a_package_of_configs" / "__init__.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    file = tmp_path / "config.py"
    file.write_text("_base_ = 'a_package_of_configs::schedules/short.py'\n")

    names = mmengine.read(file.read_text(), str(file))

    assert names["param_scheduler"] == [{"type": "StepLR", "step_size": 2, "_scope_": "a_package_of_configs"}]
    assert names["m"] == {"a": {"type": "X", "_scope_": "a_package_of_configs"}, "b": [3, ("c", None)]}
    assert "a_package_of_configs" not in sys.modules


def test_file_variables_are_parts_of_the_path(files, tmp_path):
    names = files(
        config_DOT_py="a = '{{ fileDirname }}/x'\nb = '{{fileBasename}}'\n"
        "c = '{{ fileBasenameNoExtension }}{{ fileExtname }}'"
    )

    assert names == {"a": f"{Path(tmp_path).as_posix()}/x", "b": "config.py", "c": "config.py"}


def test_environment_variables_are_substituted(files, monkeypatch):
    monkeypatch.setenv("SOME_EPOCHS", "7")

    names = files(config_DOT_py="a = {{ $SOME_EPOCHS:5 }}\nb = '{{$NO_SUCH_NAME:/data}}/x'\nc = {{'$SOME_EPOCHS:1'}}")

    assert names == {"a": 7, "b": "/data/x", "c": 7}


def test_a_variable_without_a_value_is_rejected_with_its_line(files):
    message = refusal(files, config_DOT_py="a = 1\nb = {{ $NO_SUCH_NAME: }}")

    assert "config.py:2:5: the environment has no NO_SUCH_NAME" in message


def test_a_file_variable_is_unknown_in_text_without_a_file():
    assert isinstance(read_python("a = '{{ fileBasename }}'")["a"], NeedsRunning)


# Limits, exactly.


def test_a_base_has_at_most_a_million_bytes_of_utf_8(tmp_path):
    file = tmp_path / "base.py"

    def read() -> str:
        return text_of_base(file, "base.py", lambda found, advice="": ConfigError("c", [f"{found}. {advice}"]))

    file.write_bytes(b"\xef\xbb\xbf" + b"x" * 999_997)
    assert len(read()) == 999_997
    file.write_bytes(b"x" * 1_000_001)
    with pytest.raises(ConfigError, match=r"base\.py has more than 1,000,000 bytes; a config is a short text"):
        read()
    file.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"base\.py cannot be read: it is not valid UTF-8\. Save the file as UTF-8"):
        read()


@pytest.mark.parametrize(("files", "fails"), [(19, False), (20, True)])
def test_twenty_files_may_be_nested(tmp_path, files, fails):
    for level in range(files):
        (tmp_path / f"b{level}.py").write_text(f"_base_ = 'b{level + 1}.py'\n")
    (tmp_path / f"b{files}.py").write_text("a = 1")
    file = tmp_path / "b0.py"
    if fails:
        with pytest.raises(ConfigError, match="more than 20 nested files"):
            read_python(file.read_text(), str(file), tmp_path)
    else:
        assert read_python(file.read_text(), str(file), tmp_path) == {"a": 1}


def test_two_hundred_base_files_may_be_read(tmp_path):
    for index in range(201):
        (tmp_path / f"{index}.json").write_text("{}")
    text = "_base_ = [{}]".format(", ".join(f"'{index}.json'" for index in range(200)))

    assert read_python(text, "c.py", tmp_path) == {}
    with pytest.raises(ConfigError, match=r"200\.json: more than 200 base files"):
        read_python(text.replace("]", ", '200.json']"), "c.py", tmp_path)


@table(
    ("base", "text", "expected"),
    [
        ("a = 1\n__b = 2", "c = 3", {"a": 1, "c": 3}),
        ("a = dict(x=1)", "a = dict(_delete_=False, y=1)", {"a": {"x": 1, "y": 1}}),
        ("a = 5", "a = dict(_delete_=True, y=1)", {"a": {"y": 1}}),
        ("a = dict(x=1)", "b = dict(_delete_=True, y=1)", {"a": {"x": 1}, "b": {"_delete_": True, "y": 1}}),
        ("a = dict(x=1)", "a = 5", {"a": 5}),
        ("a = dict(x=1)", "a = dict(_delete_=f(), y=1)", "line 2: `f()` needs running"),
        ("a = f()", "a = dict(x=1)", "line 1: `f()` needs running"),
        ("a = f()", "a = dict(x=1, _delete_=True)", {"a": {"x": 1}}),
        ("from torch.optim import SGD\na = dict(type=SGD)", "b = 1", {"a": {"type": "SGD"}, "b": 1}),
        ("a = 1", "from torch.optim import SGD\nb = dict(type=SGD)", {"a": 1, "b": {"type": "SGD"}}),
        ("import math\na = 1", "a = 2", {"a": 2}),
        ("a = dict(x=1)", "_base_.a.update(dict(x=1), dict(x=2))", "needs running"),
        ("a = dict(x=1)", "_base_.a.update([('x', 1)])", "needs running"),
        ("a = dict(x=1)", "_base_.a.update(f())", "needs running"),
        ("a = dict(x=f())", "_base_.a.update(x=dict(y=1))", "needs running"),
        ("a = dict(x=1)", "_base_.a.update(x=f())", "needs running"),
        ("a = dict(x=1)", "_base_.a.x, _base_.a.y = 1, 2, 3", "needs running"),
        ("a = dict(x=1)", "_base_.a.update = 3", "needs running"),
        ("a = dict(x=1)", "d = []\n" + "d = [d]\n" * 92 + "_base_.a.x = d", "needs running"),
        ("a = 1", "exec('x')\nb = 2", {}),
        ("a = 1", "b = zip([1], [2])\nc = {}.keys()", {"a": 1}),
    ],
)
def test_a_config_is_merged_into_its_base(tmp_path, base, text, expected):
    (tmp_path / "base.py").write_text(base)
    names = read_python(f"_base_ = 'base.py'\n{text}", "config.py", tmp_path)

    if isinstance(expected, str):
        assert expected in str(names["a"])
    else:
        assert {name: one for name, one in names.items() if not isinstance(one, NeedsRunning)} == expected


@table(
    ("text", "message"),
    [
        (
            "_base_ = ['a.json', 5]",
            '$._base_: expected a path or a list of paths, got ["a.json", 5]. For example: _base_ = ',
        ),
        ("_base_ = [f()]", "`f()` needs running. Use the path itself, _base_ = './base.py'"),
        ("_base_ = ['a.json', 'b.json']", "a.json and b.json both have x1, x2, x3, x4, x5. Keep each name in one"),
        ("_base_ = 'c.json'", "expected a mapping of names to values. Write param_scheduler and train_cfg"),
        ("_base_ = 'json::x.py'", "json::x.py: the package json is installed, but has no "),
        ("_base_ = 'a\\0.py'", "a\\x00.py cannot be read: "),
        ("_base_ = 'a.txt'", "a.txt is not a config. Use a path that ends in .py, .yaml, .yml or .json"),
    ],
)
def test_bases_that_cannot_be_read_are_explained(tmp_path, text, message):
    for name in "ab":
        (tmp_path / f"{name}.json").write_text('{"x1": 1, "x2": 1, "x3": 1, "x4": 1, "x5": 1, "x6": 1}')
    (tmp_path / "c.json").write_text("[1]")

    with pytest.raises(ConfigError) as found:
        read_python(text, "config.py", tmp_path)
    assert message in str(found.value)


def test_the_bases_of_a_text_without_a_file_are_refused_and_unknown_if_code_computes_them():
    with pytest.raises(ConfigError, match=r"a\.py: the folder of the config is unknown\. Pass the path of the config"):
        read_python("_base_ = 'a.py'")
    names = read_python("_base_ = eval('x')\nn = 1")

    assert {type(names[name]) for name in ("n", "param_scheduler", "train_cfg")} == {NeedsRunning}


@table(
    ("text", "expected"),
    [
        ("a: {{ _base_.x }}", {"a": 1}),
        ("a: {b: [{{ _base_.y.z }}, 2]}", {"a": {"b": [[3], 2]}}),
        ("a: {{ _base_.none }}", "_base_.none` is not in the bases"),
        ("a: 'b {{ _base_.x }}'", "is only a part of a text"),
    ],
)
def test_a_yaml_config_may_refer_to_its_base(tmp_path, text, expected):
    (tmp_path / "base.json").write_text('{"x": 1, "y": {"z": [3]}}')
    found = read_with_bases(f"_base_: base.json\n{text}", "c.yaml", tmp_path / "c.yaml", ".yaml").values

    if isinstance(expected, str):
        assert str(found["a"]).endswith(expected)
    else:
        assert found == {"x": 1, "y": {"z": [3]}, **expected}
