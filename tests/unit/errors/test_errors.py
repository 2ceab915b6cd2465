"""The error tree as a whole."""

import inspect

import stepwell.errors as errors


def test_every_error_has_the_common_base_and_a_docstring() -> None:
    classes = [name for name in errors.__all__ if name.endswith("Error") or inspect.isclass(getattr(errors, name))]
    for name in classes:
        cls = getattr(errors, name)
        if name == "Problem":  # what a WorkflowGraphError lists; no error itself
            continue

        assert issubclass(cls, errors.StepwellError), name
        assert inspect.getdoc(cls), name
