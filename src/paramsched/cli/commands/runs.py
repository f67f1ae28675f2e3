"""The commands for runs: `paramsched audit`, `check`, `history`, `resume` and `run`."""

import sys
from pathlib import Path
from typing import Any

import click

from paramsched.cli._options import (
    BAD_PLAN,
    BAD_USAGE,
    Command,
    Count,
    ExistingFile,
    FactOption,
    NearChoice,
    PlanOptions,
    base_option,
    checkpoint_argument,
    column_option,
    echo,
    echo_note,
    file_problem,
    format_option,
    json_option,
    named_columns,
    offer_codes,
    offer_plans,
    plan_options,
    plans_argument,
    scheduler_option,
    time_option,
    tolerance_option,
    write_output,
)
from paramsched.core.base.check_rules import check_rules
from paramsched.core.base.diagnostic import json_text

_at_option = click.option(
    "--at",
    type=Count(min=0),
    metavar="N",
    help="Number of completed updates, for a checkpoint that does not contain it.",
)


@click.command(
    "audit",
    cls=Command,
    short_help="Compare a log with a plan, or find the schedule of a log.",
    examples=(
        "paramsched audit values.jsonl",
        "paramsched audit values.jsonl --plan plan.yaml --steps-per-epoch 500",
        "paramsched audit log.csv -p plan.yaml --column lr=rate --steps-per-epoch 500",
        "paramsched audit checkpoint.pt --plan plan.yaml --json",
        "paramsched audit schedule.py",
    ),
)
@click.argument("log", metavar="LOG", type=ExistingFile(or_folder=True))
@click.option(
    "--plan",
    "-p",
    metavar="PLAN",
    shell_complete=offer_plans,
    help="The plan: a file, recipe:NAME, or one line of text. Without it, the schedule of LOG is found; "
    "exported code is compared with its own plan.",
)
@plan_options
@format_option
@base_option
@column_option
@time_option
@click.option("--amount", metavar="NAME", help="Column with the consumed amount, for a plan by tokens, samples, …")
@click.option(
    "--group", "names", multiple=True, metavar="NAME", help="Names of the groups, in order, if the log has none."
)
@click.option("--optimizer", metavar="NAME", help="Name of the optimizer, if the log has several.")
@_at_option
@click.option(
    "--processes",
    type=Count(min=1),
    metavar="N",
    help="Number of processes of the run; it helps to name the cause.",
)
@tolerance_option
@click.option("--strict", is_flag=True, help="Without --plan: exit with code 1 if there is a note about the run.")
@click.option("--html", "page", metavar="FILE", help="Without --plan: draw the log and its schedule into FILE.")
@json_option
def paramsched_audit(
    log: str,
    plan: str | None,
    options: PlanOptions,
    columns: tuple[str, ...],
    time: str | None,
    amount: str | None,
    names: tuple[str, ...],
    optimizer: str | None,
    at: int | None,
    processes: int | None,
    tolerance: float | None,
    strict: bool,
    page: str | None,
    as_json: bool,
) -> None:
    """Compare LOG with a plan, value by value. Print the first difference and its likely cause.

    Without --plan, print the schedule that LOG follows, and what may be wrong with its run: a schedule that restarted,
    that was planned for a longer run, or that moved once per epoch.

    LOG is JSONL written by paramsched, CSV or JSONL with columns named by --column, the trainer_state.json of
    transformers, or a checkpoint with an optimizer's state, as for `paramsched resume`. Values logged by another
    program may differ from the plan by rounding. The cause named is the one that explains all logged values. A base
    that is neither in the log nor passed with --base is computed from the log.

    A plan by tokens is compared at the tokens in the log, from the column `tokens` or --amount. Without such a column,
    they are computed from the facts of the run. The same holds for other clocks.

    If LOG is a Python file that `paramsched convert --to python` wrote, its values are compared with PLAN, or with the
    plan in its docstring. The file is not executed: its functions are evaluated from its syntax tree, and a file with
    other code is refused.

    Exit code 1 if a value differs, or without --plan if no schedule explains all values.
    """
    if log.endswith(".py"):
        _audit_exported(log, plan, options, as_json=as_json)
        return
    from dataclasses import asdict

    from paramsched.cli._plan_input import calendar_from_options, read_plan_input
    from paramsched.cli._traces import given_bases
    from paramsched.core.plan.binding import amount_clock
    from paramsched.errors import UnknownGroup
    from paramsched.tools.audit import AmountColumn, compare_with_plan, read_log, recognize

    named = named_columns(columns)
    if plan is None:
        given = {"--base": options.bases, "--amount": amount, "--group": names, "--processes": processes, "--at": at}
        if needless := [option for option, value in given.items() if value not in (None, ())]:
            raise click.UsageError(f"{needless[0]}: it needs --plan plan.yaml")
        found = recognize(log, columns=named, time=time, optimizer=optimizer)
        if page is not None:
            from paramsched.cli._recognized import page_of_recognition

            write_output(page, page_of_recognition(found, log))
        echo(json_text(found.as_data()) if as_json else str(found))
        if not found.complete or (strict and found.notes):
            click.get_current_context().exit(BAD_PLAN)
        return
    if strict or page is not None:
        raise click.UsageError(f"{'--strict' if strict else '--html'}: it is for a log without --plan")
    read = read_plan_input(plan, options).plan
    planned = list(dict.fromkeys(one.name for one in read.bindings))
    try:
        clock = amount_clock(read.clock)
        if clock is None and amount is not None:
            raise click.UsageError(f"--amount {amount}: the plan's clock counts updates. Leave --amount out")
        consumed = AmountColumn(clock, amount)
        logged = read_log(
            log,
            planned,
            columns=named,
            time=time,
            optimizer=optimizer,
            at=at,
            amount=consumed,
            tolerance=tolerance,
        )
        report = compare_with_plan(
            logged,
            read,
            calendar_from_options(options),
            bases={(name, group): value for (name, group), value in given_bases(read, options.bases).items()},
            names=names,
            processes=processes,
        )
    except UnknownGroup as error:
        instead = "Write --group NAME for each group of the log, in order"
        if names:
            instead = 'Write --column "lr@head=lr_1" for the column of another group'
        raise error.changed(site=log, instead=instead) from None
    if as_json:
        data: dict[str, Any] = {"log": log, "equal": report.first is None} | asdict(report)
        if report.first is not None and report.first.amount is None:
            del data["first"]["amount"], data["first"]["clock"]  # the plan counts updates
        echo(json_text(data))
    else:
        echo(str(report))
    if report.first is not None:
        click.get_current_context().exit(BAD_PLAN)


