"""Names for events and traces: unique in the world, cheap, and fit for W3C trace headers.

An event's id is 32 hexadecimal digits: a random prefix of the process, and a counter that begins at a random number.
A trace's id is wholly random, because samplers decide by its last digits.
"""

import itertools
import os
import random
from collections.abc import Callable
from hashlib import blake2b
from operator import attrgetter
from typing import Final

_HEX: Final = frozenset("0123456789abcdef")
_LAST_DIGITS: Final = tuple(f"{number:03x}" for number in range(16**3))

_random: random.Random

new_event_id: Callable[[], str]
"""Make a new id. Call it as an attribute of this module: a forked child gets another."""


def _seed() -> None:
    """Begin a new series of ids, as every process must."""
    global _random, new_event_id
    _random = random.Random(os.urandom(32))
    prefix = f"{_random.getrandbits(64):016x}"
    start = 16**12 + _random.getrandbits(48)  # 13 digits, never zero, for longer than a process lives
    # Ids are made from blocks of 4,096 by iterators written in C: 50 ns instead of the 1,700 of a uuid4, which is
    # most of what an event costs elsewhere; and no Python code runs inside, so threads need no lock.
    heads = map((prefix + "{:013x}").format, itertools.count(start))
    blocks = map(map, map(attrgetter("__add__"), heads), itertools.repeat(_LAST_DIGITS))
    new_event_id = itertools.chain.from_iterable(blocks).__next__


_seed()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_seed)


def new_trace_id() -> str:
    """A new random id of 32 hexadecimal digits that are not all zero."""
    return f"{_random.getrandbits(128) or 1:032x}"


def trace_digits(event_id: str) -> str:
    """The 32 hexadecimal digits that name the trace of an event which started outside any trace."""
    if _is_hex(event_id) and int(event_id, 16):
        return event_id
    return blake2b(event_id.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def span_digits(event_id: str) -> str:
    """The 16 hexadecimal digits that stand for ``event_id`` on the wire; derived where a caller chose the id."""
    if _is_hex(event_id) and int(event_id[16:], 16):
        return event_id[16:]
    return blake2b(event_id.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _is_hex(text: str) -> bool:
    return len(text) == 32 and _HEX.issuperset(text)
