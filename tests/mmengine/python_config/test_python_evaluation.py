"""Each operator, method and function of a Python config has the result of Python, or is marked as unknown."""

import copy
import math
import os
import re
from itertools import product

import pytest

from paramsched.mmengine.python_config.values import NeedsRunning
from support.python_configs import read_python
from support.tables import table

NUMBERS = ("7", "2", "-3", "2.5", "True", "0")
OPERATORS = ("+", "-", "*", "/", "//", "%", "**", "|", "==", "!=", "<", "<=", ">", ">=")
VALUES = ("'ab'", "b'ab'", "[1, 'a']", "(1, 2)", "{'a': 1}", "None", "range(3)")
TEXTS = r"""
{'a': 1, 'b': 2} | {'b': 3} ;; None is None ;; None is not True ;; True is None ;; 1 < 2 < 3 ;; 3 > 2 < 1 ;; not []
not 'a' ;; [] and 1 ;; [1] or 2 ;; 0 or '' or 5 ;; 1 and 2 and 3 ;; 'a' if [] else 'b' ;; (1, 2)[-1] ;; 'abc'[1:]
[1, 2, 3][::2] ;; {'a': 1}['a'] ;; range(9)[2] ;; [*(1, 2), 3] ;; {**{'a': 1}, 'b': 2} ;; 3 in range(5)
9 not in range(5) ;; True in range(5) ;; '{} {:>4} {a!r:.2}'.format(1, 2.5, a='xyz') ;; '{{}} {0:04d}'.format(7)
f'{3:>5}{2.5:.1f}{"a"!r}{"é"!a}{1!s}' ;; 'ab'.endswith('b') ;; '-'.join(['a', 'b']) ;; '-'.join({'a': 1, 'b': 2})
'AB'.lower() ;; ' a '.lstrip() ;; 'a-b-c'.partition('-') ;; 'aba'.replace('a', 'x') ;; 'a b c'.rsplit(' ', 1)
' a '.rstrip() ;; 'a,b'.split(',') ;; 'ab'.startswith('a') ;; 'xax'.strip('x') ;; 'ab'.upper()
'aaa'.replace('a', 'b', 1) ;; [1, 2, 1].count(1) ;; [1, 2].index(2) ;; (1, 2, 1).count(1) ;; (3, 4).index(4)
[1].copy() ;; {'a': 1}.copy() ;; {'a': 1}.get('a') ;; {'a': 1}.get('b') ;; {'a': 1}.get('b', 2)
list({'a': 1}.keys()) ;; list({'a': 1}.values()) ;; list({'a': 1}.items()) ;; dict({'a': 1})
dict([('a', 1)], b=2) ;; dict(zip('ab', [1, 2])) ;; dict(a=1) ;; list() ;; tuple() ;; abs(-3) ;; float('2.5')
int('7') ;; int(2.9) ;; max(1, 3, 2) ;; max([1, 3]) ;; min(2, 1) ;; repr('a') ;; str(1.5) ;; sorted([3, 1, 2])
sorted((2, 1), reverse=True) ;; round(2.567, 2) ;; round(2.5) ;; round(1234, -2) ;; list(range(1, 7, 2))
all([1, 0]) ;; all([]) ;; any([0, 1]) ;; any([]) ;; bool([]) ;; bool(1) ;; bool() ;; list(enumerate('ab'))
list(enumerate('ab', 3)) ;; list(enumerate('ab', start=3))
round(2.567, ndigits=1) ;; len('abc') ;; len([1, 2]) ;; len({'a': 1}) ;; len(range(4)) ;; len(b'ab') ;; list('ab')
list({'a': 1}) ;; list(reversed([1, 2])) ;; sum([1, 2]) ;; sum([1, 2], 3) ;; sum([[1], [2]], []) ;; sum((0.5, 1))
tuple([1]) ;; list(zip([1, 2], 'abc')) ;; print(1) ;; [x * 2 for x in range(3) if x]
[(x, y) for x in 'ab' for y in range(2)] ;; {k: v for k, v in [('a', 1)]} ;; [[y for y in range(x)] for x in (1, 2)]
copy.copy([1]) ;; copy.copy(1) ;; copy.copy((1,)) ;; copy.copy({'a': 1}) ;; copy.deepcopy([[1]])
[x for x in sorted([2, 1])] ;; math.ceil(0.5) ;; math.cos(0.5) ;; math.exp(0.5) ;; math.floor(0.5) ;; math.log(0.5)
math.log10(0.5) ;; math.log2(0.5) ;; math.sin(0.5) ;; math.sqrt(0.5) ;; math.pow(2, 3) ;; math.pi ;; math.e
math.tau ;; math.inf ;; os.path.basename('a/b') ;; os.path.dirname('a/b') ;; os.path.join('a', 'b')
os.path.normpath('a/../b') ;; os.path.splitext('a.py') ;; max([]) ;; {'a': 1}['b'] ;; [1].index(2) ;; (1, 2)[5]
int('x') ;; 1 / 0 ;; 'a'.index('x') ;; dict([1]) ;; [1].pop() ;; {'a': 1}.pop('a') ;; {'a': 1}.pop('b', 2)
"""
EXPRESSIONS = [
    *(f"{left} {sign} {right}" for sign in OPERATORS for left, right in product(NUMBERS, NUMBERS)),
    *(f"{sign} {one}" for sign in ("-", "+", "not") for one in NUMBERS),
    *(f"{left} {sign} {right}" for sign in ("==", "!=", "<") for left, right in product(VALUES, VALUES)),
    *(f"{left} {sign} {right}" for sign in ("in", "not in") for left, right in product(VALUES, VALUES[:-1])),
    *(f"{left} + {right}" for left, right in product(VALUES, VALUES) if left != "b'ab'"),
    *(f"{one} * {count}" for one in ("'ab'", "[1, 'a']", "(1, 2)") for count in (0, 1, 3, -1)),
    *(f"2 * {one}" for one in ("'ab'", "[1, 'a']", "(1, 2)")),
    *re.split(r" ;; |\n", TEXTS.strip()),
]  # fmt: skip
CHANGES = r"""
r = n.append(4) ;; r = n.pop() ;; r = n.pop(0) ;; r = n.insert(1, 9) ;; r = n.extend([7, 8]) ;; r = n.extend((7,))
r = n.remove(1) ;; r = n.clear() ;; r = n.reverse() ;; r = n.sort() ;; r = n.sort(reverse=True) ;; n += [5]; r = 1
n[0] = 8; r = n[-1] ;; n[1:] = [9]; r = 1 ;; del n[0]; r = 1 ;; del n[::2]; r = 1 ;; n[0] += 2; r = 1
n[0], r = 5, 6 ;; [n[0], r] = (5, 6) ;; r = n = [4] ;; r = d.pop('a') ;; r = d.setdefault('a', 5)
r = d.setdefault('c', 5) ;; r = d.update(b=2) ;; r = d.update({'b': 2}) ;; r = d.update([('b', 2)]) ;; r = d.clear()
d['a'] += 1; r = 1 ;; del d['a']; r = 1 ;; d['b'] = n; n.append(4); r = 1 ;; r = d.copy(); r['z'] = 1
m = n; m.append(4); r = 1 ;; m = n.copy(); m.append(4); r = 1 ;; for r in n: n[0] += r
for r, k in enumerate(n): n[r] = k * 2 ;; if n: r = 1\nelse: r = 2 ;; if not n: r = 1\nelif d: r = 3\nelse: r = 2
r: int = 5 ;; pass; r = n, d ;; r = [n.append(x) for x in (7, 8)] ;; r = [x for x in n]; n.clear()
k = 'a'; r = {k: n}; n.append(1) ;; r = n.extend(d.values()) ;; r = n.extend(d.keys()) ;; r = n.extend(n)
for k in list(d): r = d.pop(k) ;; r = 5; d = [r for r in n] ;; r = 5; d = {r: r for r in n}
for r in n: n[2] = 9 ;; for r in n: n[:] = [4, 5, 6] ;; for r, k in zip(n, n): n[2] = 9
for r in d.values(): d['a'] = 2
for r in reversed(n): n[0] = 9 ;; r = [n.insert(0, n.pop()) for k in n] ;; r = [k for k in zip(n, [n.pop(), 4])]
r = 1 > 2 < n.pop() ;; r = [0, 1]; n[r.pop()] += 4 ;; n[0] = [1]; n[0] += [5]; n[0:1] += [7]; r = 1
import os; r = (n.append(1) or os.path).join('a', 'b') ;; r = ['z', 'a']; d[r.pop()] *= 3
"""


