"""The data: the help on Python's language, which comes with every Python, and the order in which it is read."""

import hashlib
from pydoc_data.topics import topics

import torch
from torch import Tensor

LENGTH = 64  # tokens in a sequence; a token is a byte
TOKENS = 256  # so many different ones there are
HELD_OUT = 128  # sequences at the end of the text that are never trained on
SEED = 0


class Sequences:
    """Pieces of a text in an order that is a function of their number, as a plan is one of time.

    So how much a run has read says where it is in the text: there is no position of a sampler to save.
    """

    def __init__(self, text: Tensor) -> None:
        self.text = text
        self.per_pass = (len(text) - 1) // LENGTH - 1
        self._begins: tuple[int, Tensor] = (-1, text)  # of the pass that is read now

    def read(self, first: int, count: int) -> tuple[Tensor, Tensor]:
        """Return the sequences from number `first` of the run on, and for each of their tokens the next one."""
        begins = torch.stack([self._begin(number) for number in range(first, first + count)])
        tokens = self.text[begins[:, None] + torch.arange(LENGTH + 1)]
        return tokens[:, :-1], tokens[:, 1:]

    def _begin(self, number: int) -> Tensor:
        """Where a sequence begins. Each pass cuts the text at other places, and takes the pieces in another order."""
        this_pass, place = divmod(number, self.per_pass)
        if self._begins[0] != this_pass:
            chance = torch.Generator().manual_seed(SEED + this_pass)
            cut = torch.randint(LENGTH, (), generator=chance)
            self._begins = this_pass, cut + LENGTH * torch.randperm(self.per_pass, generator=chance)
        return self._begins[1][place]


def load() -> tuple[Sequences, tuple[Tensor, Tensor], str]:
    """Return the training text, the held-out sequences, and the SHA-256 of it all: every Python has its own help."""
    text = "\n\n".join(topics[name] for name in sorted(topics)).encode()
    data = torch.frombuffer(bytearray(text), dtype=torch.uint8).long()
    size = HELD_OUT * LENGTH + 1
    held_out = data[-size:]
    inputs, following = held_out[:-1].reshape(HELD_OUT, LENGTH), held_out[1:].reshape(HELD_OUT, LENGTH)
    return Sequences(data[:-size]), (inputs, following), hashlib.sha256(text).hexdigest()
