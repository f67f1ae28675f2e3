"""A job of a Trainer with DeepSpeed, which is cut and submitted again. Arguments: the stage of ZeRO, the folder.

It exits with 0 at the end of the plan, else with 75.
"""

import os
import sys
from pathlib import Path

import deepspeed
from datasets import Dataset
from transformers import AutoModelForCausalLM, Trainer, TrainingArguments, set_seed

from engines.language_model import LINES, UPDATES, arguments, expect_kill, saved_model, tokenizer, trained
from paramsched.engines.transformers import planned
from support.ports import free_port

PLAN = f"""
lr: warmup(4) >> cosine()
weight_decay: linear(0.1, 0.01)
total: {UPDATES}
"""


def main() -> int:
    stage = int(sys.argv[1])
    folder = Path(sys.argv[2])
    os.environ |= {
        "RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())
    }  # fmt: skip
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False  # compiling this takes a minute; gloo replaces it
    expect_kill()
    set_seed(7)
    config = {
        "train_micro_batch_size_per_gpu": "auto", "gradient_accumulation_steps": "auto", "gradient_clipping": "auto",
        "zero_optimization": {"stage": stage}, "zero_allow_untested_optimizer": True,
    }  # fmt: skip
    ids = [tokenizer()(line)["input_ids"] for line in LINES]
    data = Dataset.from_dict({"input_ids": ids, "labels": ids})
    common = {name: value for name, value in arguments(folder).items() if name != "activation_checkpointing"}
    trainer = planned(Trainer, PLAN)(
        AutoModelForCausalLM.from_pretrained(saved_model(folder)),
        args=TrainingArguments(**common, deepspeed=config, weight_decay=0.1),
        train_dataset=data,
    )
    return trained(trainer, folder)


if __name__ == "__main__":
    sys.exit(main())
