"""A checkpoint's run: its optimizers, the state of its Scheduler, its position, and schedulers of other libraries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from paramsched.base.words import names_listed, printable
from paramsched.core.plan import ALONE, Plan, shown_names, unique_labels
from paramsched.core.run import COUNT, State, position_of_torch, read_groups, read_scheduler_state
from paramsched.core.time import RunFacts
from paramsched.errors import UnreadableLog
from paramsched.tools.records.checkpoint_files import Checkpoint, find_states, own_updates
from paramsched.tools.records.log_values import nearest_in_file, path_text

DEEPSPEED: Final = "DeepSpeed"
"""The kind of all schedulers of DeepSpeed, because their states are alike."""


@final
@dataclass(frozen=True, slots=True)
class IgnoredScheduler:
    """A scheduler of torch or DeepSpeed in a checkpoint, which does not act after the resume.

    Args:
        name: its path in the checkpoint.
        kind: the name of its class, derived from its state; `DEEPSPEED` for any scheduler of DeepSpeed.
        update: its position; None if it is unknown.
    """

    name: str
    kind: str
    update: int | None


@final
@dataclass(frozen=True, slots=True)
class CheckpointRun:
    """The run in a checkpoint.

    Args:
        checkpoint: the checkpoint.
        paths: the path of the state of each optimizer, by name; a single one has the name `"optimizer"`.
        groups: the param groups of each optimizer, by name.
        scheduler: the path of the Scheduler's state; None if there is none.
        state: the Scheduler's state.
        start: the argument `t` of the Scheduler: the number of completed updates; None to omit it.
        source: a clause that names the source of `start`; None if paramsched has saved a count in the checkpoint.
        ignored: the schedulers of torch and DeepSpeed.
    """

    checkpoint: Checkpoint
    paths: Mapping[str, str]
    groups: Mapping[str, Sequence[Mapping[str, Any]]]
    scheduler: str | None
    state: Mapping[str, Any] | None
    start: int | None
    source: str | None
    ignored: tuple[IgnoredScheduler, ...]

    @property
    def optimizer(self) -> str | dict[str, str]:
        """The path of the optimizer's state; of several optimizers, a dict from name to path."""
        return self.paths[ALONE] if ALONE in self.paths else dict(self.paths)

    @property
    def labels(self) -> tuple[str, ...]:
        """The name or index of each group; of several optimizers, with the name of the optimizer."""
        return tuple(
            str(label) if name == ALONE else f"{name}/{label}"
            for name, groups in self.groups.items()
            for label in unique_labels([dict(group) for group in groups])
        )

    def record(self) -> State | None:
        """Return the record of the run: that of the Scheduler's state, else that in the groups; None without one."""
        return record_of(self.groups, self.state)

    def own_plan(self) -> tuple[Plan, RunFacts]:
        """Return the plan in the checkpoint, and its run facts.

        Raises:
            UnreadableLog: there is none, or it cannot be read here.
            StateError: the Scheduler's state is invalid.
        """
        message = "it contains no record of a ps.Scheduler, and so no plan"
        if (saved := self.record()) is not None:
            if saved.in_force is not None:
                return saved.in_force.plan, saved.facts
            message = f"its plan cannot be read here: {saved.unreadable or 'it has no text'}"
        advice = "Write --plan plan.yaml"
        if saved is not None and saved.text is not None:  # it may use a shape that a module of the user registers
            advice = "Write --import with the module that registers its shapes, or --plan plan.yaml"
        raise UnreadableLog(path_text(self.checkpoint.file), message, advice)


def read_saved_run(
    checkpoint: Checkpoint, *, optimizers: Sequence[str] = (), scheduler: str | None = None, at: int | None = None
) -> CheckpointRun:
    """Return the run in a checkpoint.

    Args:
        checkpoint: the checkpoint.
        optimizers: the path of the optimizer's state, if the checkpoint has several; `name=path` for each of several
            optimizers under one plan.
        scheduler: the path of the Scheduler's state, if the checkpoint has several.
        at: the number of completed updates, for a checkpoint that does not contain it.

    Raises:
        UnreadableLog: the checkpoint does not contain what these arguments name.
    """
    path, state = checkpoint.scheduler(scheduler) if scheduler or checkpoint.schedulers() else (None, None)
    record = record_of({name: optimizer["param_groups"] for name, optimizer in checkpoint.optimizers().items()}, state)
    paths = _paths_of_optimizers(checkpoint, optimizers, () if record is None else record.names)
    states = {name: checkpoint.optimizer(one)[1] for name, one in paths.items()}
    groups = {name: group["param_groups"] for name, group in states.items()}
    ignored = tuple(
        IgnoredScheduler(
            name, next((_KINDS[key] for key in _KINDS if key in group), "LRScheduler"), _position_of_torch(group)
        )
        for name, group in find_states(
            checkpoint.data, lambda one: _position_of_torch(one) is not None or "_schedulers" in one, "scheduler"
        ).items()
    )
    start, source = at, None
    if state is None and not any(COUNT in group for mine in groups.values() for group in mine):
        sources = {
            "--at is {}": [at],
            "the optimizer's own state counts {} steps": map(own_updates, states.values()),
            "the scheduler of the run so far is at {}": (ignored_scheduler.update for ignored_scheduler in ignored),
            "the Trainer's global_step is {}": [checkpoint.step],
        }
        for text, counts in sources.items():
            start = max((count for count in counts if count is not None), default=None)
            if start is not None:
                source = text.format(start)
                break
        if start is None:
            message = "it does not contain the number of completed updates"
            raise UnreadableLog(path_text(checkpoint.file), message, "For example: --at 1000", option="--at")
    return CheckpointRun(checkpoint, paths, groups, path, state, start, source, ignored)


