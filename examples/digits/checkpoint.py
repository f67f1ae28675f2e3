"""The checkpoint: one file with everything that an exact resume needs. A kill at any moment leaves it complete.

The file is torch's own format followed by one line, the SHA-256 of the bytes in front of it. The checksum is verified
before the file is used.
"""

import hashlib
import io
import re
from pathlib import Path
from typing import Any

import torch
from torch import nn

import paramsched as ps
from folder import Damaged

VERSION = 2  # version 1 had no checksum

State = dict[str, Any]


def save(
    file: Path, updates: int, model: nn.Module, optimizer: torch.optim.Optimizer, scheduler: ps.Scheduler, log: str
) -> None:
    """Write the state after `updates` updates; `log` is the SHA-256 of the log so far.

    It does not contain the order of the data, which is a function of the update number (digits.py).
    """
    state = {
        "version": VERSION,
        "updates": updates,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
        "random": torch.get_rng_state(),
        "log": log,
    }
    buffer = io.BytesIO()
    torch.save(state, buffer)
    data = buffer.getvalue()
    part = file.with_name(f"{file.name}.part")
    part.write_bytes(data + b"\nsha256 " + hashlib.sha256(data).hexdigest().encode() + b"\n")
    part.replace(file)  # after a kill the file is the old one or the new one


def read(file: Path) -> State:
    """Return the state in a file, without changing anything."""
    data = file.read_bytes()
    found = re.search(rb"\nsha256 ([0-9a-f]{64})\n\Z", data)
    whole = data[: found.start()] if found else data
    if found and hashlib.sha256(whole).hexdigest().encode() != found[1]:
        raise Damaged(f"{file} is damaged: its SHA-256 differs from the one at its end")
    try:
        state: State = torch.load(io.BytesIO(whole), weights_only=True)
    except Exception as error:  # noqa: BLE001  # torch raises a dozen kinds of errors here
        raise Damaged(f"{file} is damaged: {type(error).__name__} while it is read") from None
    if not isinstance(state, dict) or not {"updates", "model", "optimizer", "scheduler", "random"} <= state.keys():
        raise Damaged(f"{file} is damaged: it is not a checkpoint of this example")
    if not found and state.get("version", 1) != 1:
        raise Damaged(f"{file} is damaged: it does not end with its SHA-256")
    return state


def load(state: State, model: nn.Module, optimizer: torch.optim.Optimizer, scheduler: ps.Scheduler) -> None:
    """Restore everything."""
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    scheduler.load_state_dict(state["scheduler"])
    torch.set_rng_state(state["random"])
