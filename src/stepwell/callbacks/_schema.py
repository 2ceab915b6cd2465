"""The words of the callback interface: event types, payload keys, and the records that handlers keep.

The members and their values are a contract with every handler ever written for LlamaIndex: fourteen event types,
twenty-two payload keys, no more. A kind of our own goes into a payload, not into these classes. They are string
enumerations, so that members, their values, and identity all work as keys and in comparisons.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from time import perf_counter_ns, time_ns
from typing import Any, Final

from stepwell.callbacks import _ids

TIMESTAMP_FORMAT: Final = "%m/%d/%Y, %H:%M:%S.%f"
BASE_TRACE_EVENT: Final = "root"


class CBEventType(str, Enum):  # noqa: UP042 - StrEnum would change what str() prints
    """What kind of work an event stands for."""

    CHUNKING = "chunking"
    NODE_PARSING = "node_parsing"
    EMBEDDING = "embedding"
    LLM = "llm"
    QUERY = "query"
    RETRIEVE = "retrieve"
    SYNTHESIZE = "synthesize"
    TREE = "tree"
    SUB_QUESTION = "sub_question"
    TEMPLATING = "templating"
    FUNCTION_CALL = "function_call"
    RERANKING = "reranking"
    EXCEPTION = "exception"
    AGENT_STEP = "agent_step"


class EventPayload(str, Enum):  # noqa: UP042 - StrEnum would change what str() prints
    """The keys of payloads that handlers know."""

    DOCUMENTS = "documents"
    CHUNKS = "chunks"
    NODES = "nodes"
    PROMPT = "formatted_prompt"
    MESSAGES = "messages"
    COMPLETION = "completion"
    RESPONSE = "response"
    QUERY_STR = "query_str"
    SUB_QUESTION = "sub_question"
    EMBEDDINGS = "embeddings"
    TOP_K = "top_k"
    ADDITIONAL_KWARGS = "additional_kwargs"
    SERIALIZED = "serialized"
    FUNCTION_CALL = "function_call"
    FUNCTION_OUTPUT = "function_call_response"
    TOOL = "tool"
    MODEL_NAME = "model_name"
    TEMPLATE = "template"
    TEMPLATE_VARS = "template_vars"
    SYSTEM_PROMPT = "system_prompt"
    QUERY_WRAPPER_PROMPT = "query_wrapper_prompt"
    EXCEPTION = "exception"


LEAF_EVENTS: Final = (CBEventType.CHUNKING, CBEventType.LLM, CBEventType.EMBEDDING)


class _RenderedTime:
    """The text of a record's time, made when somebody reads it: rendering costs more than all the rest."""

    def __get__(self, record: "CBEvent | None", owner: type) -> str:
        return "" if record is None else record.render_time()

    def __set__(self, record: "CBEvent", text: str) -> None:
        record.rendered = text


@dataclass
class CBEvent:
    """One start or end as a handler keeps it.

    ``wall_ns`` and ``clock_ns`` say when the record was made, in nanoseconds since the epoch and on the monotonic
    clock; durations are differences of ``clock_ns``, which no change of the wall clock can falsify.
    """

    event_type: CBEventType
    payload: dict[str, Any] | None = None
    time: _RenderedTime = _RenderedTime()
    id_: str = ""
    wall_ns: int = field(default_factory=time_ns, init=False, repr=False, compare=False)
    clock_ns: int = field(default_factory=perf_counter_ns, init=False, repr=False, compare=False)
    rendered: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.id_:
            self.id_ = _ids.new_event_id()

    def render_time(self) -> str:
        """When the record was made, in local time and ``TIMESTAMP_FORMAT``, unless it was given a time."""
        if not self.rendered:
            moment = datetime.fromtimestamp(self.wall_ns / 1e9)  # noqa: DTZ006 - the format is one of local time
            self.rendered = moment.strftime(TIMESTAMP_FORMAT)
        return self.rendered

    @property
    def id(self) -> str:
        """The same as ``id_``."""
        return self.id_


@dataclass
class EventStats:
    """How long a kind of event took: seconds in all and on average, and how many there were."""

    total_secs: float
    average_secs: float
    total_count: int
