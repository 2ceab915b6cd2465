"""The command line: the one place that knows every room. It wires, starts, shows and answers; it decides nothing."""

from stepwell.cli._main import main

__all__ = ["main"]
