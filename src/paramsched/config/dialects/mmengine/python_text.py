"""A config as Python text."""

from collections.abc import Mapping
from typing import Any


def python_text(data: Any) -> str:
    """A config as Python text: an assignment for each entry.

    >>> print(python_text({"param_scheduler": [{"type": "StepLR", "step_size": 2}]}))
    param_scheduler = [
        dict(type='StepLR', step_size=2),
    ]
    <BLANKLINE>
    """
    whole = data if isinstance(data, Mapping) and "type" not in data else {"param_scheduler": data}
    return "".join(f"{name} = {_python_expression(value)}\n" for name, value in whole.items())


def _python_expression(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"dict({', '.join(f'{name}={_python_expression(one)}' for name, one in value.items())})"
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return "[\n" + "".join(f"    {_python_expression(one)},\n" for one in value) + "]"
    return repr(value)
