"""PlannedBatches: the batches of a plan in a Hugging Face Trainer."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import repeat
from math import ceil
from typing import Any, final

from paramsched.engines.torch_required import torch
from paramsched.core.plan import Plan
from paramsched.core.run.batches import BatchSampler
from paramsched.core.time import DurationLike
from paramsched.engines.engine_facts import EngineFacts, PlanOptions, length_of
from paramsched.errors import InvalidArgument, PlanError

_STRATEGIES = ("save_strategy", "eval_strategy", "logging_strategy")
_LOADER_OPTIONS = (
    "collate_fn", "generator", "multiprocessing_context", "num_workers", "persistent_workers", "pin_memory",
    "prefetch_factor", "timeout", "worker_init_fn",
)  # fmt: skip


@final
class PlannedBatches:
    """The batches of a run of a Trainer, whose one epoch is the entire run.

    Without a total in the plan, the run has the passes of `num_train_epochs`; `max_steps` may shorten it.

    Args:
        trainer: the Trainer.
        plan: a plan that schedules batches.
        known: the run facts of the Trainer, without the length of the run.
        options: the arguments of the user's call.
    """

    def __init__(self, trainer: Any, plan: Plan, known: EngineFacts, options: PlanOptions) -> None:
        self._trainer, self._args, self._length = trainer, trainer.args, len(trainer.train_dataset)
        self._plan, self._options, user = plan, options, options.facts
        self._rows: Iterator[tuple[int, int, int]] = iter(())
        self._seen, most = 0, self._args.max_steps
        self._needed = ceil(self._args.num_train_epochs * self._length)
        has_length = plan.total is not None or (user is not None and user.total is not None)
        self._plan_for(known, None if has_length else f"{self._needed} samples")
        if not has_length and self.updates == most:
            with suppress(PlanError):  # a size by samples cannot use a length in updates
                self._plan_for(known, most)

    def _plan_for(self, known: EngineFacts, total: DurationLike | None) -> None:
        """Make the sampler for a run of a length; None is that of the plan."""
        args, facts = self._args, replace(known, total=total)
        self.sampler = BatchSampler(
            self._plan,
            self._length,
            facts=facts.facts_for(self._plan, self._options),
            shuffle=getattr(args, "train_sampling_strategy", "random") != "sequential",
            seed=args.seed if args.data_seed is None else args.data_seed,
            num_replicas=facts.processes,
            rank=args.process_index * facts.processes // args.world_size,
        )
        self.known, self.updates, self.samples = facts, 0, 0
        for _, size, accumulation in self.sampler.updates():
            if self.updates == args.max_steps or (not self.sampler.ends and self.samples >= self._needed):
                break
            self.updates, self.samples = self.updates + 1, self.samples + size * accumulation

    def loader(self, base: Any) -> torch.utils.data.DataLoader[Any]:
        """Return a loader of these batches with the other options of the Trainer's own loader."""
        options = {name: getattr(base, name) for name in _LOADER_OPTIONS}
        return torch.utils.data.DataLoader(base.dataset, batch_sampler=self, **options)

    def training_values(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the values with which the Trainer makes this run its only epoch."""
        return 1, self.updates, self._length, self.samples, *values[4:-2], len(self), self.updates

    def begin(self) -> None:
        """Begin at the position of the Scheduler."""
        self._rows, self._seen = self.sampler.updates(), self.sampler.position()

    def next_accumulation(self) -> int:
        """Return the number of batches of the next update."""
        _, size, accumulation = next(self._rows, (0, 0, 0))
        self._seen += size * accumulation
        return accumulation

    @property
    def passes(self) -> float:
        """The number of passes over the data so far."""
        return self._seen / self._length

    def __iter__(self) -> Iterator[list[int]]:
        if not self._args.ignore_data_skip:  # the Trainer skips the batches of earlier updates
            yield from repeat([], self._trainer.state.global_step * self._args.gradient_accumulation_steps)
        yield from self.sampler

    def __len__(self) -> int:
        count: int = self.updates * self._args.gradient_accumulation_steps
        return count


def refuse_other_batches(trainer: Any, plan: Plan) -> None:
    """Raise if the Trainer's arguments cannot be combined with planned batches."""
    args, data = trainer.args, trainer.train_dataset
    refused = {
        **{f'{name}="epoch"': getattr(args, name, "") == "epoch" for name in _STRATEGIES},
        "accelerator_config={'dispatch_batches': True}": args.accelerator_config.dispatch_batches is True,
        f"gradient_accumulation_steps={args.gradient_accumulation_steps}": args.gradient_accumulation_steps > 1
        and any(target.name == "accumulation" for target in plan.targets),
        **{
            f'train_sampling_strategy="{name}"': getattr(args, "train_sampling_strategy", "") == name
            for name in ("group_by_length", "batch_rebalance")
        },
    }
    found = "the plan schedules the batches, as one stream of samples"
    for given, is_used in refused.items():
        if is_used:
            raise InvalidArgument(f"TrainingArguments({given})", found, f"Omit {given.partition('=')[0]}")
    if isinstance(data, torch.utils.data.IterableDataset) or length_of(data) is None:
        raise InvalidArgument(
            "Trainer(train_dataset=…)",
            f"{found}, and the data set has no length",
            "Omit the targets batch_size and accumulation",
        )
