"""The calls of optax's schedules: a line of text with such a call is answered with the line that has its values.

Source: optax 0.2.8.
"""
