"""A tiny language model, its tokenizer and its texts, and what ends one job of a real training engine."""

import os
import signal
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.optim.optimizer import register_optimizer_step_post_hook
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, TrainerCallback

UPDATES = 24
WORDS = list("abcdefghijkl")
LINES = [" ".join(WORDS[(3 * number + place) % len(WORDS)] for place in range(6)) for number in range(60)]


def tokenizer() -> Any:
    """Return a tokenizer of a few words."""
    vocabulary = {word: place for place, word in enumerate(["<pad>", "<eos>", "<unk>", *WORDS])}
    word_tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    word_tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=word_tokenizer, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>", padding_side="left"
    )


def saved_model(folder: Path) -> str:
    """Return the path of a new model in a folder."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(WORDS) + 3, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=64, pad_token_id=0, eos_token_id=1, bos_token_id=1,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder / "model")
    return str(folder / "model")


def arguments(folder: Path) -> dict[str, Any]:
    """Return arguments of a Trainer that saves at every fifth update, besides the save at the end of a job."""
    return {
        "output_dir": str(folder / "out"), "learning_rate": 1e-2, "logging_steps": 1, "seed": 7, "bf16": False,
        "per_device_train_batch_size": 4, "report_to": [], "use_cpu": True, "disable_tqdm": True,
        "save_strategy": "steps", "save_steps": 5, "activation_checkpointing": False, "max_steps": UPDATES,
    }  # fmt: skip


def expect_kill() -> None:
    """Kill this process after the update that CUT names, as if its machine failed: `kill:7`."""
    form, update_count = cut()
    steps = list[int]()

    def notify(*_: Any) -> None:
        steps.append(1)
        if form == "kill" and len(steps) == update_count:
            os.kill(os.getpid(), signal.SIGKILL)

    register_optimizer_step_post_hook(notify)


def cut() -> tuple[str, int]:
    """Return how this job is cut and after how many updates of its own; 0 for never."""
    form, _, update_count = os.environ.get("CUT", "save:0").partition(":")
    return form, int(update_count)


class SaveAndStop(TrainerCallback):
    """Saves after the update that CUT names and ends the job, as at the end of an allocation: `save:7`."""

    def __init__(self) -> None:
        self.kind, self.left = cut()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.left -= 1
        if self.kind == "save" and self.left == 0:
            control.should_save = control.should_training_stop = True


def trained(trainer: Any, folder: Path, coefficient: str = "") -> int:
    """Train from the last checkpoint; save what a whole plan has done, and return the exit code of the job."""
    trainer.add_callback(SaveAndStop())
    trainer.train(resume_from_checkpoint=any((folder / "out").glob("checkpoint-*")))
    if trainer.state.global_step < UPDATES:
        return 75
    rows = [row for row in trainer.state.log_history if "learning_rate" in row]
    logged = [(row["learning_rate"], row["loss"], row.get("kl")) for row in rows]
    held = getattr(trainer, coefficient) if coefficient else None
    torch.save({"weights": trainer.model.state_dict(), "logged": logged, "held": held}, folder / "end.pt")
    return 0
