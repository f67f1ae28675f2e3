"""The dialect of timm: the keyword arguments of `timm.scheduler.create_scheduler_v2`, as a mapping.

- `sched` is `cosine`, `poly`, `tanh`, `step`, `multistep`, `wsd`, `rsqrt`, `constant`, `plateau` or `none`
- the options of timm's training script are read too, as it saves them in `args.yaml`, `{"epochs": 300, …}`, or from
  its command line, as words, `["--sched", "cosine", …]`, or as a text; those that schedule nothing are passed over
- counts are epochs; they change the rate between epochs, or at each update with `step_on_epochs: false`
- a warmup replaces the first values of the curve, whose clock has been running; `warmup_prefix: true` puts it before
- `min_lr` and `warmup_lr` are values; the plan's horizon is the number of epochs that timm returns
- `plateau` needs `eval_metric`, the name of its metric

Facts: timm 1.0.31.
"""

from paramsched.peers.timm.plans import bases_of, facts_of, notes_of, recognizes, to_plan

__all__ = [
    "bases_of", "command_lines", "facts_of", "notes_of", "recognizes", "scheduler_entries", "to_plan",
]  # fmt: skip

scheduler_entries = ("sched",)
command_lines = True
