"""Exceptions can always be stored, and come back as themselves where their class is known."""

import threading
import traceback
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from stepwell.errors import PayloadError, RestoredError, StateWriteError, StepError
from stepwell.flow.codec import JsonSerializer

SERIALIZER = JsonSerializer()


class CodedError(Exception):
    """An exception whose constructor takes something else than its message."""

    def __init__(self, *, code: int, client: Any = None) -> None:
        self.code = code
        self.client = client
        super().__init__(f"code {code}")


class FileError(OSError):
    pass


class OwnInitFileError(OSError):
    def __init__(self, name: str) -> None:
        super().__init__(2, "missing", name)


class Odd(Exception):  # its behavior is the point
    def __str__(self) -> str:
        raise ValueError("no text")

    def __reduce__(self) -> Any:
        raise TypeError("no pickling")


class Detail(BaseModel):
    text: str


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except BaseException as caught:  # noqa: BLE001  # the test wants whatever was raised
        return caught


def there_and_back(error: BaseException, *classes: type) -> Any:
    serializer = SERIALIZER.with_types(*classes)
    return serializer.deserialize(serializer.serialize(error))


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a", 1, (2, {3})),
        KeyError("k"),
        FileNotFoundError(2, "missing", "name.txt"),
        OSError("only text"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        ImportError("no", name="module", path="file"),
        StopIteration(5),
        TimeoutError(),
        ExceptionGroup("several", [ValueError(1), OSError(2, "x")]),
        StateWriteError(path="a.b", reason="why"),
        Exception(),
    ],
    ids=repr,
)
def test_an_exception_of_python_or_of_the_house_comes_back_as_itself(error: Exception) -> None:
    back = there_and_back(error)

    assert type(back) is type(error)
    assert repr(back) == repr(error)
    assert str(back) == str(error)
    kept = {name: value for name, value in vars(back).items() if name != "restored_traceback"}
    assert kept == vars(error)


def test_what_only_some_exceptions_have_is_kept() -> None:
    missing = there_and_back(FileNotFoundError(2, "missing", "name.txt"))
    imported = there_and_back(ImportError("no", name="module", path="file"))

    assert (missing.errno, missing.strerror, missing.filename) == (2, "missing", "name.txt")
    assert (imported.name, imported.path) == ("module", "file")


def test_a_known_class_comes_back_with_its_attributes_and_without_its_constructor() -> None:
    back = there_and_back(CodedError(code=3), CodedError)

    assert type(back) is CodedError
    assert (back.code, back.client, str(back)) == (3, None, "code 3")


@pytest.mark.parametrize("error", [FileError(2, "missing", "a"), OwnInitFileError("a")], ids=repr)
def test_a_class_derived_from_one_of_pythons_keeps_what_that_knows(error: OSError) -> None:
    back = there_and_back(error, FileError, OwnInitFileError)

    assert type(back) is type(error)
    assert (back.errno, back.filename, str(back)) == (2, "a", str(error))


def test_an_unknown_class_comes_back_as_one_that_stands_for_it() -> None:
    back = there_and_back(raised(CodedError(code=3)))

    assert isinstance(back, RestoredError)
    assert issubclass(RestoredError, StepError)
    assert back.class_name == f"{__name__}.CodedError"
    assert (back.message, back.arguments, back.attributes["code"]) == ("code 3", ("code 3",), 3)
    assert f"{__name__}.CodedError: code 3" in str(back)


def test_an_exception_stored_by_who_did_not_know_it_comes_back_to_who_does() -> None:
    stored = SERIALIZER.serialize(raised(CodedError(code=3)))
    stored_again = SERIALIZER.serialize(SERIALIZER.deserialize(stored))

    back = SERIALIZER.with_types(CodedError).deserialize(stored_again)

    assert (type(back), back.code) == (CodedError, 3)
    assert "in raised" in back.restored_traceback


def test_the_traceback_comes_back_as_text_however_often_it_is_stored() -> None:
    error = raised(ValueError("a"))
    text = "".join(traceback.format_exception(error))

    once = there_and_back(error)
    twice = there_and_back(once)

    assert once.restored_traceback == twice.restored_traceback == text
    assert there_and_back(raised(CodedError(code=1))).traceback_text.endswith("CodedError: code 1\n")


