"""Results and errors of one process, or of each, shared with all: all go on, or all stop with the same error."""

from collections.abc import Callable
from typing import Any, TypeVar

from paramsched.errors import ParamschedError

_T = TypeVar("_T")


def in_main_process(accelerator: Any, look: Callable[[], _T]) -> _T:
    """Call `look` in the main process; every process gets its result, or raises what it raised.

    Raises:
        ParamschedError: whatever `look` raised of this kind.
    """
    if accelerator.num_processes == 1:
        return look()
    from accelerate.utils import broadcast_object_list

    shared: list[Any] = [None, None]
    if accelerator.is_main_process:
        try:
            shared[0] = look()
        except ParamschedError as error:
            shared[1] = error
    broadcast_object_list(shared)
    if shared[1] is not None:
        raise shared[1]
    found: _T = shared[0]
    return found


def in_every_process(accelerator: Any, look: Callable[[], None]) -> None:
    """Call `look` in each process; where one of them raises, all raise the same.

    Raises:
        ParamschedError: the first that any of them raised.
    """
    if accelerator.num_processes == 1:
        look()
        return
    from accelerate.utils import gather_object

    mine: list[ParamschedError | None] = [None]
    try:
        look()
    except ParamschedError as error:
        mine[0] = error
    for raised in gather_object(mine):
        if raised is not None:
            raise raised
