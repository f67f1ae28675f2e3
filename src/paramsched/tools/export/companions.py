"""Code next to the functions: a scheduler of torch, and a test."""

import re
from collections.abc import Sequence

from paramsched.core.base import VERSION
from paramsched.core.plan.binding import UPDATES
from paramsched.core.schedules.evaluation import evaluate
from paramsched.errors import PlanError
from paramsched.tools.export.plan_lines import Exported, Line
from paramsched.tools.export.writing import WIDTH, in_docstring, literal, number_text

TORCH_IMPORT = "from torch.optim.lr_scheduler import LRScheduler"


def require_torch_lines(lines: Sequence[Line]) -> None:
    """Raise an error for a line that an LRScheduler of torch cannot apply."""
    for line in lines:
        why = None
        if line.field != "lr" or line.is_target:
            why = "an LRScheduler sets only lr"
        elif line.clock != UPDATES:
            why = f"an LRScheduler counts updates, but the line counts {line.clock}"
        elif isinstance(line.groups, str) and re.search(r"[*?\[,=]", line.groups):
            why = "its groups are selected by a pattern; make_scheduler finds groups by name or index"
        if why is not None:
            raise PlanError(f"torch=True: {line.key}", why, "Export lr alone: paramsched convert --field lr")


def torch_function(lines: Sequence[Line]) -> str:
    """Return the source code of `make_scheduler`, which sets groups by name or index, or all groups alike."""
    named = [one for one in lines if one.groups is not None]
    default = next((one.function for one in lines if one.groups is None), "lambda t, base: base")
    if not named:
        rates = [f"    rates = [{default} for _ in optimizer.param_groups]"]
    elif any(isinstance(one.groups, int) for one in named):
        by_name = [one for one in named if isinstance(one.groups, str)]
        rates = [
            f"    rates = [{default} for _ in optimizer.param_groups]",
            *(f"    rates[{one.groups}] = {one.function}" for one in named if isinstance(one.groups, int)),
        ]
        if by_name:
            raise PlanError(f"torch=True: {by_name[0].key}", "other lines select groups by index", "Select all by name")
    else:
        names = [f"{literal(str(one.groups))}: {one.function}" for one in named]
        rates = [
            f"    known = {{{', '.join(names)}}}",
            '    names = [group.get("name") for group in optimizer.param_groups]',
            f"    rates = [known.get(name, {default}) for name in names]",
        ]
        if len(rates[0]) > WIDTH:
            rates[0:1] = ["    known = {", *(f"        {one}," for one in names), "    }"]
    return "\n".join(
        [
            "def make_scheduler(optimizer, last_epoch=-1):",
            '    """Return a scheduler of torch that sets lr. Call its step() after each update."""',
            *rates,
            "",
            "    class Exported(LRScheduler):",
            "        def get_lr(self):",
            "            pairs = zip(rates, self.base_lrs, strict=True)",
            "            return [rate(self.last_epoch, base) for rate, base in pairs]",
            "",
            "    return Exported(optimizer, last_epoch)",
        ]
    )


def test_of(exported: Exported, module: str) -> str:
    """Return the source code of a pytest file with values at boundaries and 50 even places.

    Args:
        exported: the plan.
        module: the path of the exported module, from the folder of the test.
    """
    rows = []
    for line in exported.lines:
        places = exported.places(line, 50)
        values = evaluate(line.schedule, line.times(places), line.base)
        rows += [f"    {literal(line.key)}: ["]
        rows += [
            f"        ({t!r}, {number_text(value)})," for t, value in zip(places.tolist(), values.tolist(), strict=True)
        ]
        rows += ["    ],"]
    return "\n".join(
        [
            f'"""Values of {in_docstring(module)}, planned by paramsched {VERSION}."""',
            "",
            *(["import math"] if any("math." in row for row in rows) else []),
            "import runpy",
            "from pathlib import Path",
            "",
            "import pytest",
            "",
            f"MODULE = Path(__file__).parent / {literal(module)}",
            "VALUES = {",
            *rows,
            "}",
            "",
            "",
            '@pytest.mark.parametrize("name", VALUES)',
            "def test_values(name):",
            '    schedule = runpy.run_path(str(MODULE))["SCHEDULES"][name]',
            "    for t, value in VALUES[name]:",
            "        assert schedule(t) == pytest.approx(value, rel=1e-9, abs=1e-12 * abs(value))",
            "",
        ]
    )
