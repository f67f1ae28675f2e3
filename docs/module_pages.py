"""The pages of the Python API: `paramsched` itself, and its other public modules. Needs torch and Accelerate."""

import types

from public_names import documented, public_names

import paramsched
from paramsched.schedules import SHAPES

MODULES = {
    "paramsched.config": "Reading, writing, checking and converting plans.",
    "paramsched.show": "Pictures of plans, logs and schedulers, for files, pages, terminals and notebooks.",
    "paramsched.audit": "What a run really used, from its log or checkpoint, beside its plan.",
    "paramsched.feedback": "Rules that follow a metric.",
    "paramsched.testing": "The library's laws as tests for shapes, curves, rules and dialects of your own.",
    "paramsched.runner": "Training by a config with MMEngine's names. [Its guide](../runner.md) comes first.",
    "paramsched.recipe_book": "Published training recipes, and which of them a plan is like.",
    "paramsched.engines.accelerate": "[Its guide](../engines/accelerate.md) comes first.",
    "paramsched.engines.ignite": "[Its guide](../engines/ignite.md) comes first.",
    "paramsched.engines.lightning": "`PlanCallback`; [its guide](../engines/lightning.md).",
    "paramsched.engines.mmengine": "`PlanScheduler`, hooks, and the 29 classes; [its guide](../engines/mmengine.md).",
    "paramsched.engines.pytorch_accelerated": "`AmountCallback`; [its guide](../engines/pytorch_accelerated.md).",
    "paramsched.engines.skorch": "`PlanCallback`; [its guide](../engines/skorch.md).",
    "paramsched.engines.transformers": "[Its guide](../engines/transformers.md) comes first.",
    "paramsched.compat.torch": "Drop-ins for `torch.optim.lr_scheduler`; [differences](../compat/divergences.md).",
    "paramsched.compat.mmengine": "Drop-ins for MMEngine's schedulers; [differences](../compat/divergences.md).",
    "paramsched.compat.pytorch_accelerated": "Drop-ins for pytorch-accelerated's schedulers.",
    "paramsched.compat.gradual_warmup": "A drop-in for `warmup_scheduler`.",
}
"""Public modules beside `paramsched` itself, with a sentence for each."""


def pages() -> dict[str, str]:
    """Each page's name and text."""
    found = {"api": api_page(), "modules": modules_page()}
    return found | {page_of(module): module_page(module) for module in MODULES}


def api_page() -> str:
    """What `import paramsched as ps` has beside shapes, curves and errors."""
    others = sorted(set(paramsched.__all__) - set(SHAPES))
    names = [name for name in others if not isinstance(getattr(paramsched, name), types.ModuleType)]
    opening = (
        "What `import paramsched as ps` has beside [shapes](shapes.md), [curves](curves.md) and [errors](errors.md)."
    )
    return f"# paramsched\n\n{opening}\n\n{documented('paramsched', names)}\n"


def modules_page() -> str:
    """The list of the other public modules."""
    rows = "\n".join(f"| [`{module}`]({page_of(module)}.md) | {text} |" for module, text in MODULES.items())
    tree = "\n".join(page_of(module) for module in MODULES)
    return (
        f"# Modules\n\n| module | what it is for |\n| --- | --- |\n{rows}\n\n```{{toctree}}\n:hidden:\n\n{tree}\n```\n"
    )


def page_of(module: str) -> str:
    """The name of a module's page."""
    return module.replace(".", "-")


def module_page(module: str) -> str:
    """One module's public names."""
    names = public_names(module)
    listed = documented(module, names) if names else ""
    return f"# {module.removeprefix('paramsched.')}\n\n{MODULES[module]}\n\n`import {module}`\n\n{listed}\n"