def _audit_exported(path: str, plan: str | None, options: PlanOptions, *, as_json: bool) -> None:
    """Compare exported code with a plan, and print the first difference."""
    import dataclasses

    from paramsched.cli._plan_input import calendar_from_options, read_plan_input, with_facts_beside
    from paramsched.core.files import Loaded
    from paramsched.tools.export.verify import NotExported, read_exported

    try:
        found = read_exported(Path(path))
        own = Loaded(found.plan, facts=found.calendar)
        used = own if plan is None else read_plan_input(plan, options).loaded
        known = with_facts_beside(used if used.facts else own, options)
        if known.horizon is None and used.plan.horizon is None and found.calendar.total is not None:
            known = dataclasses.replace(known, horizon=str(found.calendar.total))
        calendar = calendar_from_options(known)
        count, difference = found.compare(used.plan, calendar)
    except NotExported as error:
        raise click.UsageError(f"{path}: {error}") from None
    if as_json:
        kind = None if difference is None else dataclasses.asdict(difference)
        echo(json_text({"file": path, "equal": difference is None, "compared": count, "first": kind}))
    else:
        echo(f"{path}: {count} values as planned" if difference is None else f"{path}: {difference}")
    if difference is not None:
        click.get_current_context().exit(BAD_PLAN)


def _explain(context: click.Context, parameter: click.Parameter, value: str | None) -> None:  # noqa: ARG001  # click's
    """Print the rules of the codes passed with --explain, and exit."""
    if value is None:
        return
    codes = _codes("--explain", value)
    echo("\n\n".join(str(rule) for code, rule in check_rules().items() if code in codes))
    context.exit()


