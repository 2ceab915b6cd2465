"""What the process says with its exit code."""

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes of every command, as ``docs/howto/command-line.md`` lists them."""

    OK = 0
    FAILED = 1
    USAGE = 2
    WAITING = 4
    CANCELLED = 130
