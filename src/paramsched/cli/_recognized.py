"""The picture of `paramsched audit --html` without a plan."""

from paramsched import show
from paramsched.cli._options import WrongUsage
from paramsched.tools.audit import Recognition, read_metrics


def page_of_recognition(found: Recognition, log: str) -> str:
    """Return an HTML page with the recognized schedules, the logged values and the metrics of the log."""
    measured = {one.name: (one.t, one.values) for one in read_metrics(log) if one.name not in found}
    drawn = found.figure(f"Schedule of {log}", measured)
    if drawn is None:
        raise WrongUsage("--html", f"no schedule was found in {log}, so there is nothing to draw")
    return show.html(drawn.trace, title=drawn.title, log=drawn.log)
