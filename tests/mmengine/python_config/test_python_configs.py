"""Statements of Python configs: tracked values, unknown values, and limits on the cost."""

import json
import pickle

import pytest

from paramsched.core import files as config
from paramsched.errors import ConfigError
from paramsched.mmengine.python_config.source import PythonSource, python_places
from paramsched.mmengine.python_config.values import ImportedName, NeedsRunning
from support.python_configs import read_python
from support.spread import spread
from support.tables import table
from support.work import work_of

SCHEDULERS = "param_scheduler = [dict(type='LinearLR', end=5), dict(type='StepLR', step_size=2)]\n"


@table(
    ("change", "read"),
    [
        ("param_scheduler.append(dict(type='PolyLR'))", "[0, 1, {'type': 'PolyLR'}]"),
        ("param_scheduler.insert(0, 7)", "[7, 0, 1]"),
        ("param_scheduler.extend(param_scheduler[:1])", "[0, 1, 0]"),
        ("param_scheduler.pop()", "[0]"),
        ("param_scheduler.clear()", "[]"),
        ("param_scheduler.reverse()", "[1, 0]"),
        ("param_scheduler.remove(param_scheduler[0])", "[1]"),
        ("param_scheduler += [7]", "[0, 1, 7]"),
        ("param_scheduler[:1] = []", "[1]"),
        ("del param_scheduler[0]", "[1]"),
        ("del param_scheduler[0]['end']", "[{'type': 'LinearLR'}, 1]"),
        ("param_scheduler[0].update(end=9)", "[{'type': 'LinearLR', 'end': 9}, 1]"),
        ("param_scheduler[0].pop('end')", "[{'type': 'LinearLR'}, 1]"),
        ("param_scheduler[0].setdefault('begin', 1)", "[{'type': 'LinearLR', 'end': 5, 'begin': 1}, 1]"),
        ("param_scheduler[0]['end'] += 1", "[{'type': 'LinearLR', 'end': 6}, 1]"),
        ("mine = param_scheduler; mine[0] = 7", "[7, 1]"),
        ("mine = param_scheduler; mine += [7]", "[0, 1, 7]"),
        ("mine = param_scheduler\nfor one in mine: one['x'] = 1", "[{**xs[0], 'x': 1}, {**xs[1], 'x': 1}]"),
        ("for s in param_scheduler:\n    if s['type'] == 'StepLR': s['gamma'] = .5", "[0, {**xs[1], 'gamma': .5}]"),
        ("for i, s in enumerate(param_scheduler): s['begin'] = i", "[{**xs[0], 'begin': 0}, {**xs[1], 'begin': 1}]"),
        ("for _ in range(2): param_scheduler.append(_)", "[0, 1, 'zero', 'one']"),
        ("import copy\nmine = copy.deepcopy(param_scheduler)\nmine[0].clear()", "[0, 1]"),
        ("if len(param_scheduler) > 1: param_scheduler = []\nelse: param_scheduler = 7", "[]"),
        ("param_scheduler = [{**s, 'by_epoch': False} for s in param_scheduler][:1]", "[{**xs[0], 'by_epoch': False}]"),
    ],
)
def test_changes_of_a_value_are_tracked(change, read):
    xs = [{"type": "LinearLR", "end": 5}, {"type": "StepLR", "step_size": 2}]
    expected = eval(read, {"xs": xs})
    if isinstance(expected, list):
        names = {0: xs[0], 1: xs[1], "zero": 0, "one": 1}
        expected = [names.get(one, one) if isinstance(one, (int, str)) else one for one in expected]

    assert read_python(SCHEDULERS + change)["param_scheduler"] == expected


