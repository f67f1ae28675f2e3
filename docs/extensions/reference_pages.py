"""The reference pages, generated from the code so that a new shape appears automatically. Needs no Sphinx."""

import ast
import inspect
from collections.abc import Iterable
from pathlib import Path

import shape_lines
from public_names import documented, public_names

import paramsched
from paramsched import Calendar, Plan, curves, errors, trace
from paramsched.core.base.codes import CheckRule, check_rules
from paramsched.core.curves.base import curve_text
from paramsched.core.schedules import SHAPES

MOST_RUNS = """\
Most runs use one of the shapes in the first group, after a [`warmup`](#warmup): `warmup("5%") >> cosine()`.
"""
SHAPES_OPENING = """\
Each picture shows a run of 100 updates, drawn from the line above it. Values are multiples of base. Lengths are in
updates here, but every length also accepts a unit: `warmup("5%")`, `step("30 epochs")`.

The metric rules [`plateau`](#plateau), [`greedy`](#greedy) and [`hold`](#hold) depend on the run. Their pictures use
a made-up loss, drawn below the curve: it falls from 1 to 0.4 in 30 updates, stays constant for 30, falls to 0.2 in 15,
and then stays constant, except for one high value. The rule observes it after each update. In
the picture of [`power_scheduler`](#power_scheduler) each update consumes 50 million tokens.
"""
CURVES_OPENING = """\
A curve is a function from 0 to 1 that gives a ramp its form. `anneal(start, to, curve=curves.power(2))` follows it
from one level to another, and so do `warmup(…, curve=…)`, `cooldown`, `wsd`, `one_cycle`, `piecewise` and others. The
pictures show a decay from 1 to 0.
"""
RULES_OPENING = """\
A rule computes each value from the previous one, as the schedulers of torch and MMEngine do:
`recurrence(rules.linear(0.1, end=500), rules.multistep([8000, 11000]))`. A new plan rarely needs rules, because a shape
gives the value at every time directly.
"""
CHECKS_OPENING = """\
A probable mistake is told once: as a warning of the category `ps.PlanWarning`, or raised with
[`strict=True`](../reference/checking.md#at-a-start-and-in-a-run). What was done, such as a resume with a changed
plan, is a line of the logger `paramsched`.

| when | what is told |
| --- | --- |
| before a run, by `paramsched check` and `ps.check` | the codes below |
| at a start | the same mistakes; values that other code wrote since the last update of the plan |
| during the run | values that other code wrote; updates that the Scheduler does not see |
| during the run | a metric that the first evaluation of an engine lacks (PS504); updates after the plan (PS406) |
| during the run | processes whose plans, amounts or metrics differ |
| at the end | a run that ended before its plan; a metric rule that has observed no value |

The meaning of a code never changes. No run can start with an error. A plan with a warning runs, but probably not as
intended.
"""
CUSTOM_CURVES = ("curve", "register", "Curve")
EXCEPTIONS_OPENING = """\
Every error that the library raises deliberately is a `ParamschedError`. Its message states what was expected, what was
found, and what to write instead. A file with several errors reports all of them at once, each with its line. An error
leaves no operation half done.
"""


def pages() -> dict[str, str]:
    """Return the name and the text of each generated page."""
    return {
        "shapes": shapes_page(),
        "curves": curves_page(),
        "rules": rules_page(),
        "checks": checks_page(),
    }


# ---------------------------------------------------------------- shapes and curves


def shapes_page() -> str:
    """Return the page of every shape with a picture, its formula, its source, and its names in other libraries."""
    groups = {title: names.split() for title, names in shape_lines.GROUPS.items()}
    rest = SHAPES.keys() - {name for names in groups.values() for name in names}
    groups |= {"Others": sorted(rest)} if rest else {}
    galleries, sections = [], []
    for title, names in groups.items():
        lines = {name: line_of_shape(name) for name in names}
        thumbnails = "\n".join(
            f"{name} | {line}" for name, line in lines.items() if line
        )
        galleries.append(f"**{title}**\n\n{gallery(thumbnails)}")
        sections += [
            f"## {name}\n\n{plan_of(line, shape_lines.TOKENS_PER_UPDATE.get(name))}"
            + documented(
                "paramsched" if name in paramsched.__all__ else "paramsched.shapes",
                [name],
            )
            for name, line in lines.items()
        ]
    opening = ["# Shapes", MOST_RUNS, *galleries, SHAPES_OPENING]
    return "\n\n".join([*opening, *sections]) + "\n"


def line_of_shape(name: str) -> str:
    """Return the line that draws a shape: that of the table, else the first call in its docstring, else ""."""
    if name in shape_lines.SHAPES:
        return shape_lines.SHAPES[name]
    for line in (inspect.getdoc(SHAPES[name]) or "").splitlines():
        if not line.startswith(">>> "):
            continue
        for node in ast.walk(ast.parse(line[4:])):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == name
            ):
                line = ast.unparse(node)
                return line if can_be_drawn(line) else ""
    return ""


