"""The errors of metric rules and of observed metrics: one function for each mistake, which returns the error."""

from collections.abc import Iterable, Mapping, Sequence

from paramsched.base.problem import Problem
from paramsched.base.words import UNTIL_IS_AN_END
from paramsched.core.calls.messages.numbers import number_to_write
from paramsched.errors import CallSite, InvalidArgument, InvalidCall, StateError, shown, site_with_value

# ---------------------------------------------------------------- the arguments of a rule


def begin_is_not_a_length(error: InvalidArgument, site: CallSite, after: object) -> InvalidArgument:
    """Return the error for a time that cannot be read as a length."""
    return error.changed(site=site_with_value(site, after), refused=after)


def begin_is_an_end(site: CallSite, after: object, length: str) -> InvalidArgument:
    """Return the error for a time with `until`."""
    return InvalidArgument(site_with_value(site, after), UNTIL_IS_AN_END, example=f'after="{length}"')


def not_a_metric_name(site: CallSite, metric: object, example: str) -> InvalidArgument:
    """Return the error for a value that is not the name of a metric."""
    message = "expected the name of a metric"
    return InvalidArgument(site_with_value(site, metric), message, example=f"{site.call}{example}")


def negative_floor(error: InvalidArgument, site: CallSite, level: object) -> InvalidArgument:
    """Return the error for an absolute value below 0 as the lowest level."""
    return error.changed(site=site_with_value(site, level), refused=level)


def floor_is_not_a_level(site: CallSite, value: object) -> InvalidArgument:
    """Return the error for a value that is neither a multiple of base nor an absolute value."""
    message = "expected a multiple of base or an absolute value such as absolute(1e-5)"
    advice = number_to_write(value, site.argument, "level")
    return InvalidArgument(site_with_value(site, value), message, advice, refused=value)


def bound_is_absolute(site: CallSite, bound: object) -> InvalidArgument:
    """Return the error for an absolute value as a bound of a multiple."""
    sample = 0.1 if site.argument == "low" else 10.0
    message = f"expected a multiple of the planned value, got {bound}"
    return InvalidArgument(site, message, example=f"{site.argument}={sample}")


def not_a_band(site: CallSite, bands: object) -> InvalidArgument:
    """Return the error for a value that is not a pair of numbers above 0, the smaller one first."""
    message = "expected two numbers greater than 0, the smaller one first"
    return InvalidArgument(site_with_value(site, bands), message, example="bands=[0.5, 2.0]")


# ---------------------------------------------------------------- the arguments of `hold`


def not_one_form(metric: str, target: float, forms: Sequence[str]) -> InvalidArgument:
    """Return the error for a call with none or several of the three ways to change the factor."""
    message = f"expected one of gain, factor and add, got {' and '.join(forms) or 'none'}"
    return InvalidArgument(f"hold({shown(metric)}, at={target})", message, example=_hold(metric, target, "gain=0.01"))


def _hold(metric: str, target: float, form: str) -> str:
    return f'hold("{metric}", at={target if target > 0 else 6.0}, {form})'


def target_is_not_above_zero(target: float, form: str) -> InvalidArgument:
    """Return the error for a target to which a metric has no ratio."""
    return _invalid_hold("at", target, f"it must be greater than 0 with {form}, which compares by ratios", "at=6.0")


def factor_is_not_above_one(factor: float) -> InvalidArgument:
    """Return the error for a factor that does not raise a multiple."""
    return _invalid_hold("factor", factor, "must be greater than 1", "factor=1.5")


def gain_too_large(gain: float, limit: float) -> InvalidArgument:
    """Return the error for a gain that can turn the factor negative."""
    message = f"gain * limit must be less than 1, so that the factor stays above 0; it is {gain * limit:g}"
    return _invalid_hold("gain", gain, message, "gain=0.1")


def form_has_no_band(bands: object, form: str, metric: str, target: float) -> InvalidArgument:
    """Return the error for a band beside `gain` or `add`."""
    message = f"{form} has no band; only factor has one"
    return _invalid_hold("bands", bands, message, _hold(metric, target, "factor=1.5"))


