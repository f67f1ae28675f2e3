"""The state of a copied or pickled Scheduler: text, numbers, plans and optimizers, without objects of a run."""

from collections.abc import Mapping
from typing import Any, Final

from paramsched.base.pickles import pickle_of_rc5
from paramsched.core.entries import load_entry
from paramsched.core.run.history import History, read_history
from paramsched.core.run.position import RunPosition
from paramsched.core.run.processes import Processes
from paramsched.core.run.record import BasePolicy
from paramsched.core.run.saved_run import SavedRun
from paramsched.core.run.several import Loads
from paramsched.core.run.start import PlanSource

_KEPT: Final = (
    *("optimizers", "drive", "plan", "facts", "on_change", "code_bases", "begin", "alive", "feedback", "acknowledged"),
    "step_count",
)
"""The entries of a state that are plain already."""


def plain_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state of a copy as text, numbers, plans and optimizers."""
    run, source = dict(state["run"]), state["source"]
    loads, text = run.pop("loads"), source.text
    return {name: state[name] for name in _KEPT if name in state} | {
        "on_base": state["bases"].on_base,
        "positions": {name: _position_as_data(position) for name, position in state["positions"].items()},
        "run": run | {"history": run["history"].as_data()},
        "loads": None if loads is None else _loads_as_data(loads),
        "file": None if text is None else (text.name, text.text, text.format, text.entries),
        "recipe": source.is_recipe,
        "engine": (source.engine_total, source.counted_by, source.warns_of_metrics, source.processes.strict),
    }


def state_of_copy(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state that `run_of_copy` takes, from a plain state or from that of a pickle of 1.0.0rc6.

    Raises:
        StateError: it is the state of an earlier version.
    """
    if "on_base" not in state:
        try:
            plain = plain_state(state)
        except (AttributeError, KeyError, TypeError):
            raise pickle_of_rc5("Scheduler") from None
        return state_of_copy(plain)
    total, counted_by, warns_of_metrics, strict = state["engine"]
    text = None if state["file"] is None else load_entry("files of plans").PlanText(*state["file"])
    source = PlanSource(
        state["plan"], text, total, bool(state["recipe"]), counted_by, warns_of_metrics, processes=Processes(strict)
    )
    run = {"history": read_history(state["run"]["history"]), "loads": _loads(state["loads"])}
    return {name: state[name] for name in _KEPT if name in state} | {
        "bases": BasePolicy(state["on_base"]),
        "positions": {name: RunPosition(*data) for name, data in state["positions"].items()},
        "run": dict(state["run"]) | run,
        "source": source,
    }


def _loads_as_data(loads: Loads) -> tuple[int, dict[str, Any]]:
    """Return the update before the loads, which pickles of 1.0.0rc6 lack, and the state of each optimizer."""
    return vars(loads).get("before", 0), {name: _saved_as_data(saved) for name, saved in loads.saved.items()}


def _position_as_data(position: RunPosition) -> tuple[Any, ...]:
    return position.t, position.amount, position.reported, position.is_measured


def _saved_as_data(saved: SavedRun) -> tuple[Any, ...]:
    """Return the state that an optimizer has loaded as text and numbers."""
    history = None if saved.history is None else saved.history.as_data()
    position = _position_as_data(saved.position)
    return saved.count, position, saved.last_amount, saved.feedback, history, saved.is_loaded, saved.replaced


def _loads(data: tuple[int, Mapping[str, Any]] | None) -> Loads | None:
    """Return the states that several optimizers have loaded since the last update."""
    if data is None:
        return None
    loads = Loads.__new__(Loads)
    loads.before, states = data
    loads.saved = {name: _saved(*data) for name, data in states.items()}
    return loads


def _saved(
    count: int | None,
    position: tuple[Any, ...],
    last_amount: Any,
    feedback: Any,
    history: list[Any] | None,
    is_loaded: bool,
    replaced: Any,
) -> SavedRun:
    plans: History | None = None if history is None else read_history(history)
    return SavedRun(count, RunPosition(*position), last_amount, feedback, plans, is_loaded, replaced)
