"""The model, and the optimizer with the base values that the plan multiplies."""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention

from help_text import LENGTH, TOKENS

WIDTH, HEADS, LAYERS = 64, 4, 2


class Layer(nn.Module):
    """A transformer block: causal attention, then a feed-forward network, each with a residual connection."""

    def __init__(self) -> None:
        super().__init__()
        self.before_attention, self.before_network = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attention, self.heads_together = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.network = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        """Map a tensor of shape (batch, length, width) to one of the same shape."""
        parts = self.attention(self.before_attention(x)).chunk(3, dim=-1)
        query, key, value = (part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in parts)
        heads = scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.heads_together(heads.transpose(1, 2).flatten(2))
        return x + self.network(self.before_network(x))


class LanguageModel(nn.Module):
    """A transformer of 137,000 weights that predicts the next byte. It has no dropout, so training is deterministic."""

    def __init__(self) -> None:
        super().__init__()
        self.token, self.place = nn.Embedding(TOKENS, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.layers = nn.Sequential(*(Layer() for _ in range(LAYERS)))
        self.last_norm, self.scores = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, TOKENS)

    def loss(self, tokens: Tensor, following: Tensor) -> Tensor:
        """Return the mean cross-entropy of the predictions of the next tokens, in nats."""
        x = self.token(tokens) + self.place.weight
        scores = self.scores(self.last_norm(self.layers(x)))
        return cross_entropy(scores.flatten(0, 1), following.flatten())


def adamw(model: nn.Module) -> torch.optim.AdamW:
    """AdamW over two groups: matrices decay, biases and norms do not."""
    parameters = list(model.parameters())
    return torch.optim.AdamW(
        [
            {"name": "decay", "params": [p for p in parameters if p.ndim > 1], "weight_decay": 0.1},
            {"name": "no_decay", "params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ],
        lr=3e-3,
        betas=(0.9, 0.95),
    )
