"""`paramsched audit`: compare a log with a plan. Package: `tools`."""

from typing import Any

import click

from paramsched.cli._options import (
    Command,
    CommandOptions,
    ExistingFile,
    column_option,
    command_line,
    json_option,
    named_columns,
    new_base_option,
    plan_options,
    time_option,
    tolerance_option,
)
from paramsched.cli._output import BAD_PLAN, WrongUsage, echo, echo_json, terminal_width, write_output


@click.command(
    "audit",
    cls=Command,
    short_help="Compare a log with a plan, or report the facts of a log.",
    examples=(
        "paramsched audit values.jsonl",
        "paramsched audit values.jsonl --plan plan.yaml --steps-per-epoch 500",
        "paramsched audit log.csv -p plan.yaml --column lr=rate --steps-per-epoch 500",
        "paramsched audit values.jsonl -p plan.yaml --steps-per-epoch 500 --json",
    ),
)
@click.argument("log", metavar="LOG", type=ExistingFile(or_folder=True))
@click.option(
    "--plan",
    "-p",
    metavar="PLAN",
    help="The plan: a file, recipe:NAME, or one line of text. Without it, the facts of LOG are printed.",
)
@plan_options
@new_base_option(help="Bases that schedules multiply: 0.1 (of lr), lr=0.1, lr@head=0.01. By default, those of LOG.")
@column_option
@time_option
@click.option("--amount", metavar="NAME", help="Column with the amount, for a plan by tokens, samples, …")
@click.option(
    "--group", "names", multiple=True, metavar="NAME", help="Names of the groups, in order, if the log has none."
)
@click.option("--optimizer", metavar="NAME", help="Name of the optimizer, if the log has several.")
@tolerance_option
@click.option("--html", "page", metavar="FILE", help="Draw the log, and the plan, into FILE.")
@json_option
def paramsched_audit(
    log: str,
    plan: str | None,
    options: CommandOptions,
    columns: tuple[str, ...],
    time: str | None,
    amount: str | None,
    names: tuple[str, ...],
    optimizer: str | None,
    tolerance: float | None,
    page: str | None,
    as_json: bool,
) -> None:
    """Compare LOG with a plan, value by value. Print the first difference, and the number that explains all.

    Without --plan, draw LOG and print its facts: the number of rows, the first, last, lowest and highest value, where
    the values rise, fall, stay and jump, zeros, and updates that occur twice or go back.

    LOG is JSONL written by paramsched, CSV or JSONL with columns named by --column, or of TensorBoard. Values logged by
    another program may differ from the plan by rounding. A base that is neither in the log nor passed with --base is
    fitted to the log, if all values agree then.

    A plan by tokens is compared at the tokens in the log, from the column `tokens` or --amount. Without such a column,
    they are computed from the facts of the run. The same holds for other clocks.

    Exit code 1 if a value differs, or if a learning rate is always 0.
    """
    from dataclasses import asdict

    from paramsched import show
    from paramsched.cli._input import config_in, curves_of_config, facts_from_options, plan_of_curves, read_plan_input
    from paramsched.cli._traces import given_bases
    from paramsched.core.plan import amount_clock
    from paramsched.errors import UnknownGroup
    from paramsched.show.plan_curves import resumes_in
    from paramsched.tools.audit import AmountColumn, read_log
    from paramsched.tools.audit.compare import bases_of_match, matched_with_plan, picture_of_match

    named = named_columns(columns)
    if plan is None:
        values = {"--base": options.bases, "--amount": amount, "--group": names}
        if needless := [option for option, value in values.items() if value not in (None, ())]:
            raise WrongUsage(needless[0], "it needs --plan plan.yaml")
        _report_facts(log, named, time, optimizer, page, as_json=as_json)
        return
    config = config_in(plan)
    base_options = options.bases
    if config is not None:
        curves = curves_of_config(config, options, paramwise=False)
        read = plan_of_curves(curves)
        plan_options = options.with_facts(total=None)
        base_options = ()
    else:
        plan_input = read_plan_input(plan, options)
        read = plan_input.plan
        plan_options = plan_input.complete_options
    planned = list(dict.fromkeys(binding.name for binding in read.bindings))
    try:
        clock = amount_clock(read.clock)
        if clock is None and amount is not None:
            raise WrongUsage(f"--amount {amount}", "the plan's clock counts updates", "Leave --amount out")
        consumed = AmountColumn(clock, amount)
        logged = read_log(
            log,
            planned,
            columns=named,
            time=time,
            optimizer=optimizer,
            amount=consumed,
            tolerance=tolerance,
        )
        report, matched = matched_with_plan(
            logged,
            read,
            facts_from_options(plan_options),
            bases=dict(given_bases(read, base_options, logged=(*logged.names, *names)).items()),
            names=names,
        )
    except UnknownGroup as error:
        instead = "Pass --group for each group of the log, in order"
        if names:
            instead = 'For example: --column "lr@head=lr_1" for the column of another group'
        raise error.changed(site=log, advice=instead) from None
    if page is not None:
        figure = picture_of_match(logged, matched)
        lines = {
            "command": command_line(),
            "bases": bases_of_match(matched),
            "resumed": resumes_in(column.pair.column.t for column in matched),
        }
        write_output(page, show.html(figure.trace, title=figure.title, log=figure.log, facts=lines))
    if as_json:
        data: dict[str, Any] = {"log": log, "equal": report.first is None} | asdict(report)
        if report.first is not None and report.first.amount is None:
            del data["first"]["amount"], data["first"]["clock"]  # the plan counts updates
        echo_json(data)
    else:
        echo(str(report))
    if report.first is not None or report.is_constantly_zero:
        click.get_current_context().exit(BAD_PLAN)


def _report_facts(
    log: str,
    columns: dict[str, str],
    time: str | None,
    optimizer: str | None,
    page: str | None,
    *,
    as_json: bool,
) -> None:
    """Draw a log and print its facts."""
    from dataclasses import asdict

    from paramsched import show
    from paramsched.show.plan_curves import resumes_in
    from paramsched.tools.audit.compare import log_facts, picture_of_log, read_values

    logged = read_values(log, columns=columns, time=time, optimizer=optimizer)
    facts = log_facts(logged)
    if page is not None:
        figure = picture_of_log(logged, f"Values of {log}")
        lines = {"command": command_line(), "resumed": resumes_in(column.t for column in logged.columns)}
        write_output(page, show.html(figure.trace, title=figure.title, facts=lines))
    if as_json:
        echo_json(asdict(facts))
    else:
        if any(column.rows > 1 for column in facts.columns):
            figure = picture_of_log(logged, log)
            echo(show.text(figure.trace, width=max(terminal_width() or 80, 24)))
        echo(str(facts))
    if facts.has_rate_of_zero:
        click.get_current_context().exit(BAD_PLAN)