def outcome(action):
    try:
        return action()
    except Exception:  # noqa: BLE001  # any error of Python
        return NeedsRunning


@table("text", EXPRESSIONS)
@pytest.mark.filterwarnings("ignore")
def test_an_expression_has_the_value_and_type_of_python(text):
    expected = outcome(lambda: eval(text, {"math": math, "os": os, "copy": copy}))
    found = read_python(f"import math, os, copy\nx = {text}")["x"]

    if expected is NeedsRunning:  # an error
        assert type(found) is NeedsRunning
    else:
        assert (type(found), found) == (type(expected), expected)


@table("change", [one.replace("\\n", "\n") for one in re.split(r" ;; |\n", CHANGES.strip())])
def test_a_statement_changes_the_values_as_in_python(change):
    text = f"n = [3, 1, 2]\nd = dict(a=1)\n{change}"
    expected = {}
    exec(text, expected)
    found = read_python(text)

    assert {name: found[name] for name in "ndr"} == {name: expected[name] for name in "ndr"}
    assert [found["n"] is found.get(name) for name in "rm"] == [expected["n"] is expected.get(name) for name in "rm"]


@table(
    "change",
    [
        "n.append(d.keys())\nr = n",
        "n.insert(0, d.values())\nr = n",
        "r = {}\nr.setdefault('k', d.items())",
        "r = '{}'.format(d.keys())",
        "r = str(d.values())",
        "r = repr(zip(n, n))",
        "r = bool(zip([], []))",
        "r = [['a']].count(d.keys())",
        "r = min(d.keys(), d.keys())",
        "r = n[(f(n), 0)[1]]",
        "r = n[(f(n), 0)[1]:]",
        "r = [2]\nn[(f(n), 0)[1]] = r",
        "r = [0, 1]\nn[r.pop()]: int",
        "r = [1]\nx: r.append(2) = 2",
        "r = {}\nr.update([(N, 1)])",
        "r = {}\nr.update(zip([N], [1]))",
        "r = {}\nr.update([(f(), 1)])",
        "r = [0]\nx = [f(lambda: i) if i is None else 0 for i in [None, r]]",
    ],
)
def test_a_value_that_an_iterator_or_an_operand_may_change_is_unknown(change):
    names = read_python(f"from m import N, f\nn = [3, 1, 2]\nd = dict(a=1)\n{change}")

    assert NeedsRunning in (type(names["r"]), *(map(type, names["r"]) if isinstance(names["r"], list) else ()))


