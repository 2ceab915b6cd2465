"""The entry point: hands over to the commands, and turns every error into one sentence and an exit code."""

import contextlib
import os
import sys
from collections.abc import Sequence

from stepwell.cli._exits import Exit
from stepwell.cli._failures import complain
from stepwell.errors import AnswerMissingError, StepwellError, UsageError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code. A traceback never reaches the user unasked."""
    # Words that the terminal's encoding lacks must not end a run.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # see suppress
    try:
        return _guarded(arguments)
    except KeyboardInterrupt:
        complain("cancelled.")
        return Exit.CANCELLED
    except BrokenPipeError:
        # The reader of our output is gone; what is left in the buffer has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FAILED


def _guarded(arguments: Sequence[str] | None) -> int:
    import click  # noqa: PLC0415  # start-up time: `import stepwell.cli` stays light

    from stepwell.cli._commands import program  # noqa: PLC0415  # needs click

    try:
        status = program.main(args=arguments, prog_name="stepwell", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return Exit.USAGE
    except click.UsageError as error:
        complain(_one_line(error.format_message()) + _help_hint(error.ctx))
        return Exit.USAGE
    except click.Abort:
        raise KeyboardInterrupt from None
    except AnswerMissingError as error:
        complain(str(error))
        return Exit.WAITING
    except UsageError as error:
        complain(str(error))
        return Exit.USAGE
    except StepwellError as error:
        complain(str(error))
        return Exit.FAILED
    return int(status or Exit.OK)


def _help_hint(context: object) -> str:
    path = getattr(context, "command_path", None)
    return f" (See {path} --help.)" if path else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())
