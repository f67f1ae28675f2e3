"""The code that each page begins with: a small model, its optimizer, a loader and a loss, new for each page."""

import ast
from collections.abc import Iterable

IMPORTS = """\
import torch

import paramsched as ps"""
BEGINNING = f"""\
{IMPORTS}

torch.manual_seed(0)
layers = torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2)
model = torch.nn.Sequential(*layers)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
data = [(torch.randn(4), torch.tensor(i % 2)) for i in range(64)]
loader = torch.utils.data.DataLoader(data, batch_size=4)
loss = torch.nn.CrossEntropyLoss()
"""
_IMPORTS = (ast.Import, ast.ImportFrom)
_SCOPES = (ast.For, ast.FunctionDef, ast.ClassDef)
MODULES = {"torch", "ps"}
NAMES = MODULES | {"model", "optimizer", "loader", "loss"}


def beginning(blocks: Iterable[str]) -> str:
    """Return the lines to paste before the blocks of a page; "" if they define all names that they use.

    >>> beginning(["import torch", "torch.ones(1)"])
    ''
    >>> print(beginning(["ps.cosine()"]))
    import torch
    <BLANKLINE>
    import paramsched as ps
    """
    needed = _free_names(blocks)
    return "" if not needed else BEGINNING if needed - MODULES else IMPORTS


def _free_names(blocks: Iterable[str]) -> set[str]:
    """Return the names of the beginning that a block of a page uses and no block before it has defined."""
    free: set[str] = set()
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
            own = bound if isinstance(statement, _SCOPES) else set()
            used = {node.id for node in inside if isinstance(node.ctx, ast.Load)}
            free |= used & NAMES - given - own
            given |= bound
    return free
