"""The error tree as a whole."""

import inspect

import stepwell.errors as errors


def test_every_error_has_the_common_base_and_a_docstring() -> None:
    for name in errors.__all__:
        cls = getattr(errors, name)

        assert issubclass(cls, errors.StepwellError), name
        assert inspect.getdoc(cls), name
