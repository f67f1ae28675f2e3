"""A job of axolotl's trainer with the plugin of the plan, which is cut and submitted again. Argument: the folder.

It exits with 0 at the end of the plan, else with 75.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from axolotl.core.trainers.base import AxolotlTrainer
from axolotl.integrations.base import PluginManager
from axolotl.integrations.config import (
    merge_training_args,
)
from axolotl.utils.dict import DictDefault
from datasets import Dataset
from transformers import AutoModelForCausalLM, TrainingArguments, set_seed

from support.language_model import LINES, arguments, expect_notice, saved_model, tokenizer, trained

PLAN = {"lr": 'warmup("10%") >> cosine(to=0.1)'}


@dataclass
class Arguments(merge_training_args(), TrainingArguments):
    """The arguments of axolotl's trainer, composed as axolotl composes its own."""


def main() -> int:
    folder = Path(sys.argv[1])
    expect_notice()
    set_seed(7)
    manager = PluginManager.get_instance()
    manager.register("paramsched.engines.axolotl.PlanPlugin")
    manager.cfg = DictDefault(paramsched_plan=PLAN, paramsched_stop_on="SIGTERM", max_steps=24)
    ids = [tokenizer()(line)["input_ids"] for line in LINES]
    trainer = AxolotlTrainer(
        model=AutoModelForCausalLM.from_pretrained(saved_model(folder)), args=Arguments(**arguments(folder)),
        train_dataset=Dataset.from_dict({"input_ids": ids, "labels": ids}),
    )  # fmt: skip
    manager.post_trainer_create(manager.cfg, trainer)
    return trained(trainer, folder)


if __name__ == "__main__":
    sys.exit(main())