def record_of(groups: Mapping[str, Sequence[Mapping[str, Any]]], state: Mapping[str, Any] | None) -> State | None:
    """Return the record of a run: that of a Scheduler's state, else the latest one in some groups."""
    if state is not None:
        return read_scheduler_state(state)
    states = [read_groups([dict(group) for group in mine], name).state for name, mine in groups.items()]
    return max((one for one in states if one is not None), key=lambda one: one.position.t, default=None)


def _position_of_torch(state: Mapping[str, Any]) -> int | None:
    """Return the position in a state of a scheduler of torch or DeepSpeed; None for any other state.

    >>> _position_of_torch({"last_batch_iteration": 499})
    500
    """
    if state.keys() != {"last_batch_iteration"}:
        return position_of_torch(state)
    last = state["last_batch_iteration"]  # -1 before the first update
    return last + 1 if isinstance(last, int) and last >= -1 else None


def _paths_of_optimizers(checkpoint: Checkpoint, texts: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Return the path of the state of each optimizer, by name.

    A name that is not in `texts` selects the path that ends with it. The remaining names and paths are paired in order.
    """
    states = checkpoint.optimizers()
    plain = [text for text in texts if text in states or "=" not in text]
    chosen = {name: path for text in texts if text not in plain for name, _, path in [text.partition("=")]}
    last = {path.rpartition(".")[2]: path for path in states}
    if not names and not texts and 1 < len(states) == len(last):
        message = f"it has several states: {names_listed(states)}"
        each = " ".join(f"--optimizer {name}={path}" for name, path in last.items())
        raise UnreadableLog(path_text(checkpoint.file), message, f"Write {printable(each)}", option="--optimizer")
    if not names and not chosen and len(plain) < 2:
        return {ALONE: checkpoint.optimizer(plain[0] if plain else None)[0]}
    for path in plain:
        name = path.rpartition(".")[2]
        if set(name) & set("[]/=*?,"):
            raise UnreadableLog(f"--optimizer {printable(path)}", "expected NAME=PATH", "Use --optimizer muon=PATH")
        chosen[name] = path
    for name, path in chosen.items():
        if path not in states:
            raise UnreadableLog(f"--optimizer {printable(name)}={printable(path)}", nearest_in_file(path, states))
    if unknown := [name for name in chosen if names and name not in names]:
        message = f"the scheduler's state has the optimizers {shown_names(map(printable, names))}"
        example = f"For example: --optimizer {printable(names[0])}={printable(chosen[unknown[0]])}"
        raise UnreadableLog(f"--optimizer {printable(unknown[0])}", message, example)
    left = [path for path in states if path not in chosen.values()]
    for name in sorted(set(names) - chosen.keys(), key=len, reverse=True):  # "x.a" before "a"
        fitting = [path for path in left if f".{path}".endswith(f".{name}")]
        if len(fitting) == 1:
            chosen[name] = fitting[0]
            left.remove(fitting[0])
    missing = [name for name in names if name not in chosen]
    if len(missing) != len(left) and missing:
        message = f"it has no state of the optimizer {printable(missing[0])}; known: {names_listed(left) or 'none'}"
        instead = f"For example: --optimizer {printable(missing[0])}={printable([*left, 'optimizer'][0])}"
        raise UnreadableLog(path_text(checkpoint.file), message, instead, option="--optimizer")
    chosen |= zip(missing, left, strict=False)
    return {name: chosen[name] for name in names} if names else chosen


_KINDS = {
    "last_batch_iteration": DEEPSPEED,
    "_milestones": "SequentialLR",
    "_schedulers": "ChainedScheduler",
    "_schedule_phases": "OneCycleLR",
    "num_bad_epochs": "ReduceLROnPlateau",
    "T_mult": "CosineAnnealingWarmRestarts",
    "T_max": "CosineAnnealingLR",
    "max_lrs": "CyclicLR",
    "start_factor": "LinearLR",
    "power": "PolynomialLR",
    "total_iters": "ConstantLR",
    "milestones": "MultiStepLR",
    "step_size": "StepLR",
    "anneal_epochs": "SWALR",
    "lr_lambdas": "LambdaLR",  # MultiplicativeLR has the same entries
    "gamma": "ExponentialLR",
}
"""The kind of the scheduler whose state has an entry; the first match counts."""
