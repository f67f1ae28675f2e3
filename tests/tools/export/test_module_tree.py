"""The values of the statements and expressions that exported modules have, and the refusal of any other."""

import ast
import math

import pytest

import paramsched as ps
from paramsched.tools.export import verify
from paramsched.tools.export.companions import test_of as code_of_test
from paramsched.tools.export.module_tree import AnotherForm, functions_of
from paramsched.tools.export.plan_lines import exported_plan
from paramsched.tools.export.verify import NotExported, read_exported
from support.tables import table

G = "def g(t, base=1.0):\n    return t * base"


def module(body, more=""):
    lines = "\n".join(f"    {line}" for line in body.split("; "))
    return functions_of(ast.parse(f'{more}\ndef f(t, base=2.0):\n{lines}\nSCHEDULES = {{"f": f}}'))


@table(
    ("body", "more", "values"),
    [
        ("return t", "", [0, 1, 5]),
        ('"""Return it."""; return base', "", [2.0, 2.0, 2.0]),
        ("return t + 1 - 2 * 3 / 4", "", [-0.5, 0.5, 4.5]),
        ("return (t + 7) // 2 % 3", "", [0, 1, 0]),
        ("return 2 ** t", "", [1, 2, 32]),
        ("return 3**100 * 0 + t", "", [0, 1, 5]),
        ("return -t", "", [0, -1, -5]),
        ("return 1.0 if not t else 0.0", "", [1.0, 0.0, 0.0]),
        ("return 1 if t < 1 else 2 if t <= 1 else 3", "", [1, 2, 3]),
        ("return 1 if t > 1 else 2 if t >= 1 else 3", "", [3, 2, 1]),
        ("return 1 if t == 1 else 2 if t != 5 else 3", "", [2, 1, 3]),
        ("return 1 if 0 < t < 5 else 0", "", [0, 1, 0]),
        ("return 1 if 0 <= t <= 1 else 0", "", [1, 1, 0]),
        ("return 1 if t > 0 and t < 5 and base > 1 else 0", "", [0, 1, 0]),
        ("return 1 if t > 4 or t < 1 else 0", "", [1, 0, 1]),
        ("return (3, 4, 5, 6, 7, 8)[t]", "", [3, 4, 8]),
        ("return TABLE[t] + ONE", "TABLE = (3, -4, 5, 6, 7, 2 * 8)\nONE = 1", [4, -3, 17]),
        ("return sum(t >= x for x in (1, 2, 5))", "", [0, 1, 3]),
        ("return sum(t + 1 >= x for x in TABLE)", "TABLE = (1, 2)", [1, 2, 2]),
        ("return min(t, 3) + max(t, 1) * abs(t - 2)", "", [2, 2, 18]),
        ("return round(t / 2) + int(base) + float(t)", "", [2.0, 3.0, 9.0]),
        ("return math.sqrt(t) + math.pi", "", [math.pi, 1 + math.pi, math.sqrt(5) + math.pi]),
        ("return math.pow(t, 2)", "", [0.0, 1.0, 25.0]),
        ("return math.inf if t else math.e + math.tau", "", [math.e + math.tau, math.inf, math.inf]),
        ("s = t + 1; u = s * s; return u - s", "", [0, 2, 30]),
        ("if t < 1:;     return 7; return 8", "", [7, 8, 8]),
        ("if t < 1:;     s = 7; else:;     s = 8; return s", "", [7, 8, 8]),
        ("if t < 1:;     return 7; else:;     return 8", "", [7, 8, 8]),
        ("return g(t, base) + 1", G, [1.0, 3.0, 11.0]),
        ("return h(t, 3.0)", f"def h(t, base=1.0):\n    return g(t, base)\n{G}", [0.0, 3.0, 15.0]),
        ("math = t; return math", "", [0, 1, 5]),
        ("return True if t else False", "", [False, True, True]),
    ],
)  # fmt: skip
def test_the_values_of_each_form(body, more, values):
    (function,) = module(body, more).values()

    assert [function(t) for t in (0, 1, 5)] == values
    assert function(1, 2.0) == values[1]
    assert (function.name, function.parameter, function.base) == ("f", "t", 2.0)


