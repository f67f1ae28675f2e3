"""The errors that several packages raise: one function for each mistake, which returns the error."""

from paramsched.errors import CallSite, InvalidArgument, shown


def name_is_taken(site: str | CallSite) -> InvalidArgument:
    """Return the error for a name that something else has."""
    return InvalidArgument(site, "the name is taken", "Choose another name")


def not_a_path(value: object) -> InvalidArgument:
    """Return the error for a value in place of a path."""
    message = f"expected a path, got {type(value).__name__}"
    return InvalidArgument(f"the file {shown(value)}", message, 'For example: "plan.yaml"')
