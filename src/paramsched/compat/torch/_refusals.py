"""Refusals in torch's words: code that catches its errors looks at how they begin."""

from paramsched.errors import InvalidArgument


def refused(theirs: str, instead: str = "") -> InvalidArgument:
    """An error that begins with torch's own text, and goes on with what to write.

    >>> print(refused("Factor should be < 1.0.", "Write factor=0.1"))
    Factor should be < 1.0. Write factor=0.1
    """
    return InvalidArgument(theirs.removesuffix(".") if instead else theirs, "", instead)
