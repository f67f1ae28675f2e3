"""Codes that users write in options."""

from collections.abc import Collection

from paramsched.core.base.codes import CheckRule, check_rules
from paramsched.core.base.near_names import did_you_mean
from paramsched.errors import InvalidArgument, shown


def rule_of_code(given: str) -> CheckRule:
    """Return a rule by its code or its name, in upper or lower case.

    >>> rule_of_code("ps201").name
    'beyond-total'
    """
    for rule in check_rules().values():
        if given.lower() in (rule.code.lower(), rule.name):
            return rule
    names = [name for rule in check_rules().values() for name in (rule.code, rule.name)]
    near = did_you_mean(given, names) if len(given) > 5 else "codes are PS101, PS205 and so on"
    code = f"PS{given}"
    is_code = code in check_rules()
    write = code if is_code else "PS205"
    raise InvalidArgument(f'check rule "{given}"', f"unknown rule; {near}", example=write)


def codes_given(given: str | Collection[str]) -> frozenset[str]:
    """Return the codes that a list selects: codes, names, and prefixes such as `PS2`.

    Args:
        given: one text, in which commas or spaces separate them, or several texts.

    >>> sorted(codes_given("PS50, beyond-total"))[:2]
    ['PS201', 'PS502']
    """
    if not isinstance(given, str):
        if not isinstance(given, Collection) or not all(isinstance(one, str) for one in given):
            raise InvalidArgument(f"ignore={shown(given)}", "expected codes", 'For example: ignore="PS201"')
        given = ",".join(given)
    found: set[str] = set()
    for one in given.replace(",", " ").split():
        found |= {code for code in check_rules() if code.startswith(one.upper())} or {rule_of_code(one).code}
    return frozenset(found)