OTHERS = r"""
'a'.encode() ;; 'a'.zfill(3) ;; 'a'.__len__() ;; (1).bit_length() ;; {}.fromkeys('a') ;; {}.popitem()
[].__len__() ;; b'a'.decode() ;; (1,).__len__() ;; range(3).count(1) ;; '{}'.format_map({}) ;; 'a'.translate({})
(1.5).hex() ;; hash('a') ;; id(1) ;; open('x') ;; math.factorial(5) ;; os.getcwd() ;; os.path.exists('x') ;; type(1)
iter([1]) ;; filter(None, [1]) ;; map(str, [1]) ;; next([1]) ;; input() ;; getattr(1, 'real') ;; 'a' % 1 ;; b'a' % 1
{1, 2} ;; 1 @ 2 ;; 1 is 1 ;; 'a' is not 'a' ;; (1,) is (1,) ;; [] is (1,) ;; [x async for x in [1]]
dict(**{1: 2}) ;; dict(a=1, **{'a': 2}) ;; [] is [] ;; b'ab'[0] ;; 1 in {'a': 1}.values() ;; 'b' in {'a': 1}.keys()
'ab'.capitalize() ;; 'abcb'.count('b') ;; 'ab'.find('b') ;; 'ab'.index('b') ;; 'a1'.isalnum() ;; 'a1'.isalpha()
'12'.isdigit() ;; 'abc'.removeprefix('a') ;; 'abc'.removesuffix('c') ;; 'aba'.rfind('a') ;; 'a-b-c'.rpartition('-')
'a\nb'.splitlines() ;; 'ab cd'.title() ;; divmod(7, 2) ;; math.fabs(0.5) ;; math.isinf(0.5) ;; math.isnan(0.5)
math.tan(0.5) ;; math.trunc(0.5) ;; math.isclose(1, 1.0) ;; os.path.split('a/b') ;; 7 << 2 ;; 7 >> 2 ;; 7 & 2
7 ^ 2 ;; ~7 ;; b'ab' + b'ab' ;; b'ab' * 2 ;; True * 'ab'
"""