def test_a_very_long_traceback_keeps_its_end() -> None:
    back = there_and_back(ValueError("start" + "x" * 50_000 + "end"))

    assert len(back.restored_traceback) < 17_000
    assert back.restored_traceback.endswith("end\n")
    assert "characters left out" in back.restored_traceback


def test_the_causes_come_back() -> None:
    back = there_and_back(raised(ValueError("outer"), raised(KeyError("middle"), OSError(2, "root"))))

    assert repr(back.__cause__) == "KeyError('middle')"
    assert back.__cause__.__cause__.errno == 2


def test_the_notes_come_back_once() -> None:
    error = CodedError(code=1, client=threading.Lock())
    error.add_note("step: write")

    once = there_and_back(error, CodedError)
    twice = there_and_back(once, CodedError)

    assert once.__notes__ == twice.__notes__ == ["step: write", "Read from stored data without: client"]
    assert not hasattr(twice, "client")


def test_an_exception_of_things_that_are_no_data_is_stored_without_them() -> None:
    back = there_and_back(ValueError(threading.Lock()))

    assert type(back) is ValueError
    assert "unlocked _thread.lock" in str(back)
    assert back.__notes__ == ["Read from stored data without: args"]


def test_an_exception_whose_own_methods_fail_is_stored() -> None:
    back = there_and_back(Odd(1), Odd)

    assert (type(back), back.args) == (Odd, (1,))


def test_an_exception_that_nobody_can_make_is_stood_for() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(int).validate_python("x")

    back = there_and_back(caught.value, ValidationError)

    assert isinstance(back, RestoredError)
    assert "validation error for int" in back.message


def test_exceptions_that_hold_each_other_are_stored() -> None:
    first, second = ValueError(), KeyError()
    first.args = (second, [first])
    second.__cause__ = first
    first.__cause__ = second

    back = there_and_back(first)

    assert type(back) is ValueError
    assert back.__notes__ == ["Read from stored data without: args"]


def test_a_long_chain_of_causes_is_stored_as_far_as_it_is_of_use() -> None:
    error: BaseException = ValueError(0)
    for number in range(1, 200):
        error = raised(ValueError(number), error)

    back = there_and_back(error)

    assert len(SERIALIZER.serialize(error)) < 20_000
    assert [back.args, back.__cause__.args, back.__cause__.__cause__.args] == [(199,), (198,), (197,)]


def test_an_exception_with_a_deep_argument_is_stored() -> None:
    deep: Any = threading.Lock()
    for _ in range(200):
        deep = [deep]

    assert there_and_back(ValueError(deep)).__notes__ == ["Read from stored data without: args"]
    deep = 1
    for _ in range(200):
        deep = [deep]
    assert there_and_back(ValueError(deep)).args == (deep,)


def test_an_exception_may_stand_anywhere_in_a_value() -> None:
    back = there_and_back({"failed": [ValueError("a")]}, Detail)["failed"][0]  # type: ignore[arg-type]

    assert repr(back) == "ValueError('a')"


def test_data_in_an_exception_needs_known_classes_to_be_kept() -> None:
    error = ValueError(Detail(text="x"))

    assert there_and_back(error, Detail).args == (Detail(text="x"),)
    assert there_and_back(error).args == ("text='x'",)


def test_what_ends_a_process_comes_back_as_what_stands_for_it() -> None:
    for error in (KeyboardInterrupt(), SystemExit(1)):
        assert isinstance(there_and_back(error), RestoredError)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"attributes": {"__class__": 1}}, "attributes that no data may set"),
        ({"attributes": {"__cause__": 1}}, "attributes that no data may set"),
        ({"cause": 5}, "the cause of an exception is an exception"),
        ({"args": [1]}, "a list stands where a tuple belongs"),
        ({"notes": [1]}, "a int stands where a str belongs"),
        ({"message": None}, "a NoneType stands where a str belongs"),
    ],
)
def test_a_tampered_exception_is_refused(change: dict[str, Any], reason: str) -> None:
    data = {**SERIALIZER.serialize_value(ValueError("a")), **change}

    with pytest.raises(PayloadError, match=reason):
        SERIALIZER.deserialize_value(data)


def test_an_exception_with_wrong_arguments_is_stood_for() -> None:
    data = {
        **SERIALIZER.serialize_value(UnicodeDecodeError("utf-8", b"", 0, 1, "x")),
        "args": {"$tuple": [1]},
    }

    assert isinstance(SERIALIZER.deserialize_value(data), RestoredError)
