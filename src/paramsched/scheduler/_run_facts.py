"""The facts of a run that a Scheduler converts units with: a Calendar, or its facts as keywords."""

from dataclasses import fields
from typing import Any

from paramsched.errors import InvalidArgument, MissingFact, nearest, shown
from paramsched.plan import Plan
from paramsched.time import Calendar


def given_facts(**facts: Any) -> dict[str, Any]:
    """The keywords that were given."""
    return {name: fact for name, fact in facts.items() if fact is not None}


def calendar_of_call(call: str, calendar: Any, given: dict[str, Any]) -> Calendar:
    """The Calendar of a call that takes one, or its facts as keywords.

    Raises:
        InvalidArgument: both, or what is none.
    """
    if calendar is not None and given:
        raise InvalidArgument(
            f"{call}(calendar=…, {', '.join(given)}=…)", "facts are given twice", "Put them all into the Calendar"
        )
    if calendar is not None and not isinstance(calendar, Calendar):
        instead = 'Write calendar=ps.Calendar(steps_per_epoch=100), or calendar="later"'
        raise InvalidArgument(f"{call}(calendar={shown(calendar)})", "no Calendar", instead)
    names = [field.name for field in fields(Calendar)]
    if unknown := sorted(given.keys() - set(names)):
        raise InvalidArgument(f"{call}({unknown[0]}=…)", nearest(unknown[0], names))
    return calendar if calendar is not None else Calendar(**given)


def resolve_for(call: str, plan: Plan, calendar: Calendar) -> Plan:
    """The plan with its lengths in updates; what is missing is told in the words of the call.

    Raises:
        MissingFact: with what to write there, or, where the fact is not known yet, how to give it later.
    """
    try:
        return plan.resolve(calendar)
    except MissingFact as error:
        fact = f"{error.fact}={error.example}"
        instead = f"Write {call}{fact})"
        if not call.startswith("scheduler."):
            instead += (
                f'. Where it is not known yet, write {call}calendar="later"), and scheduler.resolve({fact}) before the '
                "first update"
            )
        raise MissingFact(error.asked, error.found, instead, fact=error.fact, example=error.example) from None
