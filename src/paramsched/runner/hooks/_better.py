"""Whether greater or less is better, from a metric's name."""

from typing import Final

from paramsched.errors import Asked, InvalidArgument, nearest

_GREATER: Final = ("acc", "top", "ar@", "auc", "precision", "map", "mdice", "miou", "macc", "aacc")
_LESS: Final = ("loss",)


def rule_of(monitor: str, rule: str | None) -> str:
    """`"greater"` or `"less"`, as given or as the name says.

    Raises:
        InvalidArgument: neither, or the name does not say.

    >>> rule_of("val_loss", None), rule_of("accuracy", None), rule_of("loss", "greater")
    ('less', 'greater', 'greater')
    """
    if rule is not None:
        if rule not in ("greater", "less"):
            raise _refused_rule("rule", rule, nearest(str(rule), ("greater", "less")), 'Write rule="less"')
        return rule
    name = monitor.lower()
    if name in _GREATER or (name not in _LESS and any(key in name for key in _GREATER)):
        return "greater"
    if any(key in name for key in _LESS):
        return "less"
    raise _refused_rule("monitor", monitor, "the name does not say what is better", 'Write rule="greater"')


def is_better(rule: str, one: float, other: float) -> bool:
    """Whether `one` is better than `other`."""
    return one > other if rule == "greater" else one < other


def _refused_rule(argument: str, value: object, found: str, instead: str) -> InvalidArgument:
    """The error for an argument of a hook, whichever hook it is."""
    error = InvalidArgument(Asked("Hook", argument), found, instead)
    error.ask(f"{argument}={value!r}")
    return error
