"""Names for events and traces: unique in the world, cheap, and fit for W3C trace headers.

An event's id is 32 hexadecimal digits: a random prefix of the process and a counter that begins at a random
number. A counter costs a tenth of a uuid4, which is most of what an event costs elsewhere. A trace's id is wholly
random, because samplers decide by its last digits.
"""

import itertools
import os
import random
from collections.abc import Callable
from hashlib import blake2b

_HEX = frozenset("0123456789abcdef")

_random: random.Random
_prefix: str
_next: Callable[[], int]


def _seed() -> None:
    global _random, _prefix, _next
    _random = random.Random(os.urandom(32))
    _prefix = f"{_random.getrandbits(64):016x}"
    # Starting between 2**60 and 2**62 keeps 16 digits, never zero, for as long as a process can live.
    _next = itertools.count((1 << 60) + _random.getrandbits(61)).__next__


_seed()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_seed)


def new_event_id() -> str:
    """A new id of 32 hexadecimal digits; the last 16 serve as a span id."""
    return f"{_prefix}{_next():016x}"


def new_trace_id() -> str:
    """A new random id of 32 hexadecimal digits that are not all zero."""
    return f"{_random.getrandbits(128) or 1:032x}"


def span_digits(event_id: str) -> str:
    """The 16 hexadecimal digits that stand for ``event_id`` on the wire; derived where a caller chose the id."""
    if len(event_id) == 32 and _HEX.issuperset(event_id) and event_id[16:] != "0" * 16:
        return event_id[16:]
    return blake2b(event_id.encode(), digest_size=8).hexdigest()
