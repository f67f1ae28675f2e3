"""Config files of MMEngine: the loader has the values of `Config.fromfile`, and a `.py` file is run only when asked."""

import os
import re
import sys
import warnings
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from paramsched.cli import main
from paramsched.errors import ConfigError, MissingDependency
from paramsched.mmengine.config_file import load_config, runs_code
from paramsched.mmengine.old_style import load_old_style

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


@pytest.fixture
def without_mmengine(monkeypatch):
    monkeypatch.setitem(sys.modules, "mmengine.config", None)


def by_mmengine(path: Path) -> dict[str, Any]:
    config = pytest.importorskip("mmengine.config").Config
    return config.fromfile(path, import_custom_modules=False, format_python_code=False).to_dict()


def is_same(one: Any, other: Any) -> bool:
    """Return whether two values are equal, and so are their types at each depth."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(is_same(value, other[key]) for key, value in one.items())
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(is_same, one, other))
    return bool(one == other)


USES_OF_A_BASE = [
    "a = _base_.a['b']",
    "a = _base_['a'].b + _base_.a.get('b')",
    "_base_.a.b = 3",
    "_base_.a.c[0].d = 5",
    "_base_.a.c.append(6)",
    "_base_.a.update(b=dict(e=1))\n_base_.a.update(dict(b=dict(f=2)))",
    "d = dict(x=1)\n_base_.a.b = d\nd['x'] = 2",
    "a = dict(b=7)",
    "a = dict(_delete_=True, b=7)",
    "a = dict(_delete_=False, b=7)",
    "a = dict(_delete_=True, b=dict(_delete_=True))",
    "x = dict(_delete_=True, y=1)",
    "a = dict(e=dict(_delete_=True, y=1))",
    "a = 5",
    "a = {{ _base_.a.c }}",
    "a = {{ _base_.a }}",
    "a = [{{_base_.a.b}}, dict(x={{ _base_.a.c }})]",
    "a = ({{_base_.a.b}},)",
    "a = {**_base_.a, 'b': 2}",
    "a = [one for one in _base_.a.c if one.d == 4]",
    "del _base_.a['c']",
    "del _base_.a.c",
    "_base_.a.pop('none')\na = _base_.a.pop('b')",
    "a = _base_.a.setdefault('n', 3) + len(_base_)",
    "d = _base_.a.copy()\nd.b = 9\nd.c.append(1)\na = [d.b, _base_.a.b, d.c]",
    "a = [_base_.a.setdefault('b', 3), _base_.a.setdefault('n'), _base_.a.b]",
    "_base_.a.update({'b': 2}, c=3)",
    "_base_.a.update()",
    "_base_.a.merge(dict(c=dict(x=1), n=dict(_delete_=True, k=1)))",
    "_base_.merge(dict(a=dict(_delete_=True, k=1)))",
    "x = _base_.a | dict(b=dict(x=1))",
    "_base_.a |= dict(b=3)",
    "a = dict(b=1) | _base_.a",
    "a = hasattr(_base_, 'none')",
    "a = getattr(_base_, 'a', 1)",
    "import copy\na = copy.deepcopy(_base_.a)\na.c[0].d = 1\nx = copy.copy(_base_.a)",
    "a = _base_.a.deepcopy()\na.b = 2\nx = type(_base_.a.to_dict()) is dict",
    "import math\nfrom collections import OrderedDict\nx = OrderedDict(k=math.pi)",
    "def f(): return _base_.a.b\nx = f()\n__hidden = 1",
    "class C: n = 1\nx = C.n\ndel C",
    "x = f'{_base_.a.b}{{}}'",
    "x = '{{fileBasename}} {{ fileBasenameNoExtension }} {{ fileExtname }} {{ fileDirname }}/x'",
    "x = '{{$SOME_NUMBER:5}}/y'\nz = {{'$SOME_NUMBER:1'}}\nw = '{{ $NOT_SET:/data }}'",
    "_deprecation_ = dict(expected='x', reference='y')\nx = 1",
    "x: int = 3",
    "if len(_base_.a.c) > 0:\n    x = 1\nfor i in range(3): a = dict(n=i)",
]


@pytest.mark.parametrize("use", USES_OF_A_BASE)
def test_a_config_that_uses_its_base_has_the_values_of_mmengine(use, write, monkeypatch):
    monkeypatch.setenv("SOME_NUMBER", "7")
    path = write({"base.py": DICTS, "config.py": f"{BASED}{use}\n"})

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        expected = by_mmengine(path)

    assert is_same(load_old_style(path), expected)


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


@pytest.mark.parametrize(
    "files",
    [
        {"config.py": "a = 1\n"},
        {"base.py": "a = 1\n__b = 2", "config.py": BASED + "c = 3"},
        {"a.py": "a = 1", "b.yaml": "b: 2\nd: [1, {e: 0.001}]", "c.json": '{"c": {"x": null}}',
         "config.py": "_base_ = ['a.py', 'b.yaml', './c.json']\nc = dict(y=1)"},
        {"a/base.py": "a = dict(x='{{ fileDirname }}', y=1)", "b/middle.py": "_base_ = '../a/base.py'\na = dict(y=2)",
         "b/config.py": "_base_ = ['middle.py']\na = dict(z=_base_.a.y)"},
        {"base.py": "a = 1", "config.py": "_base_ = ['./' + 'base.py']\nimport os\nb = os.path.join('x', 'y')"},
        {"base.py": STEP, "config.yaml": "_base_: base.py\nparam_scheduler: {gamma: 0.1}\nx: {{ _base_.train_cfg }}"},
        {"base.py": "a = dict(b=1)", "config.yaml": "_base_: [./base.py]\na: {_delete_: true, c: [{{ _base_.a.b }}]}"},
        {"base.yml": "x: 1\ny: {z: [3]}", "config.yaml": "_base_: base.yml\na: {b: [{{ _base_.y.z }}, 2]}\ny: {w: 1}"},
        {"base.json": '{"train_cfg": {"max_epochs": 12}}',
         "config.json": '{"_base_": "./base.json", "train_cfg": {"val_interval": 2}, "x": {{ _base_.train_cfg }}}'},
        {"config.json": '{"work_dir": "runs/{{ fileBasenameNoExtension }}", "a": [1, {"b": null}], "c": 0.5}'},
        {"config.yaml": "work_dir: runs/{{ fileBasenameNoExtension }}\na: [1, {b: null}]\nc: {{$NOT_SET:0.5}}"},
        {"config.py": TUTORIAL},
        {"b0.py": "x = 1", **{f"b{n}.py": f"_base_ = 'b{n - 1}.py'\ny{n} = {n}" for n in range(1, 20)}},
    ],
    ids=lambda files: list(files)[-1],
)  # fmt: skip
def test_files_and_their_bases_have_the_values_of_mmengine(files, write):
    path = write(files)

    assert is_same(load_old_style(path), by_mmengine(path))


BASE = """
param_scheduler = [dict(type='LinearLR', end=5, by_epoch=False), dict(type='StepLR', step_size=2, x=dict(y=[1, 2]))]
train_cfg = dict(by_epoch=True, max_epochs=5, deep=dict(a=dict(b=1), c=(1, dict(d=2))))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1), clip=None)
steps = [1, 2, 3]
name = 'base'
"""
PLACES = (
    "param_scheduler", "param_scheduler[0]", "param_scheduler[1]['x']", "param_scheduler[-1].x", "train_cfg",
    "train_cfg.deep", "train_cfg['deep'].a", "train_cfg.deep.c[1]", "optim_wrapper", "optim_wrapper.optimizer",
    "steps", "name", "train_cfg.max_epochs", "param_scheduler[1].x.y",
)  # fmt: skip
NEW = ("1", "'x'", "None", "[1, dict(a=2)]", "dict(a=dict(b=3), n=[dict(k=1)])", "(1, dict(a=1))", "dict()", "mine")
CHANGES = (
    "P.update(dict(a=N))", "P.update(end=N, deep=dict(a=N))", "P.x = N", "P['x'] = N", "P.append(N)", "P.insert(0, N)",
    "P.pop('end')", "P.pop()", "P.setdefault('x', N)", "mine = P", "mine = P.copy()", "mine = dict(P)", "mine = [*P]",
    "mine = {**P, 'z': N}", "mine = dict(**P)", "del P['end']", "del P[0]", "P.clear()", "P.merge(dict(a=N, deep=N))",
    "P.merge(dict(a=dict(_delete_=True, k=1), deep=dict(_delete_=True)))", "mine = P.get('end', N)", "P += [N]",
    "for one in P: one.end = N", "for one in P: one['end'] = 3", "mine = [one for one in P]", "mine = P.deepcopy()",
    "mine = [k for k, v in P.items()]", "mine = list(P.values())", "import copy\nmine = copy.deepcopy(P)",
    "mine = P == N", "import copy\nmine = copy.copy(P)", "mine.x = N", "mine['x'] = N", "mine.append(N)",
    "mine.update(dict(a=N))", "mine = len(P)", "mine = isinstance(P, dict)", "mine = 'end' in P",
    "mine = P[0] if P else N", "mine = P | dict(a=1)", "mine = f'{P}'", "mine = P.to_dict()", "P.deep.a.update(b=N)",
    "mine = sorted(P)", "P.update(P)", "train_cfg = dict(max_epochs=N)", "steps = N", "other = N", "name = N",
    "train_cfg = dict(_delete_=True, max_epochs=N)", "train_cfg = dict(deep=dict(a=dict(_delete_=True, z=1)))",
    "other = dict(_delete_=True, a=N)", "optim_wrapper = dict(optimizer=dict(lr=N))", "param_scheduler = N",
    "optim_wrapper = dict(clip=dict(a=1))", "other = {{ _base_.train_cfg }}", "other = '{{fileBasename}}'",
    "other = [{{_base_.steps}}, dict(a={{ _base_.name }})]",
)  # fmt: skip


def line_of(random: Random) -> str:
    """Return a line that changes or reads the values of the base."""
    line = re.sub(r"\bP\b", f"_base_.{random.choice(PLACES)}", random.choice(CHANGES))
    return re.sub(r"\bN\b", lambda _: random.choice(NEW), line)


@given(seed=st.integers(0, 2**32))
def test_each_generated_config_has_the_values_of_mmengine_or_is_refused_by_both(seed):
    pytest.importorskip("mmengine.config")
    random, text = Random(seed), f"{BASED}mine = dict(a=[1])\n"
    with TemporaryDirectory() as folder:
        path = Path(folder) / "config.py"
        (path.parent / "base.py").write_text(BASE)
        for _ in range(random.randint(2, 8)):
            longer = f"{text}{line_of(random)}\n"
            path.write_text(longer)
            try:
                expected = by_mmengine(path)
            except Exception:  # noqa: BLE001  # a line may raise anything
                with pytest.raises(Exception):  # noqa: B017, PT011  # as above
                    load_old_style(path)
            else:
                assert is_same(load_old_style(path), expected), longer
                text = longer


def test_a_base_in_a_package_is_found_without_importing_it(write, tmp_path, monkeypatch):
    package = "site/a_package_of_configs"
    path = write({
        f"{package}/__init__.py": "raise SystemExit('imported')",
        f"{package}/.mim/configs/schedules/short.py": (
            "param_scheduler = [dict(type='StepLR', step_size=2)]\n"
            "m = dict(a=dict(type='X', n=dict(type='Y')), b=[3, ('c', None)], c=dict(type='Z', _scope_='other'))\n"
        ),
        "config.py": "_base_ = 'a_package_of_configs::schedules/short.py'\nm = dict(a=dict(k=1))\n",
    })  # fmt: skip
    monkeypatch.syspath_prepend(str(tmp_path / "site"))

    assert load_old_style(path) == {
        "param_scheduler": [{"type": "StepLR", "step_size": 2, "_scope_": "a_package_of_configs"}],
        "m": {
            "a": {"type": "X", "n": {"type": "Y"}, "_scope_": "a_package_of_configs", "k": 1},
            "b": [3, ("c", None)],
            "c": {"type": "Z", "_scope_": "other"},
        },
    }
    assert "a_package_of_configs" not in sys.modules


LAZY = "from mmengine.config import read_base\nwith read_base():\n    from .base import *\nlr = 0.3\n"


@pytest.mark.parametrize("text", [LAZY, "from mmengine.optim import StepLR\na = 1", "import torch", "from .x import y"])
def test_without_mmengine_a_config_in_the_new_style_is_refused_before_it_runs(text, write, without_mmengine):
    path = write({"base.py": "a = 1", "config.py": f"{text}\nopen(__file__ + '.mark', 'w')\n"})

    with pytest.raises(MissingDependency):
        load_config(path)

    assert sorted(one.name for one in path.parent.iterdir()) == ["base.py", "config.py"]


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


@pytest.fixture(params=["MMEngine's Config", "the loader"])
def either_way(request, monkeypatch):
    """Run a test with MMEngine and without it."""
    if request.param == "the loader":
        monkeypatch.setitem(sys.modules, "mmengine.config", None)
    else:
        pytest.importorskip("mmengine.config")


ERRORS = [
    # the files, the file of the error, its line
    ({"config.py": "a = 1\nb = 1 / 0\n"}, "config.py", 2),
    ({"config.py": "def f():\n    return {}['x']\n\n\nb = f()\n"}, "config.py", 2),
    ({"base.py": "\n\na = [][1]\n", "config.py": BASED}, "base.py", 3),
    ({"base.py": "a = dict(b=1)\n", "config.py": BASED + "\nc = _base_.a.none\n"}, "config.py", 3),
    ({"config.py": "import sys\n_base_ = []\nsys.exit(0)\n"}, "config.py", 3),
    ({"config.py": "_base_ = []\nimport no_such_module\n"}, "config.py", 2),
    ({"config.py": "_base_ = []\nexec('(')\n"}, "config.py", 2),
    ({"config.py": "_base_ = []\nopen('none.txt')\n"}, "config.py", 2),
    ({"config.py": "a = 1\nb = (\n"}, "config.py", 2),
    ({"base.py": "a = 1\nb = = 2\n", "config.py": BASED + "c = 1"}, "base.py", 2),
    ({"base.py": "a = 1 / 0\n", "config.yaml": "_base_: base.py\n"}, "base.py", 1),
    ({"config.py": "_base_ = 'none.py'\n"}, "config.py", None),
    ({"a.py": "x = 1", "b.py": "x = 2", "config.py": "_base_ = ['a.py', 'b.py']\n"}, "config.py", None),
    ({"base.py": "x = dict(y=[1])", "config.py": BASED + "x = dict(y=dict(z=1))"}, "config.py", None),
    ({"config.py": "_base_ = 'config.py'\n"}, "config.py", None),
    ({"config.py": "_base_ = 5\n"}, "config.py", None),
    ({"config.py": "_base_ = 'no_such_package::a/b.py'\n"}, "config.py", None),
    ({"config.py": "_base_ = [1 / 0]\n"}, "config.py", 1),
]  # fmt: skip


@pytest.mark.parametrize(("files", "file", "line"), ERRORS)
def test_an_error_of_a_config_has_its_file_and_line(files, file, line, write, either_way):
    path = write(files)

    with pytest.raises(ConfigError) as refusal:
        load_config(path)

    (problem,) = refusal.value.problems
    assert (Path(refusal.value.source), problem.line) == (path.parent / file, line)


@pytest.mark.parametrize(
    ("files", "file", "place"),
    [
        ({"base.py": "a = 'x'", "config.py": BASED + "b = 1\na = '{{ _base_.a }}/x'\n"}, "config.py", (3, 6)),
        ({"base.py": "a = 'x'", "config.py": BASED + "a = {{ _base_.none }}\n"}, "config.py", (2, 5)),
        ({"base.py": "a = 'x'", "config.py": BASED + "a = {{ _base_.a }} + 'x'\n"}, "config.py", (2, 5)),
        ({"config.py": "a = 1\nb = {{ $NO_SUCH_NAME: }}"}, "config.py", (2, 5)),
        ({"base.json": '{"a": 1}', "config.yaml": "_base_: base.json\nx: 'b {{ _base_.a }}'"}, "config.yaml", (2, 7)),
        ({"base.yaml": "a: *b\n", "config.yaml": "_base_: base.yaml\n"}, "base.yaml", (1, 4)),
    ],
)
def test_an_error_of_the_loader_has_its_file_line_and_column(files, file, place, write):
    path = write(files)

    with pytest.raises(ConfigError) as refusal:
        load_old_style(path)

    (problem,) = refusal.value.problems
    assert (Path(refusal.value.source), (problem.line, problem.column)) == (path.parent / file, place)


@pytest.mark.parametrize(
    "name",
    ["device.txt", "pipe.py", "folder.py", "base.toml", "a\\0.py", "large.py", "large.json", "latin.py", "list.json"],
)
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_base_that_is_not_a_config_is_refused_at_once(name, write, tmp_path):
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "device.txt").symlink_to("/dev/zero")
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "latin.py").write_bytes(b"a = '\xff'")
    config = write({
        "base.toml": "a = 1", "large.py": "a = 1" + "\n" * 1_000_000, "large.json": '{"a": 1' + " " * 1_000_000 + "}",
        "list.json": "[1]", "config.py": f"_base_ = '{name}'\n",
    })  # fmt: skip

    with pytest.raises(ConfigError):
        load_old_style(config)


@pytest.mark.parametrize("end", ["", "1 / 0\n", "sys.exit(3)\n"])
def test_the_process_is_as_before_after_a_config_was_run(end, write, tmp_path, monkeypatch, either_way):
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    path = write({
        "helper_of_config.py": "import colorsys\n",
        "config.py": (
            "_base_ = []\nimport os, sys, json\n"
            f"sys.path.insert(0, {str(tmp_path)!r})\nos.chdir({str(tmp_path)!r})\n"
            "import helper_of_config\n"
            "sys.modules['made_by_config'] = os\nsys.modules['json'] = os\ndel sys.modules['shlex']\n"
            f"sys.path = [*sys.path, 'more']\n{end}"
        ),
    })  # fmt: skip
    search_path, before, modules = sys.path, sys.path[:], dict(sys.modules)

    if end:
        with pytest.raises(ConfigError):
            load_config(path)
    else:
        load_config(path)

    assert sys.path is search_path
    assert sys.path == before
    assert Path.cwd() == tmp_path / "there"
    assert {name: module for name, module in sys.modules.items() if name in modules} == modules
    assert not {"helper_of_config", "made_by_config"} & sys.modules.keys()


@pytest.mark.parametrize(
    ("files", "is_code"),
    [
        ({"config.py": "open('mark', 'w')"}, True),
        ({"base.py": "open('mark', 'w')", "config.yaml": "_base_: ./base.py"}, True),
        ({"base.py": "open('mark', 'w')", "a.json": "{}", "config.json": '{"_base_": ["a.json", "base.py"]}'}, True),
        ({"deep/base.py": "", "deep/middle.yml": "_base_: base.py", "config.yaml": "_base_: deep/middle.yml"}, True),
        ({"config.json": '{"_base_": "base.py", "x": {{ _base_.a }}}'}, True),
        ({"config.json": '{"\\u005fbase_": "base.py"}'}, True),
        ({"config.yaml": "{{$NOT_SET:_ba}}se_: base.py"}, True),
        ({"config.yaml": "_base_: [5, base.py]"}, False),
        ({"config.yaml": "_base_: a_package::folder/base.py\n"}, False),
        ({"config.yaml": "_base_: none.py\n"}, True),
        ({"a.yaml": "x: 1", "config.yaml": "_base_: a.yaml\n"}, False),
        ({"config.yaml": "_base_: config.yaml\n"}, False),
        ({"config.yaml": "lr: cosine()\n"}, False),
        ({"config.yaml": "_base_: [\n"}, False),
        ({"config.toml": "a = 1"}, False),
    ],
)  # fmt: skip
def test_whether_a_config_is_code_is_known_without_running_it(files, is_code, write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write(files)

    assert runs_code(path) is is_code
    assert not (tmp_path / "mark").exists()


def test_many_bases_that_name_each_other_are_searched_once(write):
    files = {f"b{n}.yaml": f"_base_: [b{n - 1}.yaml, b{n - 1}.yaml]" for n in range(1, 60)}

    assert not runs_code(write({"b0.yaml": "{}", **files}))


@pytest.mark.parametrize("command", ["show", "check", "audit values.csv --plan"])
@pytest.mark.parametrize(
    "files",
    [
        {"config.py": STEP + "open('mark', 'w')\n"},
        {"base.py": STEP + "open('mark', 'w')\n", "config.yaml": "_base_: base.py\n"},
    ],
    ids=["py", "yaml with a base in Python"],
)
def test_a_command_without_the_option_says_that_a_config_is_code_and_runs_nothing(
    files, command, write, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    path = write({"values.csv": "step,lr\n0,0.1\n", **files})

    answer = CliRunner().invoke(main, [*command.split(), path.name])

    assert answer.exit_code == 2, answer.output
    (line,) = [line for line in answer.stderr.splitlines() if line.startswith("Error: ")]
    assert line.startswith(f"Error: {path.name}: ")
    assert "--run-config" in line
    assert not (tmp_path / "mark").exists()
