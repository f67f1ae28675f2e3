"""How many examples a property tries where the number of the profile does not suit it."""

from hypothesis import settings

RELEASE = 30
"""What `make full` tries of a property that says no number of its own."""


def examples(number: int) -> settings:
    """Try so many in `make full`, and in `make test` the share of them that it tries of other properties."""
    of_profile = settings().max_examples
    return settings(max_examples=max(of_profile, round(number * min(1.0, of_profile / RELEASE))))


def at_most(number: int, share: float = 1.0) -> settings:
    """Try this share of what other properties try, and in `make test` at most so many: for one with many parameters."""
    of_profile = settings().max_examples
    wanted = max(1, round(of_profile * share))
    return settings(max_examples=wanted if of_profile >= RELEASE else min(wanted, number))