@table(
    ("text", "value"),
    [
        ("x = f'{2 * 3}/{0.5:.2f}{\"a\"!r}'", "6/0.50'a'"),
        ("x = '-'.join([str(i) for i in (1, 2)])", "1-2"),
        ("x = 'a_{}'.format(3).upper().split('_')", ["A", "3"]),
        ("x = {k: v for k, v in zip('ab', range(2)) if v}", {"b": 1}),
        ("x = dict(**dict(a=1), b=2)", {"a": 1, "b": 2}),
        ("x = [*range(2), *dict(a=1)]", [0, 1, "a"]),
        ("x = sorted([3, 1], reverse=True) + [sum([1, 2]), max(1, 5)]", [3, 1, 3, 5]),
        ("import math\nx = math.ceil(7 / 2)", 4),
        ("from math import pi\nx = pi > 3", True),
        ("import os.path as osp\nx = osp.join('a', 'b')", "a/b"),
        ("x = 'a' if 1 < 2 <= 2 and not [] else 'b'", "a"),
        ("x = [1, 2, 3, 4][::-2]", [4, 2]),
        ("x = any([v > 1 for v in [1, 2]]) and 'a' in dict(a=1)", True),
        ("a = b = []\na.append(1)\nx = b", [1]),
        ("import copy\nx = copy.deepcopy([1, f()])[0]", 1),
        ("x, y = zip([1, 2], 'ab')", (1, "a")),
        ("x = [[j for j in range(i)] for i in range(3)]", [[], [0], [0, 1]]),
        ("d = dict(a=1)\nx = [d.get('b', 2), d.setdefault('c', 3), 'c' in d, list(d.items())]",
         [2, 3, True, [("a", 1), ("c", 3)]]),
    ],
)  # fmt: skip
def test_an_expression_evaluates_as_in_python(text, value):
    assert read_python(text)["x"] == value


@table(
    "change",
    [
        "with manager() as n:\n    pass",
        "a, *n = f()",
        "match 1:\n    case n: pass",
        "f() and (n := 5)",
        "from m import *",
        "import n",
        "from m import n",
        "k = n\nk += f()",
        "k = n\nf(k)",
        "k = [n]\nf(k)",
        "n.append(f)\nn.sort()",
        "for one in f(): n.append(one)",
        "if f(): n = 5",
        "try: g()\nexcept Exception: n = 5",
        "def f():\n    global n\n    n = 5\nf()",
        "def f(): n.append(5)\nf()",
        "def f(): n.append(5)\nn = [1]\nf()",
        "async def f(): n.append(5)\nn = [1]\nf()",
        "f = lambda: n.append(5)\nn = [1]\nf()",
        "class A:\n    def f(self): n.append(5)\nn = [1]\nA().f()",
        "g = (n.append(x) for x in [1])\nn = [1]\nlist(g)",
        "class A: n.append(5)",
        "add = n.append\nadd(5)",
        "exec('n = 5')",
        "globals()['n'] = 5",
        "locals()['n'] = 5",
        "vars().update(n=5)",
        "import sys\nsetattr(sys.modules[__name__], 'n', 5)",
        "import builtins\nbuiltins.exec('n = 5')",
        "import math\nmath.ceil = f\nn = math.ceil(7)",
        "@n.append\ndef f(): pass",
        "def f(v=(n := 5)): pass",
        "class A(f(n := 5)): pass",
        "k = sum([], n)\nf(k)",
        "f(lambda: n.append(5))",
        "for i in range(3):\n    if f(): break\n    n = [i]",
        "del n[f():]",
        "n[f()] = 5",
        "list(map(f, n))",
        "k = n + [f(n)]\nn = k",
        "k = dict(a=n)\nk[(f(k), 'a')[1]].append(1)\nn = k",
        "k = [*n, n.clear(), *f()]",
        "m = [n]\nk = f([*m], m.clear())",
        "m = [n]\nk = f(zip([*m]), m.clear())",
        "m = [n]\nk = [*m] + f(m.clear())",
        "m = [n]\nk = [*m] == [f(m.clear())]",
        "m = [n]\nk = {'a': [*m], 'b': m.clear(), **f()}",
        "m = [n]\nk = [*m, m.clear(), *f()]\nk[0].append(1)",
        "m = [[2], n]\nk = [lambda: x if i else 1 for i, x in enumerate(m)]",
        "k = enumerate(n)\nf(k)",
        "m = {'a': n}\nk = m.values()\nf(k)",
        "for i in zip(n): f(n)",
        "k = f'{n:{f(n)}}'",
        "n.extend(x for x in n if f())",
        "g = (n.append(x) for x in [1])\nlist(g)",
        "k = list(n.append(x) for x in [1])",
        "k = sum((x for x in n), n.pop())",
        "x: f(n) = 1",
        "n += f()",
        "n |= {f()}",
        "del n[(f(n), 0)[1]]",
        "k = [one for one in [1] if f(n.append(one))]",
        "while f(): n = 5",
        "class A: n += [1]",
        "async def g(): n.append(1)",
        "n = dict(a=1, b=2)\nn.update(zip('ba', n.values()))",
        "n.extend(zip(n, 'abc'))",
        "import gc",
        "setattr(m, 'n', 5)",
        "import m\n[m][0].x = 5",
        "import m\nif f(): m.x = 5",
        "import m\ndef g(): m.x.y = 5",
        "if f(): import gc",
        "from math import *",
    ],
)
def test_a_value_that_unknown_code_may_have_changed_is_unknown(change):
    assert isinstance(read_python(f"n = [1]\n{change}")["n"], NeedsRunning)


