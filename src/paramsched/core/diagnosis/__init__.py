"""Diagnosis: what a run probably does not mean. It observes runs, and no value depends on it."""

from paramsched.core.diagnosis.observing import observe as observe
from paramsched.core.diagnosis.observing import observe_copy as observe_copy
