"""A job of a trainer of TRL, which is cut and submitted again. Arguments: the trainer, the folder.

It exits with 0 at the end of the plan, else with 75.
"""

import sys
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import set_seed
from trl import (
    DPOConfig,
    DPOTrainer,
    GRPOConfig,
    GRPOTrainer,
    SFTConfig,
    SFTTrainer,
)

from engines.language_model import LINES, UPDATES, arguments, expect_kill, saved_model, tokenizer, trained
from paramsched.engines.transformers import planned

PLAN = f"""
lr: warmup(4) >> cosine()
total: {UPDATES}
"""
HELD = (
    PLAN
    + """
targets:
  kl_coef:
    initial: 0.04
    schedule: constant() * hold("kl", at=0.02, gain=0.1)
"""
)
RELAXED = (
    PLAN
    + """
targets:
  dpo_beta:
    initial: 0.5
    schedule: linear(1, 0.2)
"""
)


def reward(completions: list[str], **_: Any) -> list[float]:
    return [float(text.count("a") - 0.1 * len(text)) for text in completions]


def trainer_of(name: str, folder: Path) -> Any:
    model = saved_model(folder)
    common = arguments(folder)
    if name == "SFT":
        data = Dataset.from_dict({"text": LINES})
        args = SFTConfig(**common, max_length=16)
        return planned(SFTTrainer, PLAN)(model, args=args, train_dataset=data, processing_class=tokenizer())
    if name == "DPO":
        reversed_lines = [line[::-1] for line in LINES]
        data = Dataset.from_dict({"prompt": LINES, "chosen": [line[:5] for line in LINES], "rejected": reversed_lines})
        args = DPOConfig(**common, beta=0.5, max_length=16)
        return planned(DPOTrainer, RELAXED, write={"dpo_beta": "beta"})(
            model, args=args, train_dataset=data, processing_class=tokenizer()
        )
    data = Dataset.from_dict({"prompt": LINES})
    args = GRPOConfig(**common, beta=0.04, num_generations=4, max_completion_length=6)
    return planned(GRPOTrainer, HELD, write={"kl_coef": "beta"})(
        model, reward_funcs=reward, args=args, train_dataset=data, processing_class=tokenizer()
    )


def main() -> int:
    name = sys.argv[1]
    folder = Path(sys.argv[2])
    expect_kill()
    set_seed(7)
    return trained(trainer_of(name, folder), folder, "beta" if name in ("GRPO", "DPO") else "")


if __name__ == "__main__":
    sys.exit(main())
