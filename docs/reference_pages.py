"""What the reference pages list: read from the code, so that a new shape appears by itself. Needs no Sphinx."""

import ast
import inspect
from collections.abc import Iterable
from pathlib import Path

import shape_lines
from public_names import documented, public_names

from paramsched import Calendar, Plan, curves, errors, trace
from paramsched.base.check_rules import CheckRule, check_rules
from paramsched.base.peer_words import EDGES, other_names
from paramsched.curves.registry import curve_text
from paramsched.schedules import SHAPES

SHAPES_OPENING = """\
Each picture is a run of 100 updates, drawn when this page was built by the line above it. Values are multiples of base.
Lengths are in updates here; a unit may stand everywhere: `warmup("5%")`, `step("30 epochs")`.

What rules that follow a metric do, [`plateau`](#plateau), [`greedy`](#greedy) and [`new_bob`](#new_bob), depends on the
run. Their pictures are of one whose loss is made up, and stands below the curve: it falls from 1 to 0.4 in 30 updates,
stands still for 30, falls to 0.2 in 15, and stands still to the end. The rule hears of it after each update. An update
of [`power_scheduler`](#power_scheduler) sees 50 million tokens.
"""
CURVES_OPENING = """\
A curve is the way from 0 to 1. `anneal(start, to, curve=curves.power(2))` goes along it from one level to another, and
so do `warmup(…, curve=…)`, `cooldown`, `wsd`, `one_cycle`, `piecewise` and others. The pictures show a descent from 1
to 0.
"""
RULES_OPENING = """\
`recurrence(rules.linear(0.1, end=500), rules.multistep([8000, 11000]))` changes the value that is there at each update,
as torch's and MMEngine's schedulers do. A plan of your own seldom needs it: a shape says the value at every time by
itself.
"""
CHECKS_OPENING = """\
What [`paramsched check`](../checking) finds. A code stays what it is. Errors are what no run can go with,
warnings are for plans that run, but hardly as meant.
"""
ERRORS_OPENING = """\
Whatever the library raises on purpose is a `ParamschedError`. A message says what was asked, what was found, and what
to write instead; a file with faults tells all of them at once, each with its line. Nothing is half done when one of
these is raised.
"""


def pages() -> dict[str, str]:
    """Each generated page's name and text."""
    return {
        "shapes": shapes_page(),
        "curves": curves_page(),
        "rules": rules_page(),
        "errors": errors_page(),
        "names": names_page(),
        "checks": checks_page(),
    }


# ---------------------------------------------------------------- shapes and curves


def shapes_page() -> str:
    """Every shape with a picture, its formula, its source, and its names elsewhere."""
    lines = {name: line_of_shape(name) for name in sorted(SHAPES)}
    thumbnails = "\n".join(f"{name} | {line}" for name, line in lines.items() if line)
    sections = (
        f"## {name}\n\n{plan_of(line, shape_lines.TOKENS_PER_UPDATE.get(name))}{documented('paramsched', [name])}"
        for name, line in lines.items()
    )
    return "\n\n".join(["# Shapes", SHAPES_OPENING, gallery(thumbnails), *sections]) + "\n"


def line_of_shape(name: str) -> str:
    """The line that draws a shape: the table's, or the first call in its docstring; "" where there is neither."""
    if name in shape_lines.SHAPES:
        return shape_lines.SHAPES[name]
    for line in (inspect.getdoc(SHAPES[name]) or "").splitlines():
        if not line.startswith(">>> "):
            continue
        for node in ast.walk(ast.parse(line[4:])):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                line = ast.unparse(node)
                return line if can_be_drawn(line) else ""
    return ""


def can_be_drawn(line: str, tokens_per_update: int | None = None) -> bool:
    """Whether a line is a schedule of 100 updates, by itself."""
    try:
        trace(Plan(lr=line, horizon=100), {"lr": 1.0}, Calendar(tokens_per_step=tokens_per_update))
    except errors.InvalidArgument:
        return False
    return True


def curves_page() -> str:
    """Every curve with a picture of a descent along it."""
    lines = {name: line_of_curve(name) for name in sorted([*curves.CONSTANTS, *curves.FAMILIES])}
    thumbnails = "\n".join(f"{name} | {line}" for name, line in lines.items())
    sections = (
        f"## {name}\n\n{plan_of(line)}{documented('paramsched.curves', [name])}" for name, line in lines.items()
    )
    rest = [name for name in public_names("paramsched.curves") if name not in lines]
    last = "## Curves of your own, and their classes\n\n" + documented("paramsched.curves", rest)
    return "\n\n".join(["# Curves", CURVES_OPENING, gallery(thumbnails), *sections, last]) + "\n"


