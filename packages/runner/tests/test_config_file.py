"""Config files of MMEngine: the loader has the values of `Config.fromfile`, and a `.py` file is run only when asked."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from paramsched.cli import main
from paramsched.errors import ConfigError, MissingDependency
from paramsched_runner.config_file import load_config, runs_code
from support.tables import table

BASED = "_base_ = './base.py'\n"
DICTS = "a = dict(b=1, c=[dict(d=4)])\n"
STEP = "param_scheduler = dict(type='StepLR', step_size=2, gamma=0.5)\ntrain_cfg = dict(max_epochs=4)\n"


@pytest.fixture
def write(tmp_path):
    """Return a function that writes files by their names and returns the path of the last."""

    def write_files(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return path

    return write_files


def by_mmengine(path: Path) -> dict[str, Any]:
    config = pytest.importorskip("mmengine.config").Config
    return config.fromfile(path, import_custom_modules=False, format_python_code=False).to_dict()


def by_loader(path: Path) -> dict[str, Any]:
    """Return the values without MMEngine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "mmengine.config", None)
        return load_config(path)


def is_same(value: Any, expected: Any) -> bool:
    """Return whether two values are equal, and so are their types at each depth."""
    if type(value) is not type(expected):
        return False
    if isinstance(value, dict):
        return value.keys() == expected.keys() and all(is_same(value, expected[key]) for key, value in value.items())
    if isinstance(value, (list, tuple)):
        return len(value) == len(expected) and all(map(is_same, value, expected))
    return bool(value == expected)


TUTORIAL = """
# 在配置文件中设置学习率调度器字段
param_scheduler = [
    # 线性学习率预热调度器
    dict(type='LinearLR',
         start_factor=0.001,
         by_epoch=False,  # 按迭代更新学习率
         begin=0,
         end=50),  # 预热前 50 次迭代
    # 主学习率调度器
    dict(type='MultiStepLR',
         by_epoch=True,  # 按轮次更新学习率
         milestones=[8, 11],
         gamma=0.1)
]
"""
USES_OF_A_BASE = [
    "a = dict(b=7)", "a = dict(_delete_=True, b=7)", "a = dict(_delete_=False, b=7)", "a = 5",
    "a = dict(_delete_=True, b=dict(_delete_=True))", "x = dict(_delete_=True, y=1)", "a = [dict(b=2)]",
    "a = dict(e=dict(_delete_=True, y=1))", "import math\nx = math.pi\ndef f(): return 1\ny = f()\n__hidden = 1",
    "if True:\n    x = 1\nfor i in range(3): a = dict(n=i)",
]  # fmt: skip
FILES = [
    *({"base.py": DICTS, "config.py": f"{BASED}{use}\n"} for use in USES_OF_A_BASE),
    {"config.py": TUTORIAL},
    {"a.py": "a = 1", "b.yaml": "b: 2\nd: [1, {e: 0.001}]", "c.json": '{"c": {"x": null}}',
     "config.py": "_base_ = ['a.py', 'b.yaml', './c.json']\nc = dict(y=1)"},
    {"a/base.py": "a = dict(x=0, y=1)", "b/middle.py": "_base_ = '../a/base.py'\na = dict(y=2)",
     "b/config.py": "_base_ = ['middle.py']\na = dict(z=3)"},
    {"base.py": STEP, "config.yaml": "_base_: base.py\nparam_scheduler: {gamma: 0.1}\n"},
    {"base.py": "a = dict(b=1)", "config.yaml": "_base_: [./base.py]\na: {_delete_: true, c: [2]}"},
    {"base.json": '{"train_cfg": {"max_epochs": 12}}',
     "config.json": '{"_base_": "./base.json", "train_cfg": {"val_interval": 2}}'},
    {"b0.py": "x = 1", **{f"b{n}.py": f"_base_ = 'b{n - 1}.py'\ny{n} = {n}" for n in range(1, 20)}},
]  # fmt: skip


@table("files", FILES)
def test_files_and_their_bases_have_the_values_of_mmengine(files, write):
    path = write(files)

    assert is_same(by_loader(path), by_mmengine(path))


VALUES = st.recursive(
    st.sampled_from([1, "x", None]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3)
    ),
    max_leaves=8,
)
ENTRIES = st.dictionaries(st.sampled_from(["a", "b", "c"]), VALUES, max_size=3)


