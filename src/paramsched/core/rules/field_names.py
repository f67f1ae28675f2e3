"""Checks of the names of fields; a name that no optimizer has raises an error when the plan is attached."""

from collections.abc import Iterator

from paramsched.core.base.codes import OTHERS_NAME
from paramsched.core.base.problem import Problem
from paramsched.core.fields import ELSEWHERE, KNOWN, KNOWN_ELSEWHERE, Field, known_field
from paramsched.core.plan import Binding, Target
from paramsched.core.schedules.guided import without_rules


def field_name_problems(binding: Binding, path: str) -> Iterator[Problem]:
    """Yield a warning if no optimizer of torch has a field of the binding's name.

    >>> print(*field_name_problems(Binding("learning_rate", "cosine()"), "$.learning_rate"))
    $.learning_rate: warning: torch's optimizers have no field "learning_rate". Did you mean "lr"?
    """
    if isinstance(binding.field, Target):
        return
    if (known := known_field(binding.name) or ELSEWHERE.get(binding.name.lower())) is not None:
        found = f'torch\'s optimizers have no field "{binding.name}"'
        yield Problem(path, found, f'Did you mean "{known}"?', code=OTHERS_NAME, at_key=True)
    elif binding.name == "betas":
        yield Problem(path, '"betas" is a pair of numbers', "For example: betas[0]", code=OTHERS_NAME, at_key=True)
    elif Field.of(binding.name).key not in (*KNOWN, *KNOWN_ELSEWHERE):
        schedule = without_rules(binding.schedule)
        found = f'torch\'s optimizers have no field "{binding.name}"; a group without it raises an error'
        target = f"{{{binding.name}: {{initial: 1.0, schedule: {schedule}}}}}"
        instead = f"Use the name of an optimizer field; or, outside the optimizer, targets: {target}"
        yield Problem(path, found, instead, code=OTHERS_NAME, at_key=True)
