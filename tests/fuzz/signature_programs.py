"""Programs as source text: a workflow class whose one odd step has annotations that nobody should write."""

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from stepwell import Workflow

PREAMBLE = """
import functools, inspect, typing
from dataclasses import dataclass
from typing import *
from typing_extensions import ParamSpec as _P
from pydantic import BaseModel
from stepwell import *
from stepwell import Event, StepFailedEvent
from stepwell.errors import *

class Evil:
    def __repr__(self): raise RuntimeError("no repr")
    def __eq__(self, other): raise RuntimeError("no eq")
    __hash__ = None

class LooksLikeAType(type):
    def __subclasscheck__(cls, other): raise RuntimeError("no subclass check")
    def __instancecheck__(cls, other): raise RuntimeError("no instance check")

class Odd(metaclass=LooksLikeAType): pass

T = TypeVar("T"); BT = TypeVar("BT", bound=Event); P = ParamSpec("P")
class A(Event): n: int = 0
class B(Event): pass
class SubA(A): pass
class Begin(StartEvent): topic: str = "t"
class End(StopEvent): pass
class Ask(InputRequiredEvent): pass
class Answer(HumanResponseEvent): pass
class G(Event, Generic[T]): value: T | None = None
class State(BaseModel): n: int = 0
class NoDefaults(BaseModel): n: int
class Cfg(BaseModel): n: int
NT = NewType("NT", A)
def make() -> int: return 1
def make_bad(x) -> int: return 1
async def make_slow() -> int: return 1
def make_gen():
    yield 1
def make_raising(): raise KeyError("made nothing")
evil = Evil()
def through(function):
    @functools.wraps(function)
    def call(*args, **kwargs): return function(*args, **kwargs)
    return call
def through_async(function):
    @functools.wraps(function)
    async def call(*args, **kwargs):
        made = function(*args, **kwargs)
        return await made if inspect.iscoroutine(made) else made
    return call
"""

WORDS: dict[str, Any] = {"__name__": "odd_program"}
exec(PREAMBLE, WORDS)

ATOMS_TEXT = """
StartEvent StopEvent A B SubA Begin End Ask Answer Event G[int] G StepFailedEvent int str None Any object bool
Odd Context Context[State] Context[int] Context["State"] Context["Missing"] Context[NoDefaults] Missing "A"
"Missing" "a b" "1/0" "typing.Missing" "(" "" "A | Missing" "list[A]" "list[Missing]" "Annotated[A, Missing]"
5 3.4 ... [A] (A,B) {} evil Evil() T BT P P.args P.kwargs NT Literal["a"] Literal[5] type[A] Callable[...,A]
ClassVar[A] Final[A] Final typing.List typing.List[A] list list[A] list["A"] list[A|B] list[()] list[int]
list[list[A]] list[A,B] tuple[A,...] tuple dict[str,A] Optional[A] Union[A,B] A|B A|None A|int A|"B" "A|B"
Annotated[A,"doc"] Annotated[A|B,5] Annotated["A",5] Annotated[list[A],Collect()] Annotated[list[A],Collect]
Annotated[list[A],Collect(Take(2))] Annotated[list["A"],Collect()]
Annotated[list[A],Collect(Take(1,cancel=True),ordered=True,errors="collect")] Annotated[A,Collect()]
Annotated[int,Resource(make)] Annotated[int,Resource(make,cache=False)]
Annotated[int,Resource(make_gen,scope="run")] Annotated[int,Resource(make_slow)]
Annotated[int,Resource(make_bad)] Annotated[int,Resource(make_raising)] Annotated[int,Resource]
Annotated[Cfg,ResourceConfig("missing.json")] Annotated[Cfg,ResourceConfig]
Annotated[evil,ResourceConfig("missing.json")] Annotated[list[A],Collect(),Resource(make)]
Annotated[Context,"doc"] Annotated[Context[State],5] Context|None Self typing.Self LiteralString Never
NoReturn AsyncIterator[A] AsyncGenerator[A,None] Iterator[A] Awaitable[A] Coroutine[Any,Any,A] Generic
Protocol typing.Optional typing.Union typing.Annotated Unpack[tuple[A]] ForwardRef("A") ForwardRef("Missing")
Required[A] TypeGuard[A] Concatenate[A,P]
"""
ATOMS = ATOMS_TEXT.split()

