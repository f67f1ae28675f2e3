"""The dialect of transformers: a `TrainingArguments`, or what `get_scheduler` takes, as a mapping.

- `TrainingArguments` says `lr_scheduler_type`, `lr_scheduler_kwargs`, `warmup_steps`, `max_steps` or
  `num_train_epochs`; its other entries, and those of a script, are passed over; a command line says it as well, or the
  script that launches it
- `get_scheduler` says `name`, `num_warmup_steps`, `num_training_steps`, `scheduler_specific_kwargs`
- counts are updates; a warmup below 1 is a share of the run
- lr's value, weight decay and the betas are the optimizer's own values

Facts: transformers 5.23.
"""

from paramsched.peers.transformers.plans import bases_of, facts_of, from_plan, notes_of, recognizes, to_plan

__all__ = [
    "bases_of", "command_lines", "facts_of", "from_plan", "notes_of", "recognizes", "scheduler_entries", "to_plan",
]  # fmt: skip

scheduler_entries = ("lr_scheduler_type", "name")
command_lines = True
