"""Where a file has each line of a plan."""

from paramsched.config.data_paths import GROUPS, TARGETS, child_path, entry_path
from paramsched.plan import Binding, Target


def binding_path(binding: Binding) -> str:
    """Where a file has a binding.

    >>> binding_path(Binding("lr", 0.1, groups="head"))
    '$.groups.head.lr'
    """
    if isinstance(binding.field, Target):
        return child_path(TARGETS, binding.name, "schedule")
    if isinstance(binding.groups, (str, int)):
        return child_path(GROUPS, binding.groups, binding.name)
    return entry_path(binding.name)
