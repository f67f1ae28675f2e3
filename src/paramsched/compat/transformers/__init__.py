"""The dialect of transformers: a `TrainingArguments`, or the arguments of `get_scheduler`, as a mapping.

- From `TrainingArguments`, `lr_scheduler_type`, `lr_scheduler_kwargs`, `warmup_steps`, `max_steps` and
  `num_train_epochs` are read; unrelated entries are ignored.
- From `get_scheduler`, `name`, `num_warmup_steps`, `num_training_steps` and `scheduler_specific_kwargs` are read.
- Counts are updates; a warmup less than 1 is a fraction of the run.
- The learning rate, the weight decay and the betas are the bases.

Source: transformers 5.23.
"""

from paramsched.compat.transformers.plans import (
    bases_of,
    facts_of,
    groups_of,
    notes_of,
    recognizes,
    scheduler_entries,
    to_plan,
)

__all__ = [
    "bases_of", "facts_of", "groups_of", "notes_of", "recognizes", "scheduler_entries", "to_plan",
]  # fmt: skip
