"""The data: the language help of the Python installation, and the order in which it is read."""

import hashlib
from pydoc_data.topics import topics

import torch
from torch import Tensor

LENGTH = 64  # tokens in a sequence; a token is a byte
TOKENS = 256  # size of the vocabulary
HELD_OUT = 128  # sequences at the end of the text that are never trained on
SEED = 0


class Sequences:
    """The sequences of a text in an order that is a function of their number, like the plan.

    The number of consumed tokens is therefore the position in the text: no state of a sampler is saved.
    """

    def __init__(self, text: Tensor) -> None:
        self.text = text
        self.per_epoch = (len(text) - 1) // LENGTH - 1
        self._starts: tuple[int, Tensor] = (-1, text)  # the current epoch, and the starts of its sequences

    def read(self, first: int, count: int) -> tuple[Tensor, Tensor]:
        """Return `count` sequences, starting at number `first`, and the next token of each of their tokens."""
        starts = torch.stack([self._start(number) for number in range(first, first + count)])
        tokens = self.text[starts[:, None] + torch.arange(LENGTH + 1)]
        return tokens[:, :-1], tokens[:, 1:]

    def _start(self, number: int) -> Tensor:
        """Return the start of a sequence. Each epoch splits the text at other offsets and shuffles the sequences."""
        epoch, index = divmod(number, self.per_epoch)
        if self._starts[0] != epoch:
            generator = torch.Generator().manual_seed(SEED + epoch)
            offset = torch.randint(LENGTH, (), generator=generator)
            self._starts = epoch, offset + LENGTH * torch.randperm(self.per_epoch, generator=generator)
        return self._starts[1][index]


def load() -> tuple[Sequences, tuple[Tensor, Tensor], str]:
    """Return the training text, the held-out sequences, and the SHA-256 of the text.

    The text depends on the Python version.
    """
    text = "\n\n".join(topics[name] for name in sorted(topics)).encode()
    data = torch.frombuffer(bytearray(text), dtype=torch.uint8).long()
    size = HELD_OUT * LENGTH + 1
    held_out = data[-size:]
    inputs, following = held_out[:-1].reshape(HELD_OUT, LENGTH), held_out[1:].reshape(HELD_OUT, LENGTH)
    return Sequences(data[:-size]), (inputs, following), hashlib.sha256(text).hexdigest()