@given(base=ENTRIES, added=ENTRIES, replaces=st.booleans())
def test_generated_entries_are_merged_as_in_mmengine_or_refused_by_both(base, added, replaces, tmp_path_factory):
    folder = tmp_path_factory.mktemp("merged")
    for value in added.values():
        if isinstance(value, dict) and replaces:
            value["_delete_"] = True
    for name, entries in (("base.py", base), ("config.py", {"_base_": "base.py", **added})):
        (folder / name).write_text("".join(f"{key} = {value!r}\n" for key, value in entries.items()))
    try:
        expected = by_mmengine(folder / "config.py")
    except TypeError:  # a dict over another value
        with pytest.raises(ConfigError):
            by_loader(folder / "config.py")
    else:
        assert is_same(by_loader(folder / "config.py"), expected)


LAZY = "from mmengine.config import read_base\nwith read_base():\n    from .base import *\nlr = 0.3\n"


def test_without_mmengine_a_config_in_the_new_style_is_refused(write, monkeypatch):
    for name in ("mmengine", "mmengine.config", "mmengine.optim"):
        monkeypatch.setitem(sys.modules, name, None)

    for text in (LAZY, "from mmengine.optim import StepLR\na = 1"):
        with pytest.raises(MissingDependency):
            load_config(write({"base.py": "a = 1", "config.py": text}))


@table("text", ["a = {{ _base_.a }}", "a = '{{ fileDirname }}/x'", "a = {{$SOME:5}}"])
def test_without_mmengine_a_variable_is_refused_at_its_line(text, write):
    path = write({"base.py": "a = 1", "config.py": BASED + text})

    with pytest.raises(ConfigError, match="read by MMEngine only") as refusal:
        by_loader(path)

    assert refusal.value.problems[0].line == 2


def test_a_config_in_the_new_style_is_run_by_mmengine_with_short_names_of_its_classes(write):
    pytest.importorskip("mmengine.config")
    base = (
        "from collections import Counter\nfrom mmengine.optim import StepLR\n"
        "param_scheduler = [dict(type=StepLR, step_size=2)]\n"
        "deep = dict(pair=(dict(type=StepLR), 3), scope=dict(type='mmengine.StepLR'),"
        " own=dict(type=Counter, inner=[dict(type=StepLR)]))\n"
    )
    step = {"type": "StepLR"}

    assert load_config(write({"base.py": base, "config.py": LAZY})) == {
        "param_scheduler": [{**step, "step_size": 2}],
        "deep": {
            "pair": (step, 3),
            "scope": {"type": "mmengine.StepLR"},
            "own": {"type": "collections.Counter", "inner": [step]},
        },
        "lr": 0.3,
    }


def test_the_modules_of_custom_imports_are_not_imported_with_the_config(write):
    path = write({"config.py": "custom_imports = dict(imports=['no_such_module'])\n"})

    assert load_config(path) == {"custom_imports": {"imports": ["no_such_module"]}}


ERRORS = [
    # the files, the file of the error, its line
    ({"config.py": "a = 1\nb = 1 / 0\n"}, "config.py", 2),
    ({"config.py": "def f():\n    return {}['x']\n\n\nb = f()\n"}, "config.py", 2),
    ({"base.py": "\n\na = [][1]\n", "config.py": BASED}, "base.py", 3),
    ({"config.py": "import sys\n_base_ = []\nsys.exit(0)\n"}, "config.py", 3),
    ({"config.py": "_base_ = []\nimport no_such_module\n"}, "config.py", 2),
    ({"config.py": "_base_ = []\nopen('none.txt')\n"}, "config.py", 2),
    ({"base.py": "a = 1 / 0\n", "config.yaml": "_base_: base.py\n"}, "base.py", 1),
    ({"config.py": "_base_ = 'none.py'\n"}, "config.py", None),
    ({"a.py": "x = 1", "b.py": "x = 2", "config.py": "_base_ = ['a.py', 'b.py']\n"}, "config.py", None),
    ({"base.py": "x = dict(y=[1])", "config.py": BASED + "x = dict(y=dict(z=1))"}, "config.py", None),
    ({"config.py": "_base_ = 'config.py'\n"}, "config.py", None),
    ({"base.py": "_base_ = 'config.py'\n", "config.py": BASED}, "base.py", None),
    ({"config.py": "_base_ = 5\n"}, "config.py", None),
    ({"config.py": "_base_ = 'no_such_package::a/b.py'\n"}, "config.py", None),
    ({"config.py": "_base_ = [1 / 0]\n"}, "config.py", 1),
]


