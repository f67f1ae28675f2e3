"""What a scheduler class takes from its row of MMEngine's table: its arguments, its signature, its docstring."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from paramsched.config.dialects.mmengine.rows.arguments import Argument
from paramsched.config.dialects.mmengine.table import meaning_of_class, row_of_class

_AnyClass = TypeVar("_AnyClass", bound=type)

_SELF = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
_OPTIMIZER = Argument("optimizer", ..., "a torch optimizer, or a wrapper that holds one")
_PARAM_NAME = Argument("param_name", ..., "the entry of the param groups")
# `last_step` is the clock. The others are not in MMEngine's own states, and these can be loaded too.
_NOT_IN_STATES = ("last_step", "pct_start", "anneal_strategy", "three_phase", "min_value")


def set_up_from_table(cls: _AnyClass) -> _AnyClass:
    """Give a class of the table its row, its signature and its docstring.

    The docstring is the row's sentence, what the class itself remarks, and the list of the arguments.
    """
    found = row_of_class(cls.__name__)
    assert found is not None, cls
    row, family = found
    scheduler: Any = cls  # attributes are set on it, which a type checker refuses for a class it does not know
    scheduler.table_row = row
    scheduler._counted = row.counted
    scheduler._configured = ("param_name", *(one.name for one in row.arguments if one.name not in _NOT_IN_STATES))
    scheduler._argument_signature = inspect.Signature(list(map(_parameter_of, row.arguments)))
    arguments = (_OPTIMIZER, *((_PARAM_NAME,) if family == "ParamScheduler" else ()), *row.arguments)
    if "__init__" not in vars(cls):
        scheduler.__init__ = _constructor_of(cls)
    scheduler.__init__.__signature__ = inspect.Signature([_SELF, *map(_parameter_of, arguments)])
    described = "\n    ".join(f"{one.name}: {one.meaning}." for one in arguments)
    remarks = [inspect.cleandoc(cls.__doc__)] if cls.__doc__ else []
    scheduler.__doc__ = "\n\n".join([meaning_of_class(row, family), *remarks, f"Args:\n    {described}\n"])
    return cls


def _constructor_of(cls: Any) -> Callable[..., None]:
    """A constructor of the class's own: `__signature__` on an inherited one would be that of all classes."""

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807  # it becomes one
        super(cls, self).__init__(*args, **kwargs)

    return __init__


def _parameter_of(argument: Argument) -> inspect.Parameter:
    default = inspect.Parameter.empty if argument.required else argument.default
    return inspect.Parameter(argument.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default)