@click.command(
    "check",
    cls=Command,
    short_help="Check plans for errors and likely mistakes.",
    examples=(
        "paramsched check plan.yaml",
        "paramsched check plan.yaml --steps-per-epoch 500 --json",
        "paramsched check plan.yaml --fix",
        "paramsched check --explain PS211",
    ),
)
@plans_argument()
@plan_options
@format_option
@click.option(
    "--checkpoint", type=ExistingFile(or_folder=True), help="Checkpoint with the groups and fields of the run."
)
@click.option("--log", type=ExistingFile(), help="Log of a run of the plan.")
@click.option(
    "--select",
    metavar="CODES",
    shell_complete=offer_codes,
    help="Report only these codes: PS205, PS3 (a prefix), or rule names, separated by commas.",
)
@click.option("--ignore", metavar="CODES", shell_complete=offer_codes, help="Do not report these codes.")
@click.option("--strict", is_flag=True, help="Exit with code 1 for warnings too.")
@click.option("--warn-only", is_flag=True, help="Report a schedule that another file replaces as a warning.")
@click.option("--fix", is_flag=True, help="Fix problems with only one possible correction, and report the rest.")
@click.option(
    "--output-format",
    type=NearChoice(("text", "json", "sarif", "github")),
    default="text",
    show_default=True,
    help="Format of the report.",
)
@json_option
@click.option(
    "--explain",
    metavar="CODE",
    shell_complete=offer_codes,
    is_eager=True,
    expose_value=False,
    callback=_explain,
    help="Explain a code with an example, and exit.",
)
def paramsched_check(
    plans: tuple[str, ...],
    options: PlanOptions,
    checkpoint: str | None,
    log: str | None,
    select: str | None,
    ignore: str | None,
    strict: bool,
    warn_only: bool,
    fix: bool,
    output_format: str,
    as_json: bool,
) -> None:
    """Report errors and likely mistakes in each PLAN. No facts of the run are needed.

    With facts, lengths are also checked in updates of the run. Problems are printed to standard error; JSON, SARIF and
    GitHub output goes to standard output. The comment `# paramsched: ignore PS205` at the end of a line silences a
    code in that line; on a line of its own, it silences the code in the entire file.

    Exit code 1 for an error, such as a schedule that another file replaces, with --strict also for a warning; 2 if a
    file or a required fact is missing. The other plans are checked anyway.
    """
    from dataclasses import replace

    from paramsched.cli._lint_output import (
        CheckedPlan,
        checked_plan,
        findings_as_commands,
        findings_as_json,
        findings_as_sarif,
        findings_as_text,
        fix_file,
    )
    from paramsched.cli._plan_input import paired_with_deepspeed
    from paramsched.core.base.codes import DEEPSPEED_WINS
    from paramsched.core.base.diagnostic import Diagnostic

    selected = _codes("--select", select) if select else None  # None: also the codes of dialects in other packages
    ignored = _codes("--ignore", ignore or "")
    output_format = "json" if as_json else output_format
    found: list[Diagnostic] = []
    usage = False

    def check_one(given: str) -> CheckedPlan:
        source = paired_with_deepspeed(plans, options.format)  # read again, because a fix may have changed the file
        checked = checked_plan(given, options, source, checkpoint=checkpoint, log=log)
        kept = (one for one in checked.findings if selected is None or one.code in selected)
        found = (replace(one, as_warning=one.as_warning or (warn_only and one.code == DEEPSPEED_WINS)) for one in kept)
        return replace(checked, findings=tuple(one for one in found if one.code not in ignored))

    pair = paired_with_deepspeed(plans, options.format)
    for given in plans if pair is None else [pair.name]:
        try:
            if fix:
                fix_file(given, check_one)
            checked = check_one(given)
            found += checked.findings
            usage = usage or checked.usage
            if not checked.findings and output_format == "text":
                echo(f"{given}: no problems found")
            if checked.note and output_format == "text":
                echo_note(f"{given}: {checked.note}")
        except OSError as error:
            usage = True
            echo(file_problem(error), err=True)
    if found or output_format in ("json", "sarif"):  # an empty report is a document too
        write = {
            "text": findings_as_text,
            "json": findings_as_json,
            "sarif": findings_as_sarif,
            "github": findings_as_commands,
        }[output_format]
        echo(write(found), err=output_format == "text")
    worst = {one.severity for one in found}
    bad = "error" in worst or (strict and "warning" in worst)
    click.get_current_context().exit(BAD_USAGE if usage else BAD_PLAN if bad else 0)


def _codes(option: str, given: str) -> frozenset[str]:
    """Return the codes that an option names."""
    from paramsched.core.base.diagnostic import with_advice
    from paramsched.errors import InvalidArgument
    from paramsched.tools.check.comments import codes_given

    try:
        return codes_given(given)
    except InvalidArgument as error:
        raise click.UsageError(f"{option} {given}: {with_advice(error.found, error.instead)}") from None


