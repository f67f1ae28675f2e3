"""A job of axolotl with the plugin of the plan, which is cut and submitted again. Argument: the folder.

axolotl itself reads and checks its config, loads the plugin, and builds the trainer. The job exits with 0 at the end of
the plan, else with 75.
"""

import os
import sys
from pathlib import Path

os.environ["AXOLOTL_DO_NOT_TRACK"] = "1"  # read when axolotl is imported
# `make engines` installs the older TRL that this axolotl requires beside the newest one.
sys.path.insert(0, str(Path(sys.prefix) / "trl-of-axolotl"))

import yaml
from axolotl.cli.config import (
    load_cfg,
)
from axolotl.integrations.base import PluginManager
from axolotl.utils.trainer import setup_trainer
from datasets import Dataset
from transformers import AutoModelForCausalLM, set_seed

from engines.language_model import LINES, UPDATES, expect_notice, saved_model, tokenizer, trained


def config_of(folder: Path) -> Path:
    """Write the config of the run, and return its path."""
    path, words = folder / "axolotl.yaml", tokenizer()
    words.save_pretrained(folder / "model")
    config = {
        "base_model": saved_model(folder), "datasets": [{"path": str(folder / "lines.jsonl"), "type": "completion"}],
        "output_dir": str(folder / "out"), "sequence_len": 16, "micro_batch_size": 4, "gradient_accumulation_steps": 1,
        "learning_rate": 1e-2, "optimizer": "adamw_torch", "max_steps": UPDATES, "save_steps": 5, "logging_steps": 1,
        "seed": 7, "bf16": False, "fp16": False, "tf32": False, "val_set_size": 0, "num_epochs": 2, "use_cpu": True,
        "plugins": ["paramsched.engines.axolotl.PlanPlugin"],
        "paramsched_plan": {"lr": 'warmup("10%") >> cosine(to=0.1)'},
    }  # fmt: skip
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def main() -> int:
    folder = Path(sys.argv[1])
    expect_notice()
    set_seed(7)
    cfg = load_cfg(str(config_of(folder)))
    words = tokenizer()
    ids = [words(line)["input_ids"] for line in LINES]
    data = Dataset.from_dict({"input_ids": ids, "labels": ids, "attention_mask": [[1] * len(one) for one in ids]})
    model = AutoModelForCausalLM.from_pretrained(cfg.base_model)
    trainer = setup_trainer(cfg, data, None, model, words, None, UPDATES)
    PluginManager.get_instance().post_trainer_create(cfg, trainer)
    return trained(trainer, folder)


if __name__ == "__main__":
    sys.exit(main())
