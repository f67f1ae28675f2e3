"""Deprecation of a stable name: a warning with the line to write instead, for one minor version."""

from paramsched.base.problem import Problem, warn_user


def warn_deprecated(call: str, instead: str, *, since: str) -> None:
    """Warn at the user's line that a call is removed in the next minor version.

    A stable name, argument or option keeps its effect, with this warning, in all versions of one minor version.

    Args:
        call: what the user wrote, such as `plan.cooldown(over=…)`.
        instead: the line to write.
        since: the first version with the warning, `"1.1"`.

    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn_deprecated("plan.until(90)", "plan.cooldown(90, over=10)", since="1.1")
    >>> print(caught[0].message)
    plan.until(90): it is deprecated since 1.1 and will be removed in 1.2. Write plan.cooldown(90, over=10)
    """
    message = f"it is deprecated since {since} and will be removed in {removed_in(since)}"
    warn_user(Problem(site=call, found=message, advice=f"Write {instead}"), FutureWarning)


def removed_in(since: str) -> str:
    """Return the version that removes what is deprecated since another version.

    >>> removed_in("1.9")
    '1.10'
    """
    major, minor = since.split(".")
    return f"{major}.{int(minor) + 1}"