@table(
    ("body", "more", "line", "said"),
    [
        ("return open(t)", "", 3, "exported code has no such statement or expression"),
        ("return t.real", "", 3, "exported code"),
        ("return math.os", "", 3, "exported code"),
        ("return 'a'", "", 3, "exported code"),
        ("return t @ t", "", 3, "exported code"),
        ("return ~t", "", 3, "exported code"),
        ("return t is base", "", 3, "exported code"),
        ("return 0 < t is base", "", 3, "exported code"),
        ("return [t]", "", 3, "exported code"),
        ("return u", "", 3, "exported code"),
        ("return min(t)", "", 3, "exported code"),
        ("return min(t, base, 1)", "", 3, "exported code"),
        ("return round(t, ndigits=1)", "", 3, "exported code"),
        ("min = t; return min(t, 1)", "", 4, "exported code"),
        ("sum = t; return sum(t >= x for x in (1, 2))", "", 4, "exported code"),
        ("math = t; return math.sqrt(t)", "", 4, "exported code"),
        ("math = t; return math.pi", "", 4, "exported code"),
        ("return sum(t > x for x in (1, 2))", "", 3, "exported code"),
        ("return sum(t >= x for y in (1, 2))", "", 3, "exported code"),
        ("return sum(x >= x for x in (1, 2))", "", 3, "exported code"),
        ("return sum(t >= x for x in (1, 2) if x)", "", 3, "exported code"),
        ("return sum(t >= x for x in t)", "", 3, "expected a table of the module"),
        ("return t[0]", "", 3, "expected a table of the module"),
        ("return ONE[t]", "ONE = 1", 3, "expected a table of the module"),
        ("TABLE = t; return TABLE[0]", "TABLE = (1, 2)", 4, "expected a table of the module"),
        ("return 2**300", "", None, None),
        ("return 1**201", "", None, None),
        (f"return {2**150} * {-(2**150)}", "", None, None),
        (f"return {2**201}", "", 3, "an integer of too many digits"),
        ("pass", "", 3, "exported code"),
        ("t += 1; return t", "", 3, "exported code"),
        ("s, u = t, t; return s", "", 3, "exported code"),
        ("s = u = t; return s", "", 3, "exported code"),
        ("while t:;     return t", "", 3, "exported code"),
        ('"""Only this."""', "", 2, "exported code"),
        ("s = t", "", 2, "expected a return at the end"),
        ("if t:;     return t", "", 2, "expected a return at the end"),
        ("if t:;     return t; else:;     s = t", "", 2, "expected a return at the end"),
        ("return f(t, base)", "", 3, "f calls itself"),
        ("return g(t, base)", "def g(t, base=1.0):\n    return f(t, base)", 2, "f calls itself"),
        ("return g(t, base)", "", 3, "unknown function g"),
        ("return make_scheduler(t, base)", "def make_scheduler(t, base=1.0):\n    return t", 4, "unknown function"),
        ("return g(t)", "def g(t, base=1.0):\n    return t", 4, "exported code"),
        ("return t", "import os", 1, "exported code"),
        ("return t", "import math as m", 1, "exported code"),
        ("return t", "from os import path", 1, "exported code"),
        ("return t", "from torch.optim.lr_scheduler import StepLR", 1, "exported code"),
        ("return t", "x = 1\nx = 2", 2, "exported code"),
        ("return t", "min = 2", 1, "exported code"),
        ("return t", "x = y", 1, "exported code"),
        ("return t", "x = 1 / 0", 1, "ZeroDivisionError: division by zero"),
        ("return t", "x = 2**150 * 2**150", 1, "OverflowError"),
        ("return t", "def f(t, base=1.0):\n    return t", 3, "exported code"),
        ("return t", "def min(t, base=1.0):\n    return t", 1, "exported code"),
        ("return t", "def g(t):\n    return t", 1, "expected a function of a time and base"),
        ("return t", "def g(t, base):\n    return t", 1, "expected a function of a time and base"),
        ("return t", "def g(t, base=1.0, *more):\n    return t", 1, "expected a function of a time and base"),
        ("return t", "def g(t, base=1.0) -> int:\n    return t", 1, "expected a function of a time and base"),
        ("return t", "@f\ndef g(t, base=1.0):\n    return t", 2, "expected a function of a time and base"),
        ("return t", "def g(t, base=1.0):\n    return open(t)", 2, "exported code"),
        ("return t", "SCHEDULES = {}", 4, "exported code"),
        ("return t", "print(3)", 1, "exported code"),
    ],
)
def test_any_other_form_is_refused_at_its_line(body, more, line, said):
    if said is None:  # a power or a product is refused when it is computed
        (function,) = module(body, more).values()
        with pytest.raises(OverflowError, match="an integer of too many digits"):
            function(1)
        return
    with pytest.raises(AnotherForm, match=said) as refused:
        module(body, more)
    assert refused.value.line == line


def test_names_of_schedules_are_texts_of_functions():
    for schedules in ("{'f': g}", "{'f': f, 'f': f}", "{3: f}", "{'f': 3}", "{**f}"):
        with pytest.raises(AnotherForm):
            functions_of(ast.parse(f"def f(t, base=1.0):\n    return t\nSCHEDULES = {schedules}"))
    assert functions_of(ast.parse("def f(t, base=1.0):\n    return t")) == {}
    text = "def f(t, base=1.0):\n    return t\ndef make_scheduler(x):\n    return open(x)\nSCHEDULES = {'f': f}"
    assert [*functions_of(ast.parse(text))] == ["f"]


