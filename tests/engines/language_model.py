"""A tiny language model, its tokenizer and its texts, and the signal that ends one job of a real training engine."""

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
LINES = [" ".join(WORDS[(3 * one + place) % len(WORDS)] for place in range(6)) for one in range(60)]


def tokenizer() -> Any:
    """Return a tokenizer of a few words."""
    vocabulary = {word: place for place, word in enumerate(["<pad>", "<eos>", "<unk>", *WORDS])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>", padding_side="left"
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


def expect_notice() -> None:
    """Send this process the signal that NOTICE names, after an update of its own: `SIGTERM:7`."""
    sent, _, at = os.environ.get("NOTICE", "SIGTERM:0").partition(":")
    steps = list[int]()

    def notify(*_: Any) -> None:
        steps.append(1)
        if len(steps) == int(at):
            os.kill(os.getpid(), signal.Signals[sent])

    register_optimizer_step_post_hook(notify)


class EndAtNotice(TrainerCallback):  # type: ignore[misc]  # its type is Any
    """Saves and ends the training after the update in which SIGTERM has arrived, as a job manager asks for."""

    def __init__(self) -> None:
        self.has_arrived = False
        signal.signal(signal.SIGTERM, self._note)

    def _note(self, *_: Any) -> None:
        self.has_arrived = True

    def on_step_end(self, args: Any, state: Any, control: Any, **keywords: Any) -> None:
        if self.has_arrived:
            control.should_save = control.should_training_stop = True


def trained(trainer: Any, folder: Path, coefficient: str = "") -> int:
    """Train from the last checkpoint; save what a whole plan has done, and return the exit code of the job."""
    trainer.add_callback(EndAtNotice())
    trainer.train(resume_from_checkpoint=any((folder / "out").glob("checkpoint-*")))
    if not trainer.lr_scheduler.should_stop:
        return 75
    rows = [row for row in trainer.state.log_history if "learning_rate" in row]
    logged = [(row["learning_rate"], row["loss"], row.get("kl")) for row in rows]
    held = getattr(trainer, coefficient) if coefficient else None
    torch.save({"weights": trainer.model.state_dict(), "logged": logged, "held": held}, folder / "end.pt")
    return 0