@table(
    "change",
    [
        "f(m)",
        "for one in f(): m.append(one)",
        "if f(): m = 5",
        "with f() as m: pass",
        "x = lambda: m",
        "import m",
        "import m\nif f(): x = m.y",
        "import m\ndef g(): return m.x.y",
        "if f(): import math",
        "m = f()",
    ],
)
def test_values_that_unknown_code_cannot_reach_stay_known(change):
    assert read_python(f"n = [1]\nm = [2]\n{change}")["n"] == [1]


def test_an_unknown_value_names_its_line_and_text():
    mark = read_python("a = 1\nx = [1,\n     build(a)]")["x"][1]

    assert str(mark) == "line 3: `build(a)` needs running"


@table(
    ("call", "shown"),
    [
        (f"f({'a' * 57})", f"f({'a' * 57})"),
        (f"f({'a' * 58})", f"f({'a' * 57}…"),
        ("f(a,\n   b,\n   c)", "f(a, b, c)"),
        ("f(a,\n   b,\n   c,\n   d)", "f(a, b, c, d)"),
        ("f(a,\n   b,\n   c,\n   d,\n   e)", "f(a, b, c, d,"),
        ("f('é', 'ö') ; y = 2", "f('é', 'ö')"),
    ],
)
def test_the_text_of_an_unknown_value_is_one_line_of_at_most_60_characters(call, shown):
    assert read_python(f"x = {call}")["x"].text == shown


def pieces(text, place):
    """Return the texts of a place and of the places in it, each with the text of its key."""
    parts = place.parts.items() if isinstance(place.parts, dict) else enumerate(place.parts or ())
    key = None if place.key is None else text[place.key : place.begin]
    return [(key, text[place.begin : place.end], place.text), *(one for _, part in parts for one in pieces(text, part))]


def test_each_value_of_a_python_config_is_located_with_its_key_and_its_items():
    text = "é = 'ü'; a = dict(x=[1, 'é'], **k, y={'k': (2,\n f('ö')), 5: 6, **d, None: 7})\na.b = c\nd, e = 1, 2\nb = 7"

    assert pieces(text, python_places(text))[1:] == [
        ("é = ", "'ü'", "ü"),
        ("a = ", "dict(x=[1, 'é'], **k, y={'k': (2,\n f('ö')), 5: 6, **d, None: 7})", None),
        ("x=", "[1, 'é']", None),
        (None, "1", None),
        (None, "'é'", "é"),
        ("y=", "{'k': (2,\n f('ö')), 5: 6, **d, None: 7}", None),
        ("'k': ", "(2,\n f('ö'))", None),
        (None, "2", None),
        (None, "f('ö')", None),
        ("5: ", "6", None),
        ("b = ", "7", None),
    ]
    assert python_places("a = 1").end == 5