def test_the_cost_of_a_function_counts_its_operations_its_calls_and_its_bounds():
    cheap = module("return t")["f"].cost
    assert module("return t + 1")["f"].cost == cheap + 2
    assert module("return sum(t >= x for x in (1, 2, 3))")["f"].cost > cheap + 3
    more = "def g(t, base=1.0):\n    return t * t * t"
    assert module("return g(t, base)", more)["f"].cost >= cheap + 5


TOKENS = "lr: linear(over='30 tokens')\nclock: tokens\nhorizon: 100 tokens"
SECONDS = "lr: linear(over='2.5 s')\nclock: seconds\nhorizon: 10 s"


@table(
    ("plan", "facts", "most", "expected"),
    [
        ("lr: cosine()\nhorizon: 7", {}, 7, [0, 1, 2, 3, 4, 5, 6]),
        ("lr: linear(over=3) >> constant()\nhorizon: 9", {}, 4, [0, 1, 2, 3, 4, 6, 8]),
        (TOKENS, {}, 3, [0, 1, 29, 30, 31, 50, 100]),
        (TOKENS, {"tokens_per_step": 40}, 3, [0, 40, 80, 0, 1, 29, 30, 31, 50, 100]),
        (TOKENS, {"tokens_per_step": 20}, 3, [0, 1, 29, 30, 31, 50, 100]),
        (SECONDS, {}, 3, [0.0, 1.0, 1.5, 2.5, 3.5, 5.0, 10.0]),
        ("lr: linear()\nclock: progress", {"total": 4}, 3, [0.0, 1e-9, 0.5, 1 - 1e-9, 1.0]),
        (
            "lr: linear()\nclock: progress",
            {"total": 4},
            5,
            [0.0, 0.25, 0.5, 0.75, 0.0, 1e-9, 0.25, 0.5, 0.75, 1 - 1e-9, 1.0],
        ),
    ],
)
def test_the_times_at_which_a_line_is_compared(plan, facts, most, expected):
    exported = exported_plan("test", ps.loads(plan), ps.Calendar(**facts))

    assert exported.places(exported.lines[0], most).tolist() == expected


def test_the_code_of_a_test_imports_math_for_an_infinite_value():
    plan = ps.loads("lr: exponential(1.5, 1)\nhorizon: 4000")

    text = code_of_test(exported_plan("test", plan, None), "plan.py")

    assert "\nimport math\n" in text
    assert "math.inf" in text


def test_the_code_of_a_test_has_the_values_at_boundaries_and_at_50_places():
    exported = exported_plan("test", ps.loads("lr: step(2, 0.5)\nmomentum: linear(over=60)\nhorizon: 70"), None)

    text = code_of_test(exported, 'a"\\b.py')

    values = ast.literal_eval(text[text.index("VALUES = ") + 9 : text.index("\n\n\n@pytest")])
    assert "import math" not in text
    assert "MODULE = Path(__file__).parent / 'a\"\\\\b.py'" in text
    assert [*values] == ["lr", "momentum"]
    for key, value in (("lr", lambda t: 0.5 ** (t // 2)), ("momentum", lambda t: max(1 - t / 60, 0))):
        assert all(found == pytest.approx(value(t), rel=1e-15) for t, found in values[key])
        assert {0, 69, 59, 60, 61} <= {t for t, _ in values[key]} or key == "lr"
        assert 49 <= len(values[key]) <= 70


@pytest.mark.parametrize(("field", "clock"), [("lr", "tokens"), ("weight_decay", "updates")])
def test_a_single_field_keeps_its_clock(field, clock):
    plan = ps.Plan(lr="linear()", weight_decay="constant(0.5)", horizon="100 tokens", clock={"lr": "tokens"})

    (line,) = exported_plan("test", plan, ps.Calendar(tokens_per_step=2), field=field).lines

    assert (line.key, line.clock) == (field, clock)


def test_a_file_without_schedules_is_refused(tmp_path):
    path = tmp_path / "schedule.py"
    path.write_text(ps.to_python(ps.Plan(lr="linear()", horizon=10)).partition("SCHEDULES =")[0])

    with pytest.raises(NotExported, match="it has no SCHEDULES"):
        read_exported(path)


def test_a_file_of_too_many_operations_is_refused(tmp_path, monkeypatch):
    plan, path = ps.Plan(lr="linear()", horizon=10), tmp_path / "schedule.py"
    path.write_text(ps.to_python(plan))
    read = read_exported(path)
    assert read.compare(plan, ps.Calendar())[1] is None
    monkeypatch.setattr(verify, "_MOST_OPERATIONS", 20)

    with pytest.raises(NotExported, match="lr needs more than 20 operations"):
        read.compare(plan, ps.Calendar())
