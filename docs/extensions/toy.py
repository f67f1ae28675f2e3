"""The code that each page begins with: a small model, its optimizer, a loader and a loss, new for each page."""

import ast
from collections.abc import Iterable

BEGINNING = """\
import torch

import paramsched as ps

torch.manual_seed(0)
layers = torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2)
model = torch.nn.Sequential(*layers)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
data = [(torch.randn(4), torch.tensor(i % 2)) for i in range(64)]
loader = torch.utils.data.DataLoader(data, batch_size=4)
loss = torch.nn.CrossEntropyLoss()
"""
_IMPORTS = (ast.Import, ast.ImportFrom)
NAMES = {"torch", "ps", "model", "optimizer", "loader", "loss"}


def is_needed(blocks: Iterable[str]) -> bool:
    """Return whether a block of a page uses a name that no block before it has defined.

    >>> is_needed(["import torch", "torch.ones(1)"]), is_needed(["optimizer.step()"])
    (False, True)
    """
    given: set[str] = set()
    for block in blocks:
        tree = ast.parse(block)
        imports = [node for node in ast.walk(tree) if isinstance(node, _IMPORTS)]
        given |= {
            alias.asname or alias.name for node in imports for alias in node.names
        }
        for statement in tree.body:
            inside = [
                node for node in ast.walk(statement) if isinstance(node, ast.Name)
            ]
            bound = {node.id for node in inside if isinstance(node.ctx, ast.Store)}
            own = (
                bound if isinstance(statement, (ast.For, ast.FunctionDef)) else set()
            )
            if {
                node.id for node in inside if isinstance(node.ctx, ast.Load)
            } & NAMES - given - own:
                return True
            given |= bound
    return False