NAMES = ("self", "ev", "ctx", "x", "y", "cls", "workflow", "context", "event", "return_", "args")
DECORATORS = (
    "@step",
    "@step()",
    "@step(num_workers=1)",
    "@step(timeout=5, accept_event_subclasses=True)",
    "@catch_error",
    "@catch_error(for_steps=['begin'])",
    "@staticmethod\n@step",
    "@classmethod\n@step",
    "@step\n@staticmethod",
    "@step\n@classmethod",
    "@step\n@property",
    "@step\n@through",
    "@step\n@through_async",
    "@through\n@step",
    "@through_async\n@step",
    "@functools.lru_cache\n@step",
    "@step\n@functools.cache",
    "@step\n@step",
    "@step\n@catch_error",
)
BODIES = (
    "return None",
    "return End()",
    "return A()",
    "return [A(), A()]",
    "return 5",
    "return A",
    "yield A()",
    "raise KeyError(1)",
)


@dataclass(frozen=True)
class Program:
    """One odd step, where it stands, and whether its annotations are text."""

    decorator: str
    signature: str
    result: str
    body: str
    first: str
    is_async: bool
    place: str
    postponed: bool

    def source(self, *, decorated: bool = True) -> str:
        """Return the module's text; without the decorator to see what Python itself says to the annotations."""
        step = [
            *(self.decorator.split("\n") if decorated else ()),
            f"{'async ' if self.is_async else ''}def odd({self.signature}){self.result}:",
            f"    {self.body}",
        ]
        rest = [
            "class W(Workflow):",
            "    @step",
            f"    async def begin(self, ev: Begin) -> A | B | list[A] | End: return {self.first}",
            "    @step",
            "    async def last(self, ev: B) -> A | End: return End()",
        ]
        members = [*rest, *(f"    {line}" for line in step)]
        if self.place == "function":
            local = ["def outer():", "    class Local(Event): pass"]
            members = [*local, *(f"    {line}" for line in members), "    return W", "W = outer()"]
        elif self.place == "free":
            members = [*rest, *("@step(workflow=W)" if line == "@step" else line for line in step)]
        elif self.place == "added":
            plain = [line for line in step if not line.startswith("@")]
            members = [*rest, *plain, *(["W.add_step(odd)"] if decorated else [])]
        future = "from __future__ import annotations\n" if self.postponed else ""
        return future + "\n".join(members) + "\n"

    def run(self, *, decorated: bool = True) -> type[Workflow[Any, Any]]:
        """Define the class, in a module of its own."""
        space = dict(WORDS)
        exec(compile(self.source(decorated=decorated), "<odd>", "exec", dont_inherit=True), space)
        defined: type[Workflow[Any, Any]] = space["W"]
        return defined


annotations = st.sampled_from(ATOMS)
sane = st.sampled_from(
    [
        "ev: A",
        "ev: A | B",
        "ev: 'A'",
        "ev: list[A]",
        "ev: Annotated[list[A], Collect(Take(1))]",
        "ev: StepFailedEvent",
        "ctx: Context",
        "ctx: Context[State]",
        "made: Annotated[int, Resource(make)]",
        "also: Annotated[int, Resource(make_gen, cache=False)]",
        "b: B",
        "spare: int = 3",
    ]
)


@st.composite
def odd_parameter(draw: st.DrawFn) -> str:
    annotation = f": {draw(annotations)}" if draw(st.integers(0, 9)) else ""
    return draw(st.sampled_from(NAMES)) + annotation + (" = None" if draw(st.integers(0, 2)) == 0 else "")


@st.composite
def signatures(draw: st.DrawFn) -> str:
    parts = draw(st.lists(sane, max_size=3, unique_by=lambda text: text.partition(":")[0]))
    parts += draw(st.lists(odd_parameter(), max_size=draw(st.sampled_from([0, 0, 0, 1, 1, 3]))))
    parts.sort(key=lambda text: " = " in text)
    if draw(st.integers(0, 3)):
        parts.insert(0, draw(st.sampled_from(["self", "self", "self", "self: Any", "self: 'W'", "this"])))
    extra = draw(st.integers(0, 12))
    if extra == 0:
        parts.insert(len(parts) // 2, "/")
    elif extra == 1:
        parts.insert(len(parts) // 2, "*")
    elif extra == 2:
        parts.append(f"*rest: {draw(annotations)}")
    elif extra == 3:
        parts.append(f"**more: {draw(annotations)}")
    return ", ".join(parts)


@st.composite
def programs(draw: st.DrawFn) -> Program:
    result = draw(st.sampled_from(["End", "A", "B", "None", "End | None", "list[A]", "'End'"]) | annotations)
    return Program(
        decorator=draw(st.just("@step") | st.sampled_from(DECORATORS)),
        signature=draw(signatures()),
        result=f" -> {result}" if draw(st.integers(0, 19)) else "",
        body=draw(st.sampled_from(BODIES)),
        first=draw(st.sampled_from(["A()", "B()", "[A(), A()]", "SubA()"])),
        is_async=draw(st.booleans()),
        place=draw(st.sampled_from(["class", "function", "free", "added"])),
        postponed=draw(st.booleans()),
    )
