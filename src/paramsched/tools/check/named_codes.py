"""Codes that users write in options."""

from paramsched.core.base.codes import CheckRule, check_rules
from paramsched.core.base.near_names import did_you_mean
from paramsched.errors import InvalidArgument


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


def codes_given(given: str) -> frozenset[str]:
    """Return the codes that a list selects: codes, names, and prefixes such as `PS2`, separated by commas or spaces.

    >>> sorted(codes_given("PS50, beyond-total"))[:2]
    ['PS201', 'PS502']
    """
    found: set[str] = set()
    for one in given.replace(",", " ").split():
        found |= {code for code in check_rules() if code.startswith(one.upper())} or {rule_of_code(one).code}
    return frozenset(found)
