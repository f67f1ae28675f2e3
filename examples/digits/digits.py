"""The data: scikit-learn's 1,797 handwritten digits, and the order in which they are seen."""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor


class Batches:
    """The training images in an order that is a function of `t`, like the plan: there is no position to save.

    `len(batches)` is the number of updates in an epoch; each epoch sees every image once.
    """

    def __init__(self, images: Tensor, labels: Tensor, *, size: int, seed: int) -> None:
        self.images, self.labels = images, labels
        self.size, self.seed = size, seed

    def __len__(self) -> int:
        return -(-len(self.images) // self.size)

    def at(self, t: int) -> tuple[Tensor, Tensor]:
        """Return images and labels for update number `t`, counted from zero."""
        epoch, place = divmod(t, len(self))
        shuffled = torch.randperm(len(self.images), generator=torch.Generator().manual_seed(self.seed + epoch))
        chosen = shuffled[place * self.size : (place + 1) * self.size]
        return self.images[chosen], self.labels[chosen]


def load(*, batch_size: int = 32, seed: int = 0) -> tuple[Batches, Tensor, Tensor]:
    """Return the training batches, and images and labels of the held-out fifth."""
    pixels, digits = load_digits(return_X_y=True)
    images = torch.tensor(pixels / 16, dtype=torch.float32).reshape(-1, 1, 8, 8)
    labels = torch.tensor(digits)
    train, test = train_test_split(range(len(labels)), test_size=0.2, random_state=seed, stratify=labels)
    return Batches(images[train], labels[train], size=batch_size, seed=seed), images[test], labels[test]
