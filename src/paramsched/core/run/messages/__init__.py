"""What a run says: one function for each mistake, which returns the error, the problem, or the line of the log."""

from typing import TypeAlias

LogCall: TypeAlias = tuple[str, *tuple[object, ...]]
"""The arguments of `Processes.log`: a text, and the values of its `%s`."""