@table("text", re.split(r" ;; |\n", OTHERS.strip()))
def test_other_methods_and_functions_are_unknown(text):
    assert type(read_python(f"import math, os\nx = {text}")["x"]) is NeedsRunning


@table("name", ["__version__", "__name__", "__file__", "__doc__", "__path__", "__all__", "plain"])
def test_a_harmless_attribute_reaches_no_other_name(name):
    found = read_python(f"import m\nfrom m import {name}\nn = [1]\nx = f(m.{name})\ny = f({name})")

    assert found["n"] == [1]


REACHING = """
exec eval globals locals vars compile breakpoint getattr setattr delattr modules settrace setprofile currentframe
getmodule _getframe _current_frames f_globals f_locals f_back f_builtins gi_frame cr_frame ag_frame tb_frame __dict__
"""


@table("name", REACHING.split())
def test_a_name_that_reaches_all_names_makes_them_unknown(name):
    for use in (f"x = f(m.{name})", f"from m import {name}", f"m.{name} = 1", f"def f(): m.{name}", f"f({name})"):
        assert type(read_python(f"import m\nn = [1]\n{use}")["n"]) is NeedsRunning, use


@table(
    "module",
    ["builtins", "__main__", "inspect", "gc", "ctypes.util", "runpy", "timeit", "pdb", "bdb", "code", "codeop"],
)
def test_a_module_that_reaches_all_names_makes_them_unknown(module):
    for use in (
        f"import {module}",
        f"import os, {module} as k",
        f"from {module} import a",
        f"def f():\n    import {module}",
    ):
        assert type(read_python(f"n = [1]\n{use}")["n"]) is NeedsRunning, use
    assert read_python("n = [1]\nimport os.gc, codes")["n"] == [1]


@table("key", ["(1, N)", "N", "[1]", "{}", "(1, [2])", "(f(), 1)"])
def test_a_key_that_is_not_known_makes_a_mapping_unknown(key):
    text = f"from m import N\nx = {{{key}: 1}}\ny = dict([({key}, 1)])\nw = {{{key}: i for i in range(2)}}\n"
    names = read_python(f"{text}z = {{(1, 'a'): 1}}")

    assert [type(names[name]) for name in "xyw"] == [NeedsRunning] * 3
    assert names["z"] == {(1, "a"): 1}


@table(
    "text",
    [
        "f'{g()}'", "f'{g()} a'", "f'{1}{g()}'", "f'{1:{g()}}'", "[g()][0]", "g() + 1", "1 - g()", "-g()", "not g()",
        "g() and 1", "1 and g()", "1 if g() else 2", "g()[0]", "'ab'[g()]", "'ab'[g():]", "{g(): 1}", "'a'.join(g())",
        "len(g())", "max(1, g())", "[x for x in g()]", "[x for x in [1] if g()]", "1 < g()", "g() in [1]", "g().a",
        "dict(a=1, **g())", "[*g()]", "{**g()}", "'{}'.format(g())", "g", "1 << 2", "dict([g()])",
        "enumerate([1], g())",
    ],
)  # fmt: skip
def test_an_expression_of_an_unknown_value_raises_no_error_of_python(text):
    assert read_python(f"x = {text}")["x"].why == "needs running"


@table(
    ("statement", "expected"),
    [
        ("del n", {"d": 2, "x": 1}),
        ("del n[0], d", {"n": [], "x": 1}),
        ("del (n, d)", {"n": "?", "d": "?", "x": 1}),
        ("del [n]", {"n": "?", "d": 2, "x": 1}),
    ],
)
def test_deleted_names_are_gone_and_those_in_a_tuple_are_unknown(statement, expected):
    found = read_python(f"n = [1]\nd = 2\n{statement}\nx = 1")

    assert {name: "?" if type(one) is NeedsRunning else one for name, one in found.items()} == expected
