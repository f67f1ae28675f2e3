"""What plans say: their text, their values, their changes and differences, what is unlikely in them, and each error.

The answers are in `answers.yaml`. `PYTHONPATH=tests python tests/core/plan/test_answers.py` writes them.
"""

from pathlib import Path
from typing import Any

import numpy as np

import paramsched as ps
from paramsched.core.plan import diff, resolve_in_run
from paramsched.core.plan.lines import first_outside, range_of
from paramsched.core.plan.usual_plans import has_nothing_to_ask
from paramsched.errors import ParamschedError
from support import answers
from support.expressions import code_of, example_of
from support.levels import problem_of_levels

FILE = Path(__file__).with_name("answers.yaml")
GROUPS = [{"lr": 0.5, "betas": (0.5, 0.25), "name": "body"}, {"lr": 0.25, "betas": (0.5, 0.25), "name": "head"}]
TWO = {"a": [{"lr": 0.5, "momentum": 0.5}], "b": GROUPS}


def values(plan: Any, groups: Any = None, amounts: Any = None, **facts: Any) -> str:
    """Return the values of a plan, with the times at which each formula changes."""
    trace = ps.trace(plan, [{"lr": 0.5}] if groups is None else groups, facts=ps.RunFacts(**facts), amounts=amounts)
    rows = [f"{trace.total} {trace.clock} {' '.join(f'{amount:.7g}' for amount in trace.amounts)}"]
    for name, group in trace.keys():
        numbers = " ".join(f"{value:.7g}" for value in trace[name, group])
        base = trace.base(name, group)
        changes = " ".join(f"{time:.7g}" for time in trace.breakpoints(name, group))
        rows.append(f"{name} {group}: {numbers} | {trace.line(name, group)} | {changes} | {base.value} {base.share}")
    return "\n".join(rows)


def resolved(plan: Any, names: tuple[str, ...] = (), **facts: Any) -> str:
    return str(plan.resolve(facts=ps.RunFacts(**facts), optimizers=names))


def differences(before: Any, after: Any) -> str:
    return str(diff(before, after))


def unlikely(line: str, field: str = "lr", base: float | None = None, groups: Any = None) -> str:
    """Return the codes of what is unlikely in the levels of a line, in an unknown run and in one of 100 updates."""
    binding = ps.Binding(field, line, groups)
    ps.resolve(binding.schedule, total=100, steps_per_epoch=10)
    bases = () if base is None else (base,)
    problems = [problem_of_levels(binding, bases, **facts) for facts in ({}, {"total": 100, "steps_per_epoch": 10})]
    return " | ".join("none" if problem is None else problem.code for problem in problems)


def unasked(field: str, bases: tuple[float, ...], lines: list[str], clock: str = "updates", **facts: Any) -> list[str]:
    """Return the lines about which a start asks nothing."""
    facts = ps.RunFacts(**facts)
    plans = {line: ps.Plan(**{field: line}, clock=clock) for line in lines}
    return [
        line
        for line, plan in plans.items()
        if has_nothing_to_ask(plan, plan.resolve(facts=facts), facts, lambda _: [*enumerate(bases)])
    ]


LEVELS = [f"cosine(to={to})" for to in (0, 0.0009, 0.001, 0.1, 0.25, 0.3, 0.4, 0.5, 0.99, 1.0, -0.1, "absolute(0.1)")]
LENGTHS = ("20", "21", "500", "501", "'0.9%'", "'1%'", "'50%'", "'51%'", "'1% + 1 step'", "50, 0.0, 1.0", "50, 0.1")
WARMUPS = [f"warmup({length}) >> cosine()" for length in (*LENGTHS, "50, to=0.5")]
DECAYS = [
    "linear()", "polynomial(2)", "step(30)", "cosine(over=500)", "cosine(0.5, 0.1)", "cosine(1.0, 0.1)",
    "constant() >> linear(over='1%')", "constant(1.0) >> linear(over='0.9%')", "constant() >> linear(over=100)",
    "constant() >> linear(over='20% + 1 step')", "constant(0.5) >> linear(1.0, 0, '20%')",
    "constant(over=300) >> linear(over='20%')", "warmup(30) >> constant() >> linear(over='20%')",
    "warmup(30) >> warmup(30) >> cosine()", "linear(0, 1, 30) >> cosine()",
]  # fmt: skip


def outside(line: str, end: int, field: str = "lr", base: float = 1.0, start: int = 0) -> Any:
    """Return the first update at which a line is outside of the range of its field, and its value."""
    schedule = ps.resolve(ps.Plan(lr=line), total=end, tokens_per_step=3, steps_per_epoch=9).bindings[0].schedule
    return first_outside(schedule, range_of(field), base, lambda updates: updates, start, end)


def position(plan: Any, places: list[tuple[int, float | None]], **facts: Any) -> str:
    """Return whether a plan is over at some updates and amounts, and the rules that count there."""
    facts = ps.RunFacts(**facts)
    run = resolve_in_run(plan, facts)
    rows = [f"{run.is_over_at(*place)} {len(run.rules_at(*place))}" for place in places]
    return f"{run.unit} {run.total} {sorted(run.batch_sizes)} {run.no_end_below:.7g} | {' | '.join(rows)}"


NAMES = {
    "ps": ps, "np": np, "P": ps.Plan, "B": ps.Binding, "T": ps.Target, "C": ps.RunFacts, "GROUPS": GROUPS, "TWO": TWO,
    "values": values, "resolved": resolved, "differences": differences, "unlikely": unlikely, "unasked": unasked,
    "outside": outside, "position": position, "has_nothing_to_ask": has_nothing_to_ask,
    "LEVELS": LEVELS, "WARMUPS": WARMUPS, "DECAYS": DECAYS,
}  # fmt: skip


def answer_to(question: dict[str, Any]) -> dict[str, Any]:
    """Return an expression with its value, or with its error."""
    try:
        text = str(eval(question["do"], dict(NAMES)))
    except ParamschedError as error:
        text = " ".join(filter(None, [type(error).__name__, code_of(error), example_of(error)]))
    except Exception as error:  # noqa: BLE001  # its text is not that of this library
        text = type(error).__name__
    return {"do": question["do"], "is": text}


@answers.in_parts(FILE)
def test_answers(places, subtests):
    answers.check(FILE, answer_to, places, subtests)


if __name__ == "__main__":
    answers.write(FILE, [answer_to(question) for question in answers.read(FILE)])