def line_of_curve(name: str) -> str:
    """The line that draws a descent along a curve: with the table's parameters, or those of its own example."""
    curve = f"curves.{shape_lines.CURVES[name]}" if name in shape_lines.CURVES else curve_text(name)
    return f"anneal(1, 0, curve={curve})"


def rules_page() -> str:
    """The rules of recurrences."""
    text = documented("paramsched.schedules.rules", public_names("paramsched.schedules.rules"))
    return "\n\n".join(["# Rules", RULES_OPENING, text]) + "\n"


def plan_of(line: str, tokens_per_update: int | None = None) -> str:
    """The directive that draws one line in 100 updates."""
    fact = "" if tokens_per_update is None else f" --tokens-per-step {tokens_per_update}"
    return f"```{{plan}} --horizon 100{fact}\n:small:\n{line}\n```\n\n" if line else ""


def gallery(thumbnails: str) -> str:
    """The directive that draws thumbnails."""
    return f"```{{gallery}} 100\n{thumbnails}\n```"


# ---------------------------------------------------------------- codes of the check


def checks_page() -> str:
    """Every code of `paramsched check`: a table of all, and a section for each."""
    head = "| code | severity | what is found |\n| --- | --- | --- |"
    rows = (
        f"| [{rule.code}](#{rule.code.lower()}) `{rule.name}` | {rule.severity} | {rule.line} |"
        for rule in check_rules().values()
    )
    sections = map(check_section, check_rules().values())
    return "\n\n".join(["# Codes of the check", CHECKS_OPENING, "\n".join([head, *rows]), *sections]) + "\n"


def check_section(rule: CheckRule) -> str:
    """A rule as a section, whose anchor is its code."""
    lines = [f"({rule.code.lower()})=", "", f"## {rule.code} {rule.name}", ""]
    lines += [f"*{rule.severity}.* {rule.line}", "", rule.why, ""]
    if rule.wrong:
        language = {".yaml": "yaml", ".py": "python", ".sh": "sh"}[Path(rule.file).suffix]
        not_run = "" if rule.file == "plan.yaml" else "<!-- not run: a config, which is read and never run -->\n"
        fence = f"{not_run}```{language}"
        with_options = f", with `{' '.join(rule.options)}`" if rule.options else ""
        lines += [f"Wrong{with_options}:", "", fence, rule.wrong.rstrip(), "```", ""]
        lines += ["Right:", "", fence, rule.right.rstrip(), "```", ""]
    return "\n".join(lines)


# ---------------------------------------------------------------- errors


def errors_page() -> str:
    """Every error as a tree, and each with its data."""
    tree = "```text\n" + "\n".join(branches(errors.ParamschedError, 0)) + "\n```"
    found = [name for name in public_names("paramsched.errors") if is_error(getattr(errors, name))]
    rest = [name for name in ("CallSite", "Diagnostic") if hasattr(errors, name)]
    return "\n\n".join(["# Errors", ERRORS_OPENING, tree, documented("paramsched.errors", found + rest)]) + "\n"


def is_error(value: object) -> bool:
    """Whether a name of the module is an error."""
    return isinstance(value, type) and issubclass(value, Exception)


def branches(kind: type[Exception], depth: int) -> Iterable[str]:
    """A class and those below it, indented."""
    yield "    " * depth + kind.__name__
    for one in sorted(kind.__subclasses__(), key=lambda each: each.__name__):
        if one.__module__ == errors.__name__:
            yield from branches(one, depth + 1)


# ---------------------------------------------------------------- names elsewhere


def names_page() -> str:
    """The page of the names that other libraries have, a table for each."""
    rows: dict[str, list[str]] = {}
    for library, (name, ours, line, different) in other_names():
        rows.setdefault(library, []).append(f"| `{name}` | `{ours}` | `{line}` | {different} |")
    head = "| there | here | a line to write | what is different there |\n| --- | --- | --- | --- |"
    tables = (
        f"## {library}\n\n{EDGES[library] and f'Counts by {EDGES[library]}.'}\n\n{head}\n" + "\n".join(several)
        for library, several in rows.items()
    )
    opening = "Wherever one of these is typed, in code, text, YAML or `paramsched find`, the answer is the line."
    return "# Names elsewhere\n\n" + opening + "\n\n" + "\n\n".join(tables) + "\n"
