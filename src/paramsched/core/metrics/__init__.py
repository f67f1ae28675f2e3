"""Metrics: the rules by which a metric changes the values of a plan."""
