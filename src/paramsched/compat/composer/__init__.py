"""The dialect of Composer and llm-foundry: schedulers and the settings of their run, as a mapping or a YAML file.

- `scheduler: {name: cosine_with_warmup, t_warmup: 100ba, alpha_f: 0.1}` next to `max_duration: 4800ba`; entries that
  are unrelated to schedules are ignored.
- `schedulers` is a list whose members multiply. A class is specified by `name`, by Hydra's
  `_target_: composer.optim.StepScheduler`, or as `StepScheduler: {step_size: 10ep}`.
- Times have units: `10ep`, `5ba` (updates), `2000tok`, `100sp`, `0.06dur` (a fraction of `max_duration`). Fractions are
  rounded down, as in Composer.
- Times in tokens or samples give a plan on that clock.
- `scale_schedule_ratio` scales the run and its times. `step_schedulers_every_batch: false` is an error.
- `lr`, `betas` and `weight_decay` of an `optimizer` entry are the bases.

Source: Composer 0.33, llm-foundry 0.22.
"""

from paramsched.compat.composer.plans import bases_of, recognizes, to_plan

__all__ = ["bases_of", "recognizes", "to_plan"]
