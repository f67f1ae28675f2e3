"""Warnings of the library become lines on standard error."""

import warnings

from paramsched.cli._output import run_guarded


def test_each_warning_is_printed_once(capsys):
    def run():
        for text in ("first", "second", "first"):
            warnings.warn(text, UserWarning, stacklevel=1)

    run_guarded(run)

    assert capsys.readouterr().err == "warning: first\nwarning: second\n"