def can_be_drawn(line: str, tokens_per_update: int | None = None) -> bool:
    """Return whether a line alone is a schedule of 100 updates."""
    try:
        trace(
            Plan(lr=line, horizon=100),
            {"lr": 1.0},
            Calendar(tokens_per_step=tokens_per_update),
        )
    except errors.InvalidArgument:
        return False
    return True


def curves_page() -> str:
    """Return the page of every curve with a picture of a decay along it."""
    lines = {
        name: line_of_curve(name)
        for name in sorted([*curves.CONSTANTS, *curves.FAMILIES])
    }
    thumbnails = "\n".join(f"{name} | {line}" for name, line in lines.items())
    sections = (
        f"## {name}\n\n{plan_of(line)}{documented('paramsched.curves', [name])}"
        for name, line in lines.items()
    )
    last = "## Custom curves\n\n" + documented("paramsched.curves", CUSTOM_CURVES)
    return (
        "\n\n".join(
            ["# Curves", gallery(thumbnails), CURVES_OPENING, *sections, last]
        )
        + "\n"
    )


def line_of_curve(name: str) -> str:
    """Return the line that draws a decay along a curve, with parameters of the table or of the curve's example."""
    curve = (
        f"curves.{shape_lines.CURVES[name]}"
        if name in shape_lines.CURVES
        else curve_text(name)
    )
    return f"anneal(1, 0, curve={curve})"


def rules_page() -> str:
    """Return the page of the rules of recurrences."""
    text = documented(
        "paramsched.shapes.rules",
        public_names("paramsched.shapes.rules"),
    )
    return "\n\n".join(["# Rules", RULES_OPENING, text]) + "\n"


def plan_of(line: str, tokens_per_update: int | None = None) -> str:
    """Return the directive that draws one line in 100 updates."""
    fact = (
        "" if tokens_per_update is None else f" --tokens-per-step {tokens_per_update}"
    )
    return (
        f"```{{plan}} --horizon 100{fact}\n:small:\n{line}\n```\n\n" if line else ""
    )


def gallery(thumbnails: str) -> str:
    """Return the directive that draws thumbnails."""
    return f"```{{gallery}} 100\n{thumbnails}\n```"


# ---------------------------------------------------------------- codes of the check


def checks_page() -> str:
    """Return the page of every code of `paramsched check`, and of every exception."""
    head = "| code | severity | problem |\n| --- | --- | --- |"
    rows = (
        f"| [{rule.code}](#{rule.code.lower()}) `{rule.name}` | {rule.severity} | {rule.line} |"
        for rule in check_rules().values()
    )
    sections = map(check_section, check_rules().values())
    return (
        "\n\n".join(
            [
                "# What is told, and when",
                CHECKS_OPENING,
                "\n".join([head, *rows]),
                *sections,
                exceptions_section(),
            ]
        )
        + "\n"
    )


def check_section(rule: CheckRule) -> str:
    """Return the section of a rule, whose anchor is its code."""
    lines = [f"({rule.code.lower()})=", "", f"## {rule.code} {rule.name}", ""]
    lines += [f"*{rule.severity}.* {rule.line}", "", rule.why, ""]
    if rule.wrong:
        language = {".yaml": "yaml", ".json": "json", ".py": "python"}[
            Path(rule.file).suffix
        ]
        not_run = (
            ""
            if rule.file == "plan.yaml"
            else "<!-- not run: a config, which is only read -->\n"
        )
        fence = f"{not_run}```{language}"
        with_options = f", with `{' '.join(rule.options)}`" if rule.options else ""
        lines += [f"Wrong{with_options}:", "", fence, rule.wrong.rstrip(), "```", ""]
        lines += ["Right:", "", fence, rule.right.rstrip(), "```", ""]
    return "\n".join(lines)


# ---------------------------------------------------------------- exceptions


def exceptions_section() -> str:
    """Return the section of every exception: the tree of the classes, and each class with its data."""
    tree = "```text\n" + "\n".join(branches(errors.ParamschedError, 0)) + "\n```"
    found = [
        name
        for name in public_names("paramsched.errors")
        if is_error(getattr(errors, name))
    ]
    rest = [name for name in ("CallSite", "Diagnostic") if hasattr(errors, name)]
    return "\n\n".join(
        [
            "## Exceptions",
            EXCEPTIONS_OPENING,
            tree,
            documented("paramsched.errors", found + rest),
        ]
    )


def is_error(value: object) -> bool:
    """Return whether a name of the module is an error."""
    return isinstance(value, type) and issubclass(value, Exception)


def branches(kind: type[Exception], depth: int) -> Iterable[str]:
    """Yield the names of a class and its subclasses, indented."""
    yield "    " * depth + kind.__name__
    for one in sorted(kind.__subclasses__(), key=lambda each: each.__name__):
        if one.__module__ == errors.__name__:
            yield from branches(one, depth + 1)
