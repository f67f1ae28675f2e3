"""Numbers of examples for properties that do not use the number of the profile."""

from hypothesis import settings

RELEASE = 30
"""The default number of examples of a property in `make full`."""


def is_glance() -> bool:
    """Return whether the profile is that of `make quick`."""
    return settings().max_examples < 4


def examples(number: int) -> settings:
    """Try `number` examples in `make full`, and proportionally fewer in `make test`."""
    of_profile = settings().max_examples
    return settings(max_examples=max(of_profile, round(number * min(1.0, of_profile / RELEASE))))


def at_most(number: int, share: float = 1.0) -> settings:
    """Try this share of the default number, and at most `number` in `make test`: for a test with many parameters."""
    of_profile = settings().max_examples
    wanted = max(1, round(of_profile * share))
    return settings(max_examples=wanted if of_profile >= RELEASE else min(wanted, number))
