"""The arguments in a saved state: whether the state is the scheduler's, and which arguments it has differently."""

from collections.abc import Mapping
from typing import Any

from paramsched.errors import StateError

CLASS_KEY = "_class"
"""The key of a state that says whose it is; no attribute of a scheduler."""


def compare_arguments(scheduler: Any, state: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The arguments that a state has differently: by name the scheduler's and the state's.

    Raises:
        StateError: the state of another class, or of another entry of the groups.
    """
    _refuse_other_state(scheduler, state)
    ours = vars(scheduler)
    return {
        name: (ours[name], state[name])
        for name in scheduler._configured
        if name != "verbose" and name in ours and not _same_argument(ours[name], state[name])
    }


def _refuse_other_state(scheduler: Any, state: Mapping[str, Any]) -> None:
    """Refuse what is no state, or the state of another class or of another field."""
    own, ours = type(scheduler).__name__, vars(scheduler)
    if not isinstance(state, Mapping):
        raise StateError(f"{own}: a {type(state).__name__} is no state. Give what state_dict() returned")
    whose = state.get(CLASS_KEY, own)
    if whose != own:
        raise StateError(
            f"{own}.load_state_dict: this is the state of {whose}. "
            "Give the schedulers in the order in which they were saved"
        )
    field = ours.get("param_name")
    name = state.get("param_name", field)
    if field is not None and name != field:
        raise StateError(
            f"{own}.load_state_dict: this is the state of a scheduler of {name!r}, not of "
            f"{field!r}. Give the schedulers in the order in which they were saved"
        )
    needed = (*scheduler._configured, "last_step", "_global_step")
    # A subclass that does not construct its base has not all of them.
    lacking = [one for one in needed if one in ours and one not in state]
    if lacking:
        raise StateError(f"{own}.load_state_dict: it has no {', '.join(lacking)}: it is the state of another class")


def _same_argument(ours: Any, theirs: Any) -> bool:
    """Whether two arguments are the same: a list that was saved may come back as a tuple, and the other way round."""
    if isinstance(ours, (list, tuple)) and isinstance(theirs, (list, tuple)):
        return list(ours) == list(theirs)
    return bool(ours == theirs)