@pytest.mark.parametrize("load", [load_config, by_loader])
def test_an_error_of_a_config_has_its_file_and_line(load, write, subtests):
    for files, file, line in ERRORS:
        with subtests.test(files=files):
            path = write(files)

            with pytest.raises(ConfigError) as refusal:
                load(path)

            (problem,) = refusal.value.problems
            assert (Path(refusal.value.source), problem.line) == (path.parent / file, line)


def test_an_error_of_syntax_names_the_file_and_the_line(write):
    path = write({"base.py": "a = 1\nb = = 2\n", "config.py": BASED + "c = 1"})

    for load in (by_loader, load_config):
        with pytest.raises(ConfigError, match=r"base\.py:2:5"):
            load(path)


@table(
    "name",
    ["device.txt", "pipe.py", "folder.py", "base.toml", "a\\0.py", "large.py", "large.json", "latin.py", "list.json"],
)
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_base_that_is_not_a_config_is_refused_at_once(name, write, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bases")
    os.mkfifo(folder / "pipe.py")
    (folder / "device.txt").symlink_to("/dev/zero")
    (folder / "folder.py").mkdir()
    (folder / "latin.py").write_bytes(b"a = '\xff'")
    for file, text in {
        "base.toml": "a = 1", "large.py": "a = 1" + "\n" * 1_000_000, "large.json": '{"a": 1' + " " * 1_000_000 + "}",
        "list.json": "[1]", "config.py": f"_base_ = '{name}'\n",
    }.items():  # fmt: skip
        (folder / file).write_text(text)

    with pytest.raises(ConfigError):
        by_loader(folder / "config.py")


@table(
    ("files", "is_code"),
    [
        ({"config.py": "open('mark', 'w')"}, True),
        ({"base.py": "open('mark', 'w')", "config.yaml": "_base_: ./base.py"}, True),
        ({"base.py": "open('mark', 'w')", "a.json": "{}", "config.json": '{"_base_": ["a.json", "base.py"]}'}, True),
        ({"deep/base.py": "", "deep/middle.yml": "_base_: base.py", "config.yaml": "_base_: deep/middle.yml"}, True),
        ({"config.json": '{"\\u005fbase_": "base.py"}'}, True),
        ({"config.yaml": "_base_: [5, base.py]"}, False),
        ({"config.yaml": "_base_: a_package::folder/base.py\n"}, False),
        ({"config.yaml": "_base_: none.py\n"}, True),
        ({"a.yaml": "x: 1", "config.yaml": "_base_: a.yaml\n"}, False),
        ({"config.yaml": "_base_: config.yaml\n"}, False),
        ({"config.yaml": "lr: cosine()\n"}, False),
        ({"config.yaml": "_base_: [\n"}, False),
        ({"config.toml": "a = 1"}, False),
    ],
)
def test_whether_a_config_is_code_is_known_without_running_it(files, is_code, write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write(files)

    assert runs_code(path) is is_code
    assert not (tmp_path / "mark").exists()


@table("text", ['{"_base_": "base.py", "x": {{ _base_.a }}}', "{{$NOT_SET:_ba}}se_: base.py"])
def test_a_variable_in_yaml_or_json_runs_nothing(text, write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write({"base.py": "open('mark', 'w')", "config.json" if text[0] == '"' else "config.yaml": text})

    with pytest.raises(ConfigError):
        load_config(path)

    assert not (tmp_path / "mark").exists()


def test_many_bases_that_name_each_other_are_searched_once(write):
    files = {f"b{n}.yaml": f"_base_: [b{n - 1}.yaml, b{n - 1}.yaml]" for n in range(1, 60)}

    assert not runs_code(write({"b0.yaml": "{}", **files}))


@pytest.mark.package("show")
@pytest.mark.package("tools")
@pytest.mark.package("mmengine")
@table("command", ["show", "check", "audit values.csv --plan"])
def test_a_command_without_the_option_runs_no_config(command, write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    in_python = {"values.csv": "step,lr\n0,0.1\n", "config.py": STEP + "open('mark', 'w')\n"}
    in_yaml = {"base.py": STEP + "open('mark', 'w')\n", "config.yaml": "_base_: base.py\n"}
    for path in (write(in_python), write(in_yaml)):
        answer = CliRunner().invoke(main, [*command.split(), path.name])

        assert answer.exit_code == 2, answer.output
        (line,) = [line for line in answer.stderr.splitlines() if line.startswith("Error: ")]
        assert line.startswith(f"Error: {path.name}: ")
        assert "--run-config" in line
        assert not (tmp_path / "mark").exists()
