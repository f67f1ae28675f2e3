"""The forms of a plan, which every function that takes a plan accepts."""

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, Protocol, TypeAlias, TypeGuard

from paramsched.base.params import short_name
from paramsched.base.problem import Problem
from paramsched.base.words import RECIPE, closest
from paramsched.core.calls.builders import SHAPES
from paramsched.core.calls.lazy_imports import is_entry_installed, load_entry
from paramsched.core.metrics.metric_rules import MetricRule
from paramsched.core.plan.messages import plan_forms as messages
from paramsched.core.plan.plan import Plan, plan_of_lines
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.time.run_facts import RunFacts


class TextOfPlan(Protocol):
    """The text of a plan file, as the package of files has it."""

    @property
    def name(self) -> str:
        """The name in problems, such as the path of the file."""

    def loaded(self) -> Any:
        """Return the plan, with the values that belong to it."""

    def placed(self, problems: Iterable[Problem]) -> tuple[Problem, ...]:
        """Return problems with lines and columns if they are known."""


class PublishedPlan:
    """A plan with its source: the base class of recipes.

    A run takes the plan, but neither the run facts nor the bases.
    """

    __slots__ = ()

    name: str
    plan: Plan
    facts: RunFacts
    bases: tuple[Mapping[str, Any], ...]


FormOfPlan: TypeAlias = Plan | MetricRule[Any] | PublishedPlan | Mapping[str, Any] | str | os.PathLike[str]
"""A plan in any form but a schedule."""

PlanLike: TypeAlias = FormOfPlan | Schedule
short_name("PlanLike", PlanLike)
"""The forms of a plan. A schedule, a metric rule, or the text of one means `Plan(lr=…)`.

See the reference page "What a plan may be". Another string is `recipe:NAME`, the path of a file (one line that ends in
a suffix of `SUFFIXES`), or the text of a plan (it has a line break, or begins with `{` or `name: `). A mapping has the
entries of a plan file.
"""

FORMS: Final = (Plan, Schedule, MetricRule, PublishedPlan, Mapping, str, os.PathLike)

SUFFIXES: Final[Mapping[str, str]] = {
    ".yaml": "yaml",
    ".yml": "yaml",
    ".json": "json",
}
"""A dict from the suffix of a plan file to its format."""

_ENTRY = re.compile(r"""\s*(\{|(["']?)[\w.@/*\[\]-]+\2\s*:(\s|\Z))""")


TextForm: TypeAlias = Literal["recipe", "path", "plan", "line"]


def form_of_text(text: str) -> TextForm:
    """Return what a text in place of a plan is: the name of a recipe, a path, the text of a plan, or of a schedule.

    >>> [form_of_text(text) for text in ("recipe:bert.yaml", "cosine(start=2).yaml", "lr: cosine()", "cosine()")]
    ['recipe', 'path', 'plan', 'line']
    """
    if "\n" in text:
        return "plan"
    if text.startswith(RECIPE) and not text[len(RECIPE) :][:1].isspace():
        return "recipe"
    if text.rstrip().lower().endswith(tuple(SUFFIXES)):
        return "path"
    return "line" if _ENTRY.match(text) is None else "plan"


def is_path(value: object) -> TypeGuard[str | os.PathLike[str]]:
    """Return whether a form of a plan is the path of a file.

    >>> is_path("plan.yaml"), is_path("cosine(start=2).yaml"), is_path("lr: cosine()"), is_path("recipe:bert.yaml")
    (True, True, False, False)
    """
    return form_of_text(value) == "path" if isinstance(value, str) else isinstance(value, os.PathLike)


def is_plan_text(value: object) -> TypeGuard[str]:
    """Return whether a form of a plan is the text of a plan file.

    >>> is_plan_text("lr: cosine()"), is_plan_text("cosine()"), is_plan_text("recipe:bert-base")
    (True, False, False)
    """
    return isinstance(value, str) and form_of_text(value) == "plan"


def is_line(value: object) -> TypeGuard[str]:
    """Return whether a form of a plan is the text of a schedule."""
    return isinstance(value, str) and form_of_text(value) == "line"


def published_plan(value: object) -> PublishedPlan | None:
    """Return the recipe that `value` is or names; None for any other form.

    Raises:
        UnknownRecipe: no recipe has this name.
    """
    if isinstance(value, str) and form_of_text(value) == "recipe":
        recipe: PublishedPlan = load_entry("recipes").recipes[value.removeprefix(RECIPE)]
        return recipe
    return value if isinstance(value, PublishedPlan) else None


def plan_of(source: PlanLike, call: str) -> Plan:
    """Return the plan that a form of a plan means.

    Args:
        source: the plan in any of its forms.
        call: the function that takes it, for messages.

    Raises:
        InvalidArgument: the value is not a form of a plan, or a text is not a schedule.
        FileNotFoundError: the file does not exist.
        ConfigError: the file, the text or the mapping has errors.

    >>> plan_of("cosine()", "trace") == plan_of({"lr": "cosine()"}, "trace") == Plan(lr="cosine()")
    True
    """
    if isinstance(source, Plan):
        return source
    if isinstance(source, (Schedule, MetricRule)):
        return Plan(lr=source)
    published = published_plan(source)
    if published is not None:
        return published.plan
    if is_line(source):
        return _plan_of_line(source, call)
    if isinstance(source, (str, os.PathLike, Mapping)):
        plan: Plan = load_entry("files of plans").open_plan(source).loaded().plan
        return plan
    name = str(getattr(source, "__name__", ""))
    shape: object = SHAPES.get(name)
    if shape is source and shape is not None:  # cosine without brackets
        return _plan_of_line(name, call)
    raise messages.not_a_plan(call, source)


def plan_in_run(source: PlanLike, call: str, facts: RunFacts | None) -> Plan:
    """Return the plan that a form of a plan means in a run. The total of the run facts replaces the one of a recipe."""
    plan = plan_of(source, call)
    if facts is None or facts.total is None or published_plan(source) is None:
        return plan
    return without_total(plan)


def without_total(plan: Plan) -> Plan:
    """Return a plan without its length."""
    return plan_of_lines(plan.as_written(), None, plan.clock)


def _plan_of_line(text: str, call: str) -> Plan:
    """Return the plan of a text that has no form of a plan file: the text of a schedule."""
    word = text.strip()
    if "(" in word:
        return Plan(lr=word)
    if word in SHAPES:
        raise messages.shape_without_brackets(call, text, word)
    if _NUMBER.fullmatch(word):
        raise messages.number_as_plan(call, text)
    if _OPERATOR.search(word):
        return Plan(lr=word)
    if call == "ps.loads":  # it reads no file
        raise messages.neither_schedule_nor_file_text(call, text)
    recipes = load_entry("recipes").recipes if is_entry_installed("recipes") else ()
    raise messages.neither_schedule_nor_path(call, text, closest(word, recipes))


_NUMBER = re.compile(r"[-+.\d][\w.+-]*")
_OPERATOR = re.compile(r">>|\*")