def form_has_no_limit(limit: float, form: str, metric: str, target: float) -> InvalidArgument:
    """Return the error for a limit beside `factor` or `add`."""
    message = f"{form} has no limit; only gain has one"
    return _invalid_hold("limit", limit, message, _hold(metric, target, "gain=0.01"))


def lower_bound_excludes_start(low: float) -> InvalidArgument:
    """Return the error for a lower bound above 1, or a negative one that no multiple can reach."""
    message = (
        "expected a multiple of at most 1, because the factor is 1 at the start, and at least 0 unless add is passed"
    )
    return _invalid_hold("low", low, message, "low=0.1")


def upper_bound_excludes_start(high: float) -> InvalidArgument:
    """Return the error for an upper bound below 1."""
    message = "expected a multiple of at least 1, because the factor is 1 at the start"
    return _invalid_hold("high", high, message, "high=10.0")


def _invalid_hold(argument: str, value: object, message: str, example: str) -> InvalidArgument:
    return InvalidArgument(CallSite("hold", argument, shown(value)), message, example=example)


# ---------------------------------------------------------------- observed values


def observed_no_number(metric: str, value: object) -> InvalidArgument:
    """Return the error for an observed value that is not a number."""
    message = f"expected a number, got {type(value).__name__}"
    return InvalidArgument(f"observe({metric}=…)", message, example=f"observe({metric}=float(value))")


def observed_not_finite(rule: str, metric: str, number: float) -> InvalidArgument:
    """Return the error for an observed NaN or infinity, if a rule raises it."""
    return InvalidArgument(
        f"observe({metric}={number})", "must be finite", f'Use {rule}(…, nonfinite="ignore") to skip it'
    )


def ignored_value(call: str, metric: str, value: float, updates: int, rule: object, advice: str) -> Problem:
    """Return the warning about an observed value that a rule does not count."""
    message = f"{metric} is {value} after {updates} updates: {rule} ignores it, and later ones without a warning"
    return Problem(site=call, found=message, advice=advice)


def to_count_it(rule: object) -> str:
    """Return the advice for an ignored value, with the rule that counts it."""
    return f"To count it, write {rule}"


def metrics_are_keywords(call: str, metrics: Mapping[object, object]) -> InvalidCall:
    """Return the error for a dict of metrics in place of keywords."""
    return InvalidCall(f"{call}({shown(metrics)})", "metrics are keywords", f"Write {call}(**{shown(metrics)})")


def no_metric_rule(call: str, value: object) -> InvalidCall:
    """Return the error for an observed value of a plan without a metric rule."""
    advice = "For example: lr=\"cosine() * plateau('val_loss')\""
    return InvalidCall(f"{call}({shown(value)})", "the plan has no metric rule", advice)


def metric_not_named(call: str, value: object, watched: Sequence[str]) -> InvalidCall:
    """Return the error for an observed value without the name of its metric."""
    number = shown(value) if isinstance(value, (int, float)) else "value"
    name = watched[0]
    argument = f"{name}={number}" if name.isidentifier() else f"**{{{name!r}: {number}}}"
    message = f"expected the name of a metric: {', '.join(watched)}"
    return InvalidCall(f"{call}({shown(value)})", message, f"Write {call}({argument})")


# ---------------------------------------------------------------- saved states


def state_of_other_keys(rule: object, data: object, keys: Iterable[str]) -> StateError:
    """Return the error for a saved state that lacks a key, or has an unknown one."""
    return StateError(f"state of {rule}: {data!r} does not have the keys {', '.join(keys)}")


def invalid_entry_of_state(rule: object, key: str, value: object) -> StateError:
    """Return the error for a value in a saved state that no rule saves."""
    return StateError(f"state of {rule}: invalid value of {key}: {shown(value)}")


def saved_factor_above_one(rule: object, factor: float) -> StateError:
    """Return the error for a saved factor of a rule that only reduces."""
    return StateError(f"state of {rule}: factor must be at most 1, got {factor!r}")


def saved_multiple_outside(rule: object, multiple: float, low: float, high: float) -> StateError:
    """Return the error for a saved factor outside of the bounds of its rule."""
    return StateError(f"state of {rule}: multiple must be from {low} to {high}, got {multiple!r}")
