"""The dialect of Composer: its schedulers and the run they are for, as a mapping; llm-foundry's YAML files too.

- `scheduler: {name: cosine_with_warmup, t_warmup: 100ba, alpha_f: 0.1}` beside `max_duration: 4800ba`; the other
  entries of a file are passed over
- `schedulers` is a list, whose members multiply; a class is said by `name`, or as `StepScheduler: {step_size: 10ep}`
- times have units: `10ep`, `5ba` (updates), `2000tok`, `100sp`, `0.06dur` (a share of `max_duration`); shares and
  ratios are rounded down, as Composer does
- times in tokens or samples make a plan on that clock
- `scale_schedule_ratio` stretches the run and its times; `step_schedulers_every_batch: false` changes lr between epochs
- of an optimizer beside them `lr`, `betas` and `weight_decay` are the base values

Facts: Composer 0.33, llm-foundry 0.22.
"""

from paramsched.peers.composer.plans import bases_of, recognizes, to_plan

__all__ = ["bases_of", "recognizes", "to_plan"]