@table(
    "change",
    [
        "while len(n) < 4: n.append(7)",
        "try:\n    n.pop()\nfinally:\n    n.append(7)",
        "for i in range(3):\n    n.append(i)\n    if i == 1: break",
        "n.sort(key=lambda one: -one)",
        "n = list(map(str, n))",
        "n = sorted(n, key=str)",
        "n = (lambda: n)()",
        "n = {1, 2}",
        "n = set(n)",
        "n = sum(one for one in n)",
        "n = '%d' % 1",
        "first, *n = [1, 2]",
        "if (n := 5) > 1: pass",
        "n *= 2",
        "n |= {1}",
        "for i in n: pass\nelse: n.append(7)",
        "assert n.append(7)",
        "n = dict(a=n).values()",
        "n = enumerate(n)",
    ],
)
def test_unsupported_code_is_marked_as_unknown(change):
    mark = read_python(f"n = [1]\n{change}")["n"]

    assert isinstance(mark, NeedsRunning)
    assert str(mark).startswith("line 2: `")
    assert str(mark).endswith("` needs running")


def test_a_deleted_name_is_absent():
    assert "x" not in read_python("x = 1\ndel x")


def test_an_imported_class_is_read_as_its_name():
    text = "from mmengine.optim import StepLR\nimport torch\nx = [dict(type=StepLR), dict(type=torch.optim.SGD)]"

    assert read_python(text)["x"] == [{"type": "StepLR"}, {"type": "SGD"}]


@table(
    "use",
    [
        *("N + 'a'", "N * 2", "'-'.join([N])", "'-'.join(one for one in [N])", "'a'.replace(N, 'b')", "'a'.split(N)"),
        *("f'{N}'", "'%s' % N", "'{}'.format(N)", "str(N)", "len(N)", "[*N]", "list(N)", "N[0]", "N.upper()", "{N}"),
        *("[N] in [['N']]", "[N] == ['N']"),
        *("N == 'N'", "'N' in [N]", "[N].index('N')", "{'N': 1}[N]", "{'N': 1}.get(N)", "1 if N else 2"),
        *("sorted([N, 'a'])", "min('a', N)", "dict([N, N])", "dict(zip('ab', N))", "{**N}"),
        *("hasattr(N, 'x')", "any([N])", "not N"),
    ],
)  # fmt: skip
def test_imported_names_cannot_be_used_as_text(use):
    assert isinstance(read_python(f"from m import N\nx = {use}")["x"], NeedsRunning)


def test_values_of_standard_modules_are_unknown():
    assert isinstance(read_python("from os import environ\nx = environ")["x"], NeedsRunning)


COSTLY = {
    "a number multiplied by itself": "a = 99\n" + "a = a * a\n" * 40,
    "lists in lists": "a = [1]\n" + "a = [a, a]\n" * 40,
    "tuples compared": "a = (1,)\n" + "a = (a, a)\n" * 60 + "b = (1,)\n" + "b = (b, b)\n" * 60 + "c = a == b\n",
    "powers of powers": "a = 10 ** 999\nb = a ** 999\nc = 10 ** 10 ** 10\nd = pow(2, 10 ** 9)\n",
    "a round to many places": "a = round(1, -10 ** 9)\n",
    "long texts": "a = b'x' * 10 ** 10\nb = 'x' * 10 ** 12\nc = '%9999999999d' % 1\nd = f'{1:9999999999}'\n",
    "long lists": "a = [0] * 10 ** 9\nb = list(range(10 ** 9))\nc = sum(range(10 ** 12))\n",
    "a list in itself": "a = []\na.append(a)\nb = a == [a]\n",
    "a deep list": "a = []\n" + "a = [a]\n" * 9000,
    "an endless loop": "while True: pass\n",
    "a list that grows under its loop": "a = [1]\nfor b in a: a.append(b)\n",
    "many unknown calls": "\n".join(f"a{i} = f()" for i in range(9000)),
    "many unknown calls with one list": "x = [1] * 1000\n" + "\n".join(f"a{i} = f(x)" for i in range(9000)),
    "many functions": "x = [[1]] * 1000\n" + "\n".join(f"def f{i}(): x.append({i})" for i in range(5000)),
    "many tries": "x = [[i] for i in range(1000)]\n" + "try: x[0] = f()\nexcept E: pass\n" * 5000,
    "texts that double": "a = 'x'\n" + "a = f'{a}{a}'\n" * 60,
    "shifts": "a = 1 << 10 ** 10\n",
}


