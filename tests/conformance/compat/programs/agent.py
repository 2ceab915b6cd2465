"""The real agents of llama-index-core, with a model that answers by a script: what they show, and what comes out."""

# mypy: ignore-errors

import asyncio

from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent
from llama_index.core.base.llms.types import ToolCallBlock
from llama_index.core.llms import ChatMessage, MockFunctionCallingLLM
from llama_index.core.workflow import Context, Workflow
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def remember(ctx: Context, note: str) -> str:
    """Keep a note."""
    async with ctx.store.edit_state() as state:
        notes = state.get("notes", [])
        state["notes"] = [*notes, note]
    return "kept"


async def ask(ctx: Context, question: str) -> str:
    """Ask a person."""
    answer = await ctx.wait_for_event(HumanResponseEvent, waiter_event=InputRequiredEvent(prefix=question))
    return answer.response


def script(messages, **kwargs):
    """Ask for each tool once, then answer."""
    results = [message for message in messages if message.role == "tool"]
    wanted = [("add", {"a": 20, "b": 22}), ("remember", {"note": "42"}), ("ask", {"question": "Sure?"})]
    if len(results) < len(wanted):
        name, arguments = wanted[len(results)]
        call = ToolCallBlock(tool_call_id=str(len(results)), tool_name=name, tool_kwargs=arguments)
        return ChatMessage(role="assistant", blocks=[call])
    return ChatMessage(role="assistant", content=f"It is {results[0].content}. {results[2].content}!")


async def main():
    agent = FunctionAgent(
        name="adder", tools=[add, remember, ask], llm=MockFunctionCallingLLM(response_generator=script), streaming=False
    )
    team = AgentWorkflow(agents=[agent], root_agent="adder")
    print(isinstance(team, Workflow), Workflow.__module__.partition(".")[0])
    for workflow in (agent, team):
        handler = workflow.run(user_msg="How much is 20 + 22?")
        async for event in handler.stream_events():
            assert isinstance(event, Event)
            if isinstance(event, InputRequiredEvent):
                handler.ctx.send_event(HumanResponseEvent(response="yes"))
            print(type(event).__name__, getattr(event, "tool_name", ""), getattr(event, "tool_output", ""))
        print(str(await handler), await handler.ctx.store.get("notes"))


asyncio.run(main())
