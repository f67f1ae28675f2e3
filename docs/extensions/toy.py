"""What every page's code begins with: a small model, its optimizer, a loader and a loss, new for each page."""

from typing import Any


def names() -> dict[str, Any]:
    """The names that the first snippet of a page finds."""
    import torch

    import paramsched as ps

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
    data = [(torch.randn(4), torch.tensor(one % 2)) for one in range(64)]
    return {
        "ps": ps,
        "torch": torch,
        "model": model,
        "optimizer": torch.optim.AdamW(model.parameters(), lr=1e-3),
        "loader": torch.utils.data.DataLoader(data, batch_size=4),
        "loss": torch.nn.CrossEntropyLoss(),
    }
