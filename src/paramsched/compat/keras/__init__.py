"""The calls of Keras' schedules: a line of text with such a call is answered with the line that has its values.

Source: Keras 3.15.
"""