KEPT = ("powers of powers", "long texts", "an endless loop", "texts that double", "many unknown calls with one list")


@pytest.mark.heavy
@pytest.mark.parametrize("name", spread(COSTLY, *KEPT))
def test_expensive_text_is_read_with_bounded_work(name):
    assert work_of(lambda: read_python(COSTLY[name])).calls < 10_000_000


@pytest.mark.parametrize("text", [COSTLY["lists in lists"], COSTLY["a list in itself"], COSTLY["a deep list"]])
def test_the_size_of_nested_values_is_limited(text):
    names = read_python(text)

    assert len(json.dumps(names, default=str)) < 10_000_000


@pytest.mark.heavy
def test_the_cost_of_many_tiny_statements_is_proportional_to_their_number():
    assert work_of(lambda: read_python("a=1\n" * 50_000)).calls < 50_000 * 40


def test_a_change_through_a_global_that_a_function_may_bind_reaches_the_assigned_value():
    found = read_python(
        "def f():\n    global mine\n    mine = 1\nf()\nb = {'type': 'StepLR'}\nmine = b\nmine.setdefault('x', [])\n"
    )

    assert isinstance(found["b"], NeedsRunning)


def test_the_places_of_a_text_that_is_not_python_are_refused():
    with pytest.raises(ConfigError, match="config: not Python"):
        python_places("a = (")


def test_the_name_of_an_import_can_be_pickled():
    name = pickle.loads(pickle.dumps(ImportedName("StepLR", "mmengine.optim", 7)))

    assert (type(name), name, name.module, name.line) == (ImportedName, "StepLR", "mmengine.optim", 7)


@pytest.mark.parametrize("text", ["x = " + "not " * 9999 + "1", "x = " + "a." * 50000 + "b"], ids=["not", "attributes"])
def test_a_config_that_is_nested_too_deep_is_refused(text):
    with pytest.raises(ConfigError, match=r"config\.py: nested too deep\. For example: param_scheduler = dict\("):
        PythonSource(text, "config.py")


def test_an_annotated_name_has_its_value():
    assert read_python("x: int = 5\ny: int")["x"] == 5


MEGABYTES_OF_PYTHON = {
    "unknown calls": "\n".join(f"a{i} = f(x{i}, {i})" for i in range(36_000)),
    "calls without arguments": "f()\n" * 240_000,
    "names alone": "a\n" * 490_000,
    "a call with calls in it": "f(" + ",\n".join(["g()"] * 190_000) + ")",
    "no Python": "(\n" * 490_000,
}


@pytest.mark.parametrize("text", MEGABYTES_OF_PYTHON.values(), ids=MEGABYTES_OF_PYTHON)
def test_a_megabyte_of_tiny_python_tokens_is_rejected_before_parsing(text, tmp_path, monkeypatch):
    file = tmp_path / "config.py"
    file.write_text(text)
    monkeypatch.setattr("paramsched.mmengine.python_config.source.parse_python", None)

    with pytest.raises(ConfigError, match="more than 200,000 words and signs; a config is a short text"):
        config.load(file)


def test_the_limit_for_python_configs_is_well_above_the_longest_published_config(tmp_path):
    keypoints = ",\n".join(f"    {i}: dict(name='kpt{i}', id={i}, color=[255, 128, 0], swap='')" for i in range(6_000))
    text = f"info = {{\n{keypoints}\n}}\nparam_scheduler = dict(type='StepLR', step_size=3, gamma=0.5)\n"
    file = tmp_path / "config.py"
    file.write_text(text)

    assert str(config.load(file)) == 'lr: step("3 epochs", 0.5)'
