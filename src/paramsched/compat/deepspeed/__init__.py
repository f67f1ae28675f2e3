"""The dialect of DeepSpeed: the JSON of a run, `{"scheduler": {"type": "WarmupLR", "params": {…}}, …}`.

- The scheduler is one of DeepSpeed's or of `torch.optim.lr_scheduler`. Counts are updates.
- The engine steps the scheduler after each update, and its first value is used twice. So the curve of `WarmupLR`,
  `WarmupDecayLR` and `WarmupCosineLR` begins one update late, and its last value is not used.
- DeepSpeed reads the file as Hjson, which allows comments and trailing commas, and refuses a key that occurs twice.
  transformers' Trainer reads it as JSON.
- `"auto"` is filled in by transformers' Trainer: read its arguments with the config in their entry `deepspeed`. Alone,
  `"auto"` needs `calendar` with `total`, and `base`.

Source: DeepSpeed edaa7221 (2026-08-22), `runtime/lr_schedules.py`; run with 0.19.8.
"""

from paramsched.compat.deepspeed.plans import (
    bases_of,
    groups_of,
    is_hjson,
    notes_of,
    recognizes,
    scheduler_entries,
    to_plan,
)

__all__ = ["bases_of", "groups_of", "is_hjson", "notes_of", "recognizes", "scheduler_entries", "to_plan"]
