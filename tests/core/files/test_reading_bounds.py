"""Reading takes time and memory linear in the size of the text; a megabyte is read or rejected fast."""

import json
import resource
import subprocess
import sys
import warnings

import pytest

import paramsched as ps
from paramsched.core import files as config
from paramsched.core.files import native
from paramsched.errors import ConfigError, ParamschedError
from support.spread import spread

pytestmark = pytest.mark.heavy


def calls(work):
    """Return the number of function calls, a measure of work that other processes do not affect."""
    count = 0

    def counted(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            work()
    except ParamschedError:
        pass
    finally:
        sys.setprofile(before)
    return count


def of_line(begin, piece, end, syntax="yaml"):
    """Return the text of a plan with one long line: `piece` many times, with `#` for its number."""
    write = {"yaml": lambda line: f"lr: {json.dumps(line)}", "toml": lambda line: f"lr = {json.dumps(line)}"}[syntax]
    return syntax, lambda n: write(begin + ", ".join(piece.replace("#", str(i)) for i in range(n)) + end)


STEP = "scheduler: {StepLR: {step_size: 3}}\n"


def mmengine_list(n, entry):
    entries = ",\n".join(entry.replace("#", str(i)) for i in range(n))
    return f"train_cfg = dict(max_epochs=12)\nparam_scheduler = [\n{entries}]\n"


GROWING = {
    "factors in one line": ("yaml", lambda n: "lr: " + " * ".join(["step(1)"] * n)),
    "numbers in one line": ("yaml", lambda n: "lr: step(1)" + " * 2" * n),
    "stages in one line": ("yaml", lambda n: "lr: " + " >> ".join(["step(1)"] * n)),
    "terms in one line": ("yaml", lambda n: "lr: " + " + ".join(["step(1)"] * n)),
    "differences in one line": ("yaml", lambda n: "lr: " + " - ".join(["step(1)"] * n)),
    "milestones": of_line("multistep([", "#", "])"),
    "points": of_line("piecewise([", "(#, 0.1)", "])"),
    "values of a table": of_line("table([", "-1.#e-05", "])", "toml"),
    "an error after many values": of_line("table([", "0.#", ", x])"),
    "an error after many texts that are not ASCII": of_line("multistep([", "'é'", ", x])"),
    "an argument repeated": of_line("cosine(", "to=0", ")"),
    "groups": ("yaml", lambda n: "groups:\n" + "".join(f"  g{i}: {{lr: 1}}\n" for i in range(n))),
    "wrong lines": ("yaml", lambda n: "".join(f"f{i}: cosin({i})\n" for i in range(n))),
    "keys there twice": ("json", lambda n: "{" + ",\n".join('"lr": 1' for _ in range(n)) + "}"),
    "schedulers at once": ("mmengine", lambda n: mmengine_list(n, "dict(type='StepLR', step_size=2)")),
    "windows in order": (
        "mmengine",
        lambda n: mmengine_list(n, "dict(type='LinearLR', start_factor=0.5, begin=#0, end=#9)"),
    ),
    "turning cosines": (
        "mmengine",
        lambda n: mmengine_list(n, "dict(type='CosineAnnealingLR', T_max=3, begin=#0, end=#9)"),
    ),
    "anchors": ("torch", lambda n: "x:\n" + "".join(f"- &a{i} [1]\n- *a{i}\n" for i in range(n)) + STEP),
    "merges": ("torch", lambda n: "x: &x {a: 1}\ny:\n" + "- {<<: *x, b: 2}\n" * n + STEP),
    "references": ("torch", lambda n: "x: 1\ny:\n" + "- ${x}\n" * n + STEP),
    "keys there twice in a peer's": ("torch", lambda n: "step: 1\n" * n + STEP),
    "tables": ("toml", lambda n: "".join(f"[groups.g{i}]\nlr = 1\n" for i in range(n))),
}


@pytest.mark.parametrize(
    "family",
    spread(
        GROWING,
        "numbers in one line",
        "points",
        "an error after many texts that are not ASCII",
        "groups",
        "keys there twice",
        "schedulers at once",
        "anchors",
        "tables",
    ),
)
def test_the_work_grows_linearly_with_the_text(family):
    syntax, text = GROWING[family]
    calls(lambda: config.loads(text(300), syntax))  # fills the caches

    once, twice = (calls(lambda n=n: config.loads(text(n), syntax)) for n in (300, 600))

    assert twice < 2.5 * once


HOSTILE = {
    "a dotted name of thousands of parts": ("toml", "'\\n'.join(f'x{i}.' + 'a.' * 4990 + 'a = 1' for i in range(95))"),
    "many tables far down": ("toml", "'\\n'.join(f'[x{i}' + '.a' * 40 + ']' for i in range(10_000))"),
    "long names of fields": (
        "yaml",
        "''.join(f'f{i}: like(\"' + 'a' * 9_900 + '\")\\n' for i in range(95))",
    ),
    "a megabyte of ones": ("yaml", "'lr: table([' + '1, ' * 330_000 + '1])'"),
    "a megabyte of texts": ("yaml", "'lr: multistep([' + '\"1\", ' * 99_000 + ' ' * 400_000 + '1])'"),
    "a megabyte of texts that are not ASCII": (
        "yaml",
        "'lr: multistep([' + '\"1é\", ' * 14_000 + '\"' + 'é' * 400_000 + '\"])'",
    ),
    "a megabyte of digits": ("yaml", "'lr: ' + '1_' * 490_000 + '('"),
    "a megabyte of brackets": ("json", "'{\"lr\": \"' + '[' * 900_000 + '\"}'"),
    "a megabyte of quotes": ("json", "'{\"lr\": \"' + chr(39) * 900_000 + '\"}'"),
    "a megabyte of empty mappings": ("json", "'{\"lr\": [' + ',\\n'.join(['{}'] * 240_000) + ']}'"),
    "a megabyte of wrong lines": ("yaml", "''.join(f'f{i}: cosin(1)\\n' for i in range(55_000))"),
    "a megabyte of numbers in lines": (
        "yaml",
        "''.join(f'f{i}: multistep([' + '1,' * 4900 + '1])\\n' for i in range(95))",
    ),
    "many entries of one line that is not ASCII": (
        "mmengine",
        "'n = \"' + 'é' * 300_000 + '\"; param_scheduler = [' + 'dict(a=1), ' * 19_000 + ']'",
    ),
    "a fault at the end of a megabyte": ("yaml", "'a: 1\\n' * 40_000 + '\\tb: 1'"),
}


@pytest.mark.parametrize(
    "name", spread(HOSTILE, "many tables far down", "a megabyte of texts", "many entries of one line that is not ASCII")
)
def test_hostile_text_is_processed_within_time_and_memory_limits(name):
    syntax, text = HOSTILE[name]
    code = (
        "from paramsched.core import files\n"
        "from paramsched.errors import ParamschedError\n"
        f"text = {text}\n"
        "assert len(text) <= 1_000_000\n"
        f"try: files.loads(text, {syntax!r})\n"
        "except ParamschedError: pass\n"
    )

    def bounded():
        resource.setrlimit(resource.RLIMIT_CPU, (20, 20))  # several times the time on a busy machine
        resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30, 3 * 2**30))

    ended = subprocess.run([sys.executable, "-c", code], preexec_fn=bounded, capture_output=True, check=False)

    assert ended.returncode == 0, ended.stderr.decode()[-500:]