@click.command(
    "history",
    cls=Command,
    short_help="Print the plans that a checkpoint's run has followed.",
    examples=(
        "paramsched history checkpoint.pt",
        "paramsched history checkpoint.pt --scheduler schedulers[0] --json",
    ),
)
@checkpoint_argument
@scheduler_option
@json_option
def paramsched_history(checkpoint: str, scheduler: str | None, as_json: bool) -> None:
    """Print the plans that the run of CHECKPOINT has followed: the first plan, then each change with its time.

    CHECKPOINT contains scheduler.state_dict(), under any name. Its formats are those of `paramsched resume`.
    """
    from dataclasses import asdict

    from paramsched.tools.audit import read_plan_history

    plans = read_plan_history(checkpoint, scheduler=scheduler)
    if as_json:
        entries = [
            {
                "update": one.update,
                "amount": one.amount,
                "plan": None if one.plan is None else str(one.plan),
                "changes": None if one.changes is None else [*map(asdict, one.changes)],
            }
            | ({} if one.note is None else {"note": one.note})
            | ({"bases": one.bases} if one.bases else {})
            for one in plans
        ]
        echo(json_text(entries))
    else:
        echo("\n".join(map(str, plans)))


@click.command(
    "resume",
    cls=Command,
    short_help="Print what a resume from a checkpoint will do.",
    examples=(
        "paramsched resume checkpoint.pt",
        "paramsched resume checkpoint.pt --plan plan.yaml",
        "paramsched resume checkpoint.pt --plan plan.yaml --on-change checkpoint --json",
        "paramsched resume checkpoint.pt --base lr=5e-4",
    ),
)
@checkpoint_argument
@click.option(
    "--plan",
    "-p",
    metavar="PLAN",
    shell_complete=offer_plans,
    help="Plan to resume with: a file, recipe:NAME, or one line of text. By default, the plan in CHECKPOINT.",
)
@plan_options
@format_option
@click.option(
    "--optimizer",
    "optimizers",
    multiple=True,
    metavar="[NAME=]PATH",
    help="Path of the optimizer's state, if CHECKPOINT has several. For several optimizers under one plan, one option "
    "for each: muon=optimizers[0].",
)
@scheduler_option
@_at_option
@click.option(
    "--on-change",
    "choices",
    multiple=True,
    metavar="[FIELD=]CHOICE",
    help="Plan to use if it differs from the checkpoint's: new, checkpoint or error. By default new. May be repeated "
    "with a field: lr=checkpoint.",
)
@click.option(
    "--base",
    "bases",
    multiple=True,
    metavar="VALUES",
    help='Bases in the code, to resume with on_base="code": lr=5e-4, lr@head=5e-4. By default, those of CHECKPOINT.',
)
@click.option(
    "--deadline",
    cls=FactOption,
    metavar="TIME",
    help="End of the resumed run, such as 'in 55 min', '18:00' or 'slurm - 5 min'. By default, the horizon of the "
    "checkpoint is kept.",
)
@click.option("--updates", type=Count(1, 100_000), default=3, show_default=True, metavar="N", help="Updates to print.")
@json_option
def paramsched_resume(
    checkpoint: str,
    plan: str | None,
    options: PlanOptions,
    optimizers: tuple[str, ...],
    scheduler: str | None,
    at: int | None,
    choices: tuple[str, ...],
    deadline: str | None,
    updates: int,
    as_json: bool,
) -> None:
    """Print what a resume from CHECKPOINT will do: the values of the next updates, and all changes and warnings.

    The values are computed by the code that resumes, so the resumed run uses them bit for bit. CHECKPOINT is a file
    of torch.save with the states under any names, a checkpoint of Lightning, or a folder of the Hugging Face Trainer,
    Accelerate or torch.distributed.checkpoint. No code in it is executed.

    Exit code 1 if the plan or a value of the next update differs from the checkpoint, or if the resume is refused; 2 if
    CHECKPOINT cannot be read.
    """
    from dataclasses import asdict, replace

    from paramsched.cli._plan_input import calendar_from_options, read_plan_input, with_facts_beside
    from paramsched.cli._traces import given_bases
    from paramsched.core.files import Loaded
    from paramsched.errors import StateError
    from paramsched.tools.records.checkpoint_files import load_checkpoint

    by_field = {field: choice for one in choices for field, equals, choice in [one.partition("=")] if equals}
    on_change: Any = by_field or (choices[0] if choices else "new")
    kinds = ("new", "checkpoint", "error")
    if len(by_field or choices[:1]) != len(choices) or not {*(by_field.values() or [on_change])} <= {*kinds}:
        found = f"expected one of {', '.join(kinds)}, or one of them for each field"
        raise click.UsageError(f"--on-change {' '.join(choices)}: {found}. Write --on-change new")
    try:
        loaded = load_checkpoint(Path(checkpoint))
        from paramsched.tools.records.resume import predict_resume  # imports torch, which the checkpoint needs anyway
        from paramsched.tools.records.saved_run import read_saved_run

        run = read_saved_run(loaded, optimizers=optimizers, scheduler=scheduler, at=at)
        if plan is None:
            own, known = run.own_plan()
            read = Loaded(own, facts=known)
        else:
            read, known = read_plan_input(plan, options).loaded, None
        calendar = calendar_from_options(with_facts_beside(read, options))
        if known is not None and options.horizon is None:
            calendar = replace(calendar, total=known.total)
        if deadline is not None:
            calendar = replace(calendar, deadline=deadline)
        report = predict_resume(
            run,
            read.plan,
            calendar,
            on_change=on_change,
            bases=given_bases(read.plan, options.bases, groups=run.labels) if options.bases else {},
            updates=updates,
            compared_with=calendar if options.facts else None,
        )
    except StateError as error:
        raise click.UsageError(f"{checkpoint}: {error}") from None
    result = report.result
    if as_json:
        data = {
            "checkpoint": checkpoint,
            "format": run.checkpoint.format,
            "update": result.update,
            "clock": result.clock,
            "amount": result.amount,
            "optimizer": run.optimizer,
            "scheduler": run.scheduler,
            "rows": [*map(asdict, result.values)],
            "changes": [*map(asdict, report.changes)],
            "ignored": [*map(asdict, run.ignored)],
            "differs": result.differs,
            "diagnostics": [{"severity": severity, "message": text} for severity, text in report.diagnostics],
        }
        echo(json_text(data))
    else:
        echo(str(report))
    if result.differs:
        click.get_current_context().exit(BAD_PLAN)


