"""The pages of the Python API: `paramsched` itself, and its other public modules. Needs torch and Accelerate."""

import inspect
import re
import types
from collections.abc import Iterable

from public_names import documented, public_names

import paramsched
from paramsched.core.schedules import SHAPES

API = {
    "Run": (
        "Train with a plan: attach it to an optimizer, and state the facts of the run.",
        ("Scheduler", "Values", "BatchSampler", "Calendar", "find_lr"),
    ),
    "Plan": (
        "Write, load, save, check and compare plans.",
        (
            *("Plan", "Binding", "Target", "load", "loads", "dump", "check", "diff"),
            "recipes",
        ),
    ),
    "Look": (
        "Compute the values of a plan before it runs. [Pictures](paramsched-show.md) are drawn by `paramsched.show`.",
        ("trace",),
    ),
    "Build": (
        "Build schedules from [shapes](shapes.md) and [curves](curves.md), and define your own.",
        (
            "parse", "resolve", "Duration", "absolute", "previous", "following", "shape", "to_lambda",
        ),
    ),
    "Errors": (
        "The category of all warnings. [All exceptions](checks.md#exceptions) with their data.",
        ("PlanWarning",),
    ),
}  # fmt: skip
"""The names of `paramsched` by task, in order of use: a sentence and the names for each."""

MODULES = {
    "paramsched.show": "Draw plans, logs and schedulers for files, web pages, terminals and notebooks.",
    "paramsched.tools.audit": "Compare the values that a run used, from its log or checkpoint, with its plan.",
    "paramsched.extend": "What authors of shapes, curves, metric rules, readers and adapters need.",
    "paramsched.tools.range_test": "The range test of `ps.find_lr`, and its result.",
    "paramsched.tools.recipes": "Published training recipes, and a search for the recipe most similar to a plan.",
    "paramsched.engines.transformers": "Hugging Face Trainer. Start with [its guide](../engines/transformers.md).",
    "paramsched.engines.lightning": "`PlanCallback`. Start with [its guide](../engines/lightning.md).",
    "paramsched.engines.accelerate": "Accelerate. Start with [its guide](../engines/accelerate.md).",
    "paramsched.mmengine.engine": (
        "`PlanScheduler`, hooks and the scheduler classes. Start with [its guide](../engines/mmengine.md)."
    ),
    "paramsched.engines.pytorch_accelerated": (
        "pytorch-accelerated. Start with [its guide](../engines/pytorch_accelerated.md)."
    ),
    "paramsched.engines.axolotl": "`PlanPlugin`. Start with [its guide](../engines/transformers.md#axolotl).",
    "paramsched.engines.engine_facts": (
        "The options that the adapters of engines share, `EngineOptions` and `LoopOptions`, and what an adapter of "
        "your own needs."
    ),
    "paramsched.compat.torch": "Drop-ins for `torch.optim.lr_scheduler`; [differences](../reference/divergences.md).",
    "paramsched.mmengine": (
        "MMEngine's schedulers ([differences](../reference/divergences.md)), and a Runner that trains from its configs."
        " Start with [its guide](../how-to/runner.md)."
    ),
    "paramsched.compat.pytorch_accelerated": "Drop-ins for pytorch-accelerated's schedulers.",
    "paramsched.compat.gradual_warmup": "A drop-in for `warmup_scheduler`.",
    "paramsched.compat.megatron": "A drop-in for Megatron's `OptimizerParamScheduler`, also for plans.",
}
"""Public modules other than `paramsched` itself in order of use, with a sentence for each."""


def pages() -> dict[str, str]:
    """Return each page's name and text."""
    found = {"api": api_page(), "modules": modules_page()}
    return found | {page_of(module): module_page(module) for module in MODULES}


def api_page() -> str:
    """Return the page of `import paramsched as ps`: its names by task.

    Raises:
        ValueError: a public name is missing in `API`, or a name in `API` is not public.
    """
    listed = [name for _, names in API.values() for name in names]
    if wrong := set(listed) ^ {
        name for name in set(paramsched.__all__) - set(SHAPES) if not is_module(name)
    }:
        raise ValueError(
            f"module_pages.API and paramsched.__all__ differ: {', '.join(sorted(wrong))}"
        )
    sections = "\n".join(api_section(task, *entry) for task, entry in API.items())
    opening = (
        "Everything in `import paramsched as ps`, grouped by task. [Shapes](shapes.md), [curves](curves.md), "
        "[rules](rules.md) and [exceptions](checks.md#exceptions) have pages of their own, and so have the "
        "[other modules](modules.md)."
    )
    return f"# Python API\n\n{opening}\n\n{sections}"


def is_module(name: str) -> bool:
    """Return whether a public name is a module."""
    return isinstance(getattr(paramsched, name), types.ModuleType)


def api_section(task: str, sentence: str, names: Iterable[str]) -> str:
    """Return the section of one task: a table of its names, and the documentation of each."""
    rows = "\n".join(
        f"| {{py:obj}}`{name} <paramsched.{name}>` | {summary_of(name)} |"
        for name in names
    )
    table = f"| name | purpose |\n| --- | --- |\n{rows}"
    return f"## {task}\n\n{sentence}\n\n{table}\n\n{documented('paramsched', names)}"


def summary_of(name: str) -> str:
    """Return the first sentence of a name's docstring."""
    value = getattr(paramsched, name)
    if name in SUMMARIES:
        return SUMMARIES[name]
    first = (inspect.getdoc(value) or "").partition("\n\n")[0].replace("\n", " ")
    pieces = re.split(r"(`[^`]*`)", first.partition(". ")[0].rstrip(".") + ".")
    pieces[::2] = [re.sub(r"([*_])", r"\\\1", piece) for piece in pieces[::2]]
    return "".join(pieces).replace("|", "\\|")


SUMMARIES = {
    "previous": "The value at the end of the previous stage, as a level.",
    "following": "The value at the start of the next stage, as a level.",
    "recipes": "The published recipes, by name.",
}
"""Sentences for values, which have no docstring of their own."""


def modules_page() -> str:
    """Return the list of the other public modules."""
    rows = "\n".join(
        f"| [`{module}`]({page_of(module)}.md) | {text} |"
        for module, text in MODULES.items()
    )
    tree = "\n".join(page_of(module) for module in MODULES)
    return f"# Other modules\n\n| module | task |\n| --- | --- |\n{rows}\n\n```{{toctree}}\n:hidden:\n\n{tree}\n```\n"


def page_of(module: str) -> str:
    """Return the name of a module's page."""
    return module.replace(".", "-")


def module_page(module: str) -> str:
    """Return the page of one module's public names."""
    names = public_names(module)
    listed = documented(module, names) if names else ""
    return f"# {module}\n\n{MODULES[module]}\n\n`import {module}`\n\n{listed}\n"
