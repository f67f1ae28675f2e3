"""`paramsched audit`: whether a run used what was planned, and if not, why."""

from typing import Any

import click

from paramsched.cli._options import (
    BAD_PLAN,
    CalendarOptions,
    Command,
    ExistingFile,
    base_option,
    calendar_options,
    field_option,
    format_option,
    json_option,
)


@click.command(
    "audit",
    cls=Command,
    short_help="Compare a log with a plan; name the cause of a difference.",
    examples=(
        "paramsched audit values.jsonl --plan plan.yaml --steps-per-epoch 500",
        "paramsched audit log.csv -p plan.yaml --column lr=rate --steps-per-epoch 500",
        "paramsched audit checkpoint.pt --plan plan.yaml --json",
    ),
)
@click.argument("log", metavar="LOG", type=ExistingFile())
@click.option("--plan", "-p", required=True, metavar="PLAN", help="A plan's file, or one line of text.")
@calendar_options
@field_option
@format_option
@base_option
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="FIELD=NAME",
    help="Column that logs a field: lr=learning_rate, lr@head=lr_1 for one group.",
)
@click.option("--time", metavar="NAME", help="Column that counts the updates, from 0.")
@click.option("--amount", metavar="NAME", help="Column that says what was consumed, for a plan that counts it.")
@click.option(
    "--group", "names", multiple=True, metavar="NAME", help="Names of the groups, in order, if the log has none."
)
@click.option("--optimizer", metavar="NAME", help="Which optimizer, where the log has several.")
@click.option("--at", type=click.IntRange(min=0), help="Completed updates of a checkpoint that does not say.")
@click.option("--processes", type=click.IntRange(min=1), help="How many trained together; tells causes apart.")
@json_option
def paramsched_audit(
    log: str,
    plan: str,
    facts: CalendarOptions,
    field: str,
    format: str | None,
    bases: tuple[str, ...],
    columns: tuple[str, ...],
    time: str | None,
    amount: str | None,
    names: tuple[str, ...],
    optimizer: str | None,
    at: int | None,
    processes: int | None,
    as_json: bool,
) -> None:
    """Compare LOG with a plan, value by value; print the first difference and its likely cause.

    LOG is JSONL as paramsched writes it, CSV or JSONL with columns named by --column, or a checkpoint with an
    optimizer's state. Every cause is tried on the log: the one named is the one under which the plan's values are the
    log's. A base that neither --base nor the log says is found from the log.

    A plan whose clock counts tokens is compared at the tokens that the log has, in a column of that name or --amount;
    where it has none, at those that the facts of the run say. Other clocks likewise.

    Exit code 1 if a value differs.
    """
    import dataclasses
    import json
    from math import isfinite

    from paramsched.audit import AmountColumn, UnreadableLog, compare_with_plan, read_log
    from paramsched.cli._given_plan import calendar_from_options, plan_of
    from paramsched.cli._traces import given_bases
    from paramsched.plan.binding import amount_clock

    read = plan_of(plan, format=format, field=field, facts=facts)
    planned = [one.name for one in read.bindings if isinstance(one.field, str)]
    try:
        named = dict(_column(one) for one in columns)
        clock = amount_clock(read.clock)
        if clock is None and amount is not None:
            raise click.UsageError(f"--amount {amount}: the plan's clock counts updates. Leave --amount out")
        consumed = AmountColumn(clock, amount)
        logged = read_log(log, planned, columns=named, time=time, optimizer=optimizer, at=at, amount=consumed)
        report = compare_with_plan(
            logged,
            read,
            calendar_from_options(facts),
            bases={(name, group): value for (name, group), value in given_bases(read, bases).items()},
            names=names,
            processes=processes,
        )
    except UnreadableLog as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        data: dict[str, Any] = {"log": log, "equal": report.first is None} | dataclasses.asdict(report)
        if report.first is not None and not isfinite(report.first.logged):
            data["first"]["logged"] = repr(report.first.logged)  # JSON has no infinities
        if report.first is not None and report.first.amount is None:
            del data["first"]["amount"], data["first"]["clock"]  # the plan counts updates
        # A path may hold what is no character; in JSON an escape says it.
        click.echo(json.dumps(data, ensure_ascii=False).encode("utf-8", "backslashreplace").decode())
    else:
        click.echo(str(report))
    if report.first is not None:
        click.get_current_context().exit(BAD_PLAN)


def _column(text: str) -> tuple[str, str]:
    place, equals, name = text.partition("=")
    if not equals or not place or not name:
        raise click.UsageError(f'--column {text}: no name. Write --column lr=learning_rate, or --column "lr@head=lr_1"')
    return place, name
