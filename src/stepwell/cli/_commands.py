"""The commands: what may be said to ``stepwell``, and which part of the room does it. Imported when needed: click."""

from contextlib import ExitStack
from importlib.metadata import version
from typing import TextIO

import click

from stepwell.cli._exits import Exit

FORMATS = ("html", "mermaid", "dot", "json", "text")
CODES = "Exit codes: 0 ok, 1 failed, 2 wrong use, 4 waiting for input that does not come, 130 cancelled."


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=CODES)
@click.version_option(version("stepwell"), prog_name="stepwell")
def program() -> None:
    """Run, check and draw event-driven workflows."""


def shared_options() -> list[click.Option]:
    """Return the options of ``run`` itself, which may stand before FILE and behind it."""
    return [
        click.Option(["--json", "as_json"], is_flag=True, help="Write one JSON object a line, and nothing else."),
        click.Option(["--traceback", "with_traceback"], is_flag=True, help="Show where in the code a run failed."),
    ]


@program.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    params=shared_options(),
    epilog=CODES,
    short_help="Run a workflow: stepwell run FILE[:Class] --field value",
)
@click.argument("target", metavar="FILE[:Class]")
@click.argument("fields", nargs=-1, type=click.UNPROCESSED, metavar="[--field value]...")
def run(target: str, fields: tuple[str, ...], as_json: bool, with_traceback: bool) -> int:
    """Run the workflow of FILE with the given fields of its start event.

    `stepwell run FILE --help` shows which fields there are. Questions of the run are asked in the terminal,
    or answered by the lines of standard input. Ctrl-C cancels the run.
    """
    from stepwell.cli._loading import find_workflow  # noqa: PLC0415  # start-up time of the other commands
    from stepwell.cli._options import StartCommand  # noqa: PLC0415  # as above
    from stepwell.cli._running import run_to_end, sole_output  # noqa: PLC0415  # as above

    # Before the file is loaded: it may print.
    with ExitStack() as outputs:
        may_be_json = as_json or "--json" in fields
        out: TextIO | None = outputs.enter_context(sole_output()) if may_be_json else None
        workflow = find_workflow(target)
        parsed = StartCommand(workflow, usage=f"stepwell run {target}", shared=shared_options).parse(fields)
        if parsed is None:
            return Exit.OK
        event, given = parsed
        if not (as_json or given.get("as_json")):
            # The word was a field's name, or its value.
            outputs.close()
            out = None
        show_traceback = with_traceback or bool(given.get("with_traceback"))
        return run_to_end(workflow, event, as_json=out, with_traceback=show_traceback)


@program.command(short_help="Say what is wrong with the workflows of FILE.", epilog=CODES)
@click.argument("target", metavar="FILE[:Class]")
def check(target: str) -> int:
    """Say what is wrong with the workflows of FILE, each with its file and line."""
    from stepwell.cli._checking import check_file  # noqa: PLC0415  # start-up time of the other commands

    return check_file(target)


@program.command(short_help="Draw all possible flows of a workflow.", epilog=CODES)
@click.argument("target", metavar="FILE[:Class]")
@click.option("--format", "format", type=click.Choice(FORMATS), default="html", show_default=True)
@click.option("--output", "-o", metavar="FILE", help="Where to write; - is standard output.")
@click.option("--max-label-length", type=click.IntRange(min=2), metavar="N", help="Cut longer names in the picture.")
def draw(target: str, format: str, output: str | None, max_label_length: int | None) -> int:
    """Draw what can happen in the workflow of FILE, also when it could not run as it is.

    HTML goes to a file named after the workflow, everything else to standard output.
    """
    from stepwell.cli._drawing import draw_target  # noqa: PLC0415  # start-up time of the other commands

    return draw_target(target, format, output, max_label_length)


@program.command(short_help="Stream a model's words through a workflow.", epilog=CODES)
@click.option("--topic", default="stepwells", show_default=True, help="What to write about.")
@click.option("--model", default="gpt-4o-mini", show_default=True, help="Which model of the server writes.")
def demo(topic: str, model: str) -> int:
    """Stream a model's words through a workflow of three steps, and draw it into essay.html.

    With OPENAI_API_KEY (and OPENAI_BASE_URL) set it talks to that server, without to an offline stand-in.
    """
    from stepwell.cli._demo import demonstrate  # noqa: PLC0415  # start-up time of the other commands

    return demonstrate(topic, model)
