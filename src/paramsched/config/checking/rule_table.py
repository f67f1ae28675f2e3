"""Every rule of the check, by its code. `paramsched check --explain` and the documentation show this table."""

from collections.abc import Mapping
from typing import Final

from paramsched.config.checking.check_rule import CheckRule as CheckRule
from paramsched.config.checking.check_rule import Severity as Severity
from paramsched.config.checking.rules_of_files import RULES_OF_FILES
from paramsched.config.checking.rules_of_runs import RULES_OF_RUNS
from paramsched.config.checking.rules_of_times import RULES_OF_TIMES
from paramsched.config.checking.rules_of_values import RULES_OF_VALUES
from paramsched.errors import InvalidArgument
from paramsched.near_names import did_you_mean

CHECK_RULES: Final[Mapping[str, CheckRule]] = {
    rule.code: rule for rule in (*RULES_OF_FILES, *RULES_OF_TIMES, *RULES_OF_VALUES, *RULES_OF_RUNS)
}


def rule_of_code(given: str) -> CheckRule:
    """A rule by its code or its name, in capitals or not.

    Raises:
        InvalidArgument: there is none.

    >>> rule_of_code("ps201").name
    'beyond-horizon'
    """
    for rule in CHECK_RULES.values():
        if given.strip().lower() in (rule.code.lower(), rule.name):
            return rule
    names = [name for rule in CHECK_RULES.values() for name in (rule.code, rule.name)]
    near = did_you_mean(given.strip(), names) if len(given) > 5 else "codes are PS101, PS205 and so on"
    raise InvalidArgument(f'check rule "{given}"', f"there is none; {near}", "Write PS205")


def codes_given(given: str) -> frozenset[str]:
    """Codes as one selects them: whole ones, names, and beginnings such as `PS2`, with commas or blanks between them.

    Raises:
        InvalidArgument: one that means no rule.

    >>> sorted(codes_given("PS60, beyond-horizon"))[:2]
    ['PS201', 'PS601']
    """
    found: set[str] = set()
    for one in given.replace(",", " ").split():
        begun = {code for code in CHECK_RULES if code.startswith(one.upper())}
        found |= begun or {rule_of_code(one).code}
    return frozenset(found)
