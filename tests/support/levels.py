"""The first probable mistake in the levels of a line, in an unknown run or in a known one."""

import paramsched as ps
from paramsched.base.codes import BASE_OF_ZERO
from paramsched.base.problem import Problem
from paramsched.checks.checked_line import CheckContext, CheckedLine, resolved_in_run, trial_run, usual_run
from paramsched.checks.driver import problems_about
from paramsched.core.curves.arrays import quiet
from paramsched.core.schedules.combinators import without_rules


@quiet
def problem_of_levels(binding: ps.Binding, bases: tuple[float, ...] = (), **facts: object) -> Problem | None:
    """Return the first problem of the levels of a line; a hint is no problem."""
    run = usual_run()
    if facts:
        run = trial_run(ps.Plan(binding), ps.RunFacts(**facts)) or run
    schedule = without_rules(binding.schedule)
    groups = [(place, base) for place, base in enumerate(bases)]
    line = CheckedLine(binding, schedule, groups, CheckContext(), run, resolved_in_run(schedule, run), bool(facts))
    if line.resolved is None:
        return None
    problem = next((problem for problem in problems_about("levels", line) if problem.code != BASE_OF_ZERO), None)
    return None if problem is None or problem.as_info else problem