def test_an_exponentially_nested_list_is_rejected():
    data = ["cosine()"]
    for _ in range(40):
        data = [data, data]

    with pytest.raises(ConfigError, match="more than 500,000 values"):
        native.to_plan({"lr": data})


def test_a_long_product_is_the_same_in_text_and_in_code():
    line = " * ".join(["step(3)", "0.5", "cosine()"] * 5)

    one_by_one = ps.step(3)
    for factor in [0.5, ps.cosine(), *[ps.step(3), 0.5, ps.cosine()] * 4]:
        one_by_one = one_by_one * factor

    assert ps.parse(line) == one_by_one
    assert str(ps.parse(line)) == line.replace("0.5", "constant(0.5)")


@pytest.mark.parametrize(("signs", "limit"), [("+-", 40), ("-", 30), ("+", 30), ("*+-", 40), (">*-", 25)])
def test_a_long_line_is_parsed_as_python_would_evaluate_it(signs, limit):
    words = ["step(3)", "cosine()", "0.5 * linear(1, 0)", "-step(2)", "2", "constant(0.1)"]
    joined = words[0]
    for place in range(limit):
        sign = signs[place % len(signs)]
        joined += f" {'>>' if sign == '>' else sign} {words[(place * 5 + 1) % len(words)]}"
    names = {name: getattr(ps, name) for name in ("step", "cosine", "linear", "constant")}

    assert ps.parse(joined) == eval(joined, names)
