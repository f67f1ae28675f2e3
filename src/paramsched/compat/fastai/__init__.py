"""The calls of fastai's schedules: a line of text with such a call is answered with the line that has its values.

Source: fastai 2, `callback/schedule.py`.
"""
