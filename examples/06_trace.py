"""Say of a run what took how long: callbacks hear of its steps, of model calls, and of events of your own."""

import os

from stepwell import Event, StartEvent, StopEvent, Workflow, step
from stepwell.callbacks import CallbackManager, CBEventType, EventPayload, LlamaDebugHandler, current_manager
from stepwell.llms import StandIn
from stepwell.llms.openai import OpenAI


class Part(Event):
    text: str


class Note(Event):
    text: str


class Notes(Workflow):
    """Cut a text into parts, and let a model note something about each of them at once."""

    @step
    async def cut(self, ev: StartEvent) -> list[Part]:
        with current_manager().event(CBEventType.CHUNKING, {EventPayload.DOCUMENTS: [ev.text]}) as event:
            parts = ev.text.split(". ")
            event.on_end({EventPayload.CHUNKS: parts})
        return [Part(text=part) for part in parts]

    @step
    async def note(self, part: Part) -> Note:
        return Note(text=(await OpenAI(max_tokens=8).acomplete(f"Note in eight words: {part.text}")).text)

    @step
    async def finish(self, notes: list[Note]) -> StopEvent:
        return StopEvent(result=[note.text for note in notes])


def main() -> None:
    manager = CallbackManager([LlamaDebugHandler(print_trace_on_end=True)])
    with StandIn(pause=0.01) as server:
        if "OPENAI_API_KEY" not in os.environ:
            print(server.describe())
            os.environ.update(OPENAI_API_KEY=server.key, OPENAI_BASE_URL=server.url)
        notes = Notes(callback_manager=manager).run_sync(text="Steps lead down to the water. The shaft is cool.")
    print(*notes, sep="\n")


if __name__ == "__main__":
    main()
