"""The error tree as a whole."""

import copy
import inspect
import pickle

import stepwell.errors as errors


def test_every_error_has_the_common_base_and_a_docstring() -> None:
    classes = [name for name in errors.__all__ if name.endswith("Error") or inspect.isclass(getattr(errors, name))]
    for name in classes:
        cls = getattr(errors, name)
        if name == "Problem":  # what a WorkflowGraphError lists; no error itself
            continue

        assert issubclass(cls, errors.StepwellError), name
        assert inspect.getdoc(cls), name


def test_an_error_goes_through_a_process_pool_with_its_sentence_and_its_facts() -> None:
    error = errors.RunOverError(call="send_event", workflow="Essay", status="completed")

    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is errors.RunOverError
    assert (str(copy), vars(copy)) == (str(error), vars(error))


def test_an_error_with_a_cause_and_a_note_can_be_copied() -> None:
    error = errors.CassetteMissingError(test="test_it", path="nowhere")
    error.add_note("in step 'read'")

    twin = copy.copy(error)

    assert (str(twin), twin.__notes__) == (str(error), ["in step 'read'"])