@click.command(
    "run",
    cls=Command,
    short_help="Train a model from an MMEngine config.",
    examples=(
        "paramsched run config.py",
        "paramsched run config.py --plan plan.yaml --work-dir runs/mine",
    ),
)
@click.argument("config", metavar="CONFIG", type=ExistingFile())
@click.option("--work-dir", metavar="FOLDER", help="Folder for logs and checkpoints. By default, the one in CONFIG.")
@click.option(
    "--plan", metavar="PLAN", help="Plan to use instead of the schedulers in CONFIG: a file or one line of text."
)
@click.option("--resume", is_flag=True, help="Resume from the newest checkpoint, if there is one.")
@click.option(
    "--load-from", metavar="CHECKPOINT", help="Start from these weights. With --resume, resume from this checkpoint."
)
def paramsched_run(config: str, work_dir: str | None, plan: str | None, resume: bool, load_from: str | None) -> None:
    """Train a model from CONFIG, a .py, .yaml or .json file with the keys of MMEngine.

    A .py file is read, not executed. The modules in its custom_imports are imported from the folder of CONFIG or from
    installed packages, and run their code; they register models, datasets, metrics and hooks. All problems of the
    config are reported at once, before anything is imported. Exit code 1 for an invalid config. Several processes:
    accelerate launch -m paramsched run CONFIG
    """
    from paramsched.errors import InvalidArgument, MissingFact
    from paramsched.mmengine.runner.runner import Runner, checked_config

    chosen = {"work_dir": work_dir, "param_scheduler": plan, "resume": resume or None, "load_from": load_from}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    checked = checked_config(config, chosen)
    if checked.get("custom_imports") is not None:  # otherwise no module of the folder may be imported
        sys.path.insert(0, str(Path(config).resolve().parent))
    runner = Runner.from_cfg(checked, **chosen)
    try:
        runner.train()
    except MissingFact as error:
        # The missing fact belongs in CONFIG, because this command has no options for run facts.
        raise InvalidArgument(error.site, error.found, error.instead) from None
    echo(str(runner.work_dir))
