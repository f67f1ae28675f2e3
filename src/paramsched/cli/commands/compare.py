"""`paramsched compare`: rank plans by their predicted loss. Door: `tools`."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from paramsched.cli._options import (
    Command,
    PlanOptions,
    aligned_rows,
    base_option,
    echo,
    echo_data,
    echo_note,
    format_option,
    json_option,
    loss_option,
    plan_options,
    plans_argument,
)
from paramsched.core.base.diagnostic import json_text

if TYPE_CHECKING:
    from paramsched.core.plan.trace import Trace

_RECIPE = "recipe:"
_BY_BOUND = "Ranked by a convex bound, not by a predicted loss, which needs --loss law.json"
_BY_BOUND_OF_LENGTHS = "Not ranked: a convex bound compares runs of one length only"


@click.command(
    "compare",
    cls=Command,
    short_help="Rank plans by their predicted loss.",
    examples=(
        "paramsched compare cosine.yaml wsd.yaml --loss law.json --base lr=3e-4",
        "paramsched compare cosine.yaml wsd.yaml",
        "paramsched compare plan.yaml recipe:nemotron-3-nano",
    ),
)
@plans_argument()
@loss_option
@plan_options
@base_option
@format_option
@json_option
def paramsched_compare(
    plans: tuple[str, ...],
    loss: str | None,
    options: PlanOptions,
    as_json: bool,
) -> None:
    """Print one row per PLAN, the best first: the predicted loss of the last update, its band, and the gap to the best.

    Plans whose gap has a band that contains 0 are about equal. Gaps were predicted too large rather than too small.
    Without --loss, the rows show the convex bound, which ranks schedules of one length without an earlier run, but is
    not a loss.

    For a PLAN and a published recipe, the table shows instead where the plan departs from it: the shape, the shares of
    the warmup and the decay, the floor as a share of the peak, the peak, and the batch with its ramp.
    """
    from paramsched.cli._traces import named_traces, of_each_plan, predictions, trace_plan_inputs
    from paramsched.tools.loss_law.convex_bound import CONDITION, bound
    from paramsched.tools.loss_law.law import BIAS, load

    published = next((one for one in plans[::-1] if one.startswith(_RECIPE)), None)
    if loss is None and len(plans) == 2 and published is not None:
        own = plans[0] if published == plans[1] else plans[1]
        drawn, _ = trace_plan_inputs((own,), options)
        _compare_with_recipe(own, named_traces(drawn, own)[own], published, as_json=as_json)
        return
    drawn, _ = trace_plan_inputs(plans, options)
    traces = named_traces(drawn, plans[0])
    if loss is None:
        one_length = len({one.total for one in traces.values()}) == 1
        bounds = of_each_plan(traces, lambda one: bound(one).value)
        best, data, table = min(bounds.values()), [], [["plan", "bound", "gap"]]
        for name, value in sorted(bounds.items(), key=lambda item: item[1]):
            data.append({"plan": name, "bound": value, "gap": value - best if one_length else None})
            table.append([name, f"{value:.4g}", f"{value - best:.4g}" if one_length else "other length"])
        if not as_json:
            echo(_BY_BOUND if one_length else _BY_BOUND_OF_LENGTHS)
            echo_note(CONDITION)
        found: dict[str, object] = {"plans": data, "condition": CONDITION}
    else:
        law, data, table = load(loss), [], [["plan", "loss", "band", "gap", "band of the gap"]]
        runs = sorted(predictions(loss, traces).items(), key=lambda item: item[1].final)
        for name, one in runs:
            gap = law.difference(one, runs[0][1])
            low, high = one.final_band
            row = {"plan": name, "final": one.final, "final_band": [low, high]}
            data.append({**row, "gap": gap.final, "gap_band": list(gap.final_band), "about_equal": gap.about_equal})
            shown = [f"{gap.final:.4f}", f"{gap.low:.4f} to {gap.high:.4f}{' about equal' * gap.about_equal}"]
            table.append(
                [name, f"{one.final:.4f}", f"{low:.4f} to {high:.4f}", *(shown if len(table) > 1 else ["", ""])]
            )
        found = {"plans": data}
        if len(runs) > 1:
            found["bias"] = BIAS
            if not as_json:
                echo_note(BIAS)
    (echo_data if as_json else echo)(json_text(found) if as_json else "\n".join(aligned_rows(table)))


def _compare_with_recipe(plan: str, run: "Trace", published: str, *, as_json: bool) -> None:
    """Print where a plan departs from a published recipe, which has its own bases and run facts."""
    from paramsched.cli._plan_input import recipe_named
    from paramsched.tools.recipes.departures import departures

    recipe = recipe_named(published)
    rows = departures(run, recipe.trace())
    if as_json:
        echo_data(json_text({"recipe": published, "source": recipe.source, "rows": [asdict(one) for one in rows]}))
        return
    marks = {True: "departs", False: "", None: "?"}
    table = [["", plan, published, ""], *([one.what, one.plan, one.recipe, marks[one.departs]] for one in rows)]
    echo("\n".join(aligned_rows(table)))
    for text in (recipe.source, *(f"inferred: {one}" for one in recipe.inferred)):
        echo_note(f"{published}: {text}")
