"""A Scheduler that was constructed before its run facts were known."""

from dataclasses import dataclass, field
from typing import Any, final

from paramsched.core.run.arguments import Request
from paramsched.core.run.group_keys import note_bases
from paramsched.errors import ParamschedError

_NO_FACTS_YET = (
    'this Scheduler was built with calendar="later" and has no run facts yet. Call scheduler.set_facts(steps_per_epoch='
    "len(loader)) before the first optimizer.step()"
)


@final
class NotAttached:
    """Placeholder for the hooks of a Scheduler that waits for its run facts; any use of it raises."""

    def __getattr__(self, name: str) -> Any:
        raise ParamschedError(_NO_FACTS_YET)


def refuse_to_step(optimizer: Any, args: Any, kwargs: Any) -> None:
    """Raise ParamschedError: the step pre-hook of a Scheduler that waits for its run facts."""
    del optimizer, args, kwargs
    raise ParamschedError(_NO_FACTS_YET)


@final
@dataclass(slots=True)
class WaitingForFacts:
    """A Scheduler that was constructed before its run facts were known."""

    request: Request
    state: Any = None  # a state that was loaded while waiting
    handles: list[Any] = field(default_factory=list)  # remove the hooks

    def note_load(self, optimizer: Any, name: str) -> None:
        """Record the bases of the code in the groups of a checkpoint of other code, which has none."""
        note_bases((self.request.code_bases or {}).get(name, {}), optimizer.param_groups)
