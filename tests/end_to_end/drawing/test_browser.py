"""The drawings in a real browser: complete, closed to the network, quiet, and alive under the mouse."""

# ruff: noqa: RUF001  # the multiplication sign is what the drawings show
import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from stepwell import Context, Event, StartEvent, StepFailedEvent, StopEvent, Workflow, catch_error, step
from stepwell.drawing import draw_all_possible_flows, draw_most_recent_execution
from stepwell.representation import get_workflow_representation

from .browser import WHY_NONE, Browser, browser, find_browser

pytestmark = pytest.mark.skipif(find_browser() is None, reason=WHY_NONE)

EVIL = "</script><script>window.broken = 1</script><img src='https://example.invalid/x'>"


@pytest.fixture(scope="module")
def page() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


class Draft(Event):
    text: str


class Verdict(Event):
    fine: bool


class Inner(Workflow):
    @step
    async def look(self, ev: StartEvent) -> StopEvent:
        return StopEvent()


class Writer(Workflow):
    __doc__ = EVIL

    @step(children=[Inner])
    async def begin(self, ctx: Context, ev: StartEvent) -> Draft:
        """Begin the draft."""
        return Draft(text="")

    @step(num_workers=2, timeout=30)
    async def review(self, ev: Draft) -> Verdict:
        return Verdict(fine=True)

    @step
    async def decide(self, ev: Verdict) -> Draft | StopEvent:
        if ev.fine:
            return StopEvent(result=EVIL)
        return Draft(text="again")

    @catch_error
    async def recover(self, ev: StepFailedEvent) -> StopEvent:
        return StopEvent()


@pytest.fixture
def drawn(page: Browser, tmp_path: Path) -> Browser:
    draw_all_possible_flows(Writer, filename=tmp_path / "flow.html")
    page.open(tmp_path / "flow.html")
    return page


def count(page: Browser, selector: str) -> int:
    found: int = page.ask(f"document.querySelectorAll({selector!r}).length")
    return found


def labels(page: Browser, selector: str) -> list[str]:
    found: list[str] = page.ask(f"[...document.querySelectorAll({selector!r})].map((one) => one.textContent)")
    return found


def camera(page: Browser) -> str:
    found: str = page.ask("document.querySelector('#stage > svg > g').getAttribute('transform')")
    return found


def test_every_node_and_every_edge_is_there_and_has_its_place(drawn: Browser) -> None:
    graph = get_workflow_representation(Writer)

    assert count(drawn, ".node[data-id]") == len(graph.nodes)
    assert count(drawn, ".edge") == len(graph.edges)
    boxes = drawn.ask(
        "[...document.querySelectorAll('.node[data-id] .shape')].map((one) => one.getBoundingClientRect())"
        ".map((box) => [box.left, box.top, box.right, box.bottom])"
    )
    for number, one in enumerate(boxes):
        assert 0 <= one[0] < one[2] <= 1200
        for other in boxes[number + 1 :]:
            assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def test_the_page_asks_nothing_of_the_network_and_says_nothing(drawn: Browser) -> None:
    assert drawn.requests() == []
    assert drawn.complaints() == []
    assert drawn.ask("window.broken") is None


def test_text_that_looks_like_markup_is_shown_as_text(page: Browser, tmp_path: Path) -> None:
    class Evil(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

    Evil.__name__ = EVIL
    draw_all_possible_flows(Evil, filename=tmp_path / "evil.html")

    page.open(tmp_path / "evil.html")

    assert labels(page, "h1") == [EVIL]
    assert page.ask("window.broken") is None
    assert page.requests() == []


def test_kinds_are_told_apart_by_shape_as_well_as_by_color(drawn: Browser) -> None:
    shapes = drawn.ask(
        "['step', 'event', 'handler', 'child', 'start', 'stop'].map((kind) => {"
        " const all = (part) => [...document.querySelectorAll(`.node.${kind}[data-id] ${part}`)];"
        " const outline = all('.shape')[0].getAttribute('d');"
        " return [outline.match(/A[0-9.]+/)?.[0], all('.glyph').map((one) => one.getAttribute('d'))].join() })"
    )

    assert len(set(shapes)) == 6


def test_a_loop_is_drawn_as_one(drawn: Browser) -> None:
    assert labels(drawn, ".edge.loop text") == ["loop"]


def test_marks_tell_workers_and_time_limits(drawn: Browser) -> None:
    assert "≤ 30 s  ·  ×2 workers  ·  handled" in labels(drawn, ".mark")


def test_hovering_shows_signature_docstring_and_source(drawn: Browser) -> None:
    drawn.mouse("mouseMoved", *drawn.middle("[data-id='step:begin'] .name"))

    (about,) = labels(drawn, "#about")
    assert "async def begin(self, ctx: Context, ev: StartEvent) -> Draft" in about
    assert "Begin the draft." in about
    assert "test_browser.py:" in about


def test_a_click_lights_the_ways_through_a_node_and_another_click_ends_it(drawn: Browser) -> None:
    drawn.click("[data-id='child:" + f"{__name__}.Inner" + "'] .name")

    assert drawn.ask("[...document.querySelectorAll('.edge.on')].map((one) => one.dataset.id)") == [
        "event:stepwell.flow._events.StartEvent>step:begin",
        f"step:begin>child:{__name__}.Inner",
    ]
    assert count(drawn, ".dimmed") == 1
    for kind in ("mousePressed", "mouseReleased"):
        drawn.mouse(kind, 30, 400, button="left", buttons=1, clickCount=1)
    assert count(drawn, ".dimmed") == 0


def test_wheel_and_buttons_zoom_and_fit_comes_back(drawn: Browser) -> None:
    fitting = camera(drawn)

    drawn.mouse("mouseWheel", 600, 400, deltaX=0, deltaY=-300)
    assert camera(drawn) != fitting
    drawn.click("#fit")
    assert camera(drawn) == fitting
    drawn.click("#closer")
    assert camera(drawn) != fitting


def test_dragging_moves_the_picture(drawn: Browser) -> None:
    before = camera(drawn)

    drawn.mouse("mousePressed", 30, 400, button="left", buttons=1, clickCount=1)
    drawn.mouse("mouseMoved", 90, 450, button="left", buttons=1)
    drawn.mouse("mouseReleased", 90, 450, button="left", clickCount=1)

    assert camera(drawn) != before
    assert count(drawn, ".dimmed") == 0


def test_a_child_workflow_opens_and_closes(drawn: Browser) -> None:
    drawn.click(".toggle")
    assert count(drawn, f"[data-id='child:{__name__}.Inner/step:look']") == 1

    drawn.click(".toggle")
    assert count(drawn, f"[data-id='child:{__name__}.Inner/step:look']") == 0
    assert drawn.complaints() == []


def test_dark_and_light_differ(drawn: Browser) -> None:
    color = "getComputedStyle(document.body).backgroundColor"
    light = drawn.ask(color)

    drawn.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])

    assert drawn.ask(color) != light
    drawn.send("Emulation.setEmulatedMedia", features=[])


def sheets(page: Browser) -> int:
    return base64.b64decode(page.send("Page.printToPDF")["data"]).count(b"/Type /Page\n")


def test_a_small_drawing_prints_on_one_sheet_and_leaves_the_screen_as_it_was(drawn: Browser) -> None:
    before = camera(drawn)

    assert sheets(drawn) == 1
    assert camera(drawn) == before


def test_a_run_is_drawn_with_its_counts_and_fed_with_changes(page: Browser, tmp_path: Path) -> None:
    async def run() -> None:
        handler = Writer().run()
        await handler
        draw_most_recent_execution(handler, filename=tmp_path / "run.html")

    asyncio.run(run())
    page.open(tmp_path / "run.html")

    assert labels(page, "[data-id='step:review'] .badge")[0].startswith("1×")
    assert "1×" in labels(page, ".edge .count")
    assert count(page, "#timeline .bar") == 3
    assert count(page, ".is-idle[data-id='step:recover']") == 1

    page.ask("window.stepwell.update({nodes: {'step:review': {state: 'running', running: 1, count: 7}}})")

    assert labels(page, ".is-running .badge")[0].startswith("7× · 1 running")
    assert page.complaints() == []


class Naps(Workflow):
    @step
    async def nap(self, ctx: Context, ev: StartEvent) -> StopEvent:
        await ctx.sleep(0.05)
        await asyncio.sleep(0.02)
        return StopEvent()


class RunsNaps(Workflow):
    @step
    async def hand_on(self, ctx: Context, ev: StartEvent) -> Draft:
        await asyncio.sleep(0.02)
        await asyncio.gather(ctx.run_child(Naps()), ctx.run_child(Naps()))
        return Draft(text="")

    @step
    async def end(self, ev: Draft) -> StopEvent:
        return StopEvent()


@pytest.fixture
def with_children(page: Browser, tmp_path: Path) -> Browser:
    async def run() -> None:
        handler = RunsNaps().run()
        await handler
        draw_most_recent_execution(handler, filename=tmp_path / "run.html")

    asyncio.run(run())
    page.open(tmp_path / "run.html")
    return page


def test_child_runs_are_counted_on_the_child_and_inside_of_it(with_children: Browser) -> None:
    child = f"child:{__name__}.Naps"
    assert labels(with_children, f"[data-id='{child}'] .badge")[0].startswith("2×")

    with_children.click(".toggle")

    assert labels(with_children, f"[data-id='{child}'] .name")[0].startswith("Naps · 2×")
    assert labels(with_children, f"[data-id='{child}/step:nap'] .badge")[0].startswith("2×")
    assert with_children.complaints() == []


def test_the_timeline_tells_work_from_waiting_and_has_a_group_for_each_child_run(with_children: Browser) -> None:
    assert labels(with_children, "#timeline .heading") == ["hand_on > Naps", "hand_on > Naps"]
    assert count(with_children, "#timeline > svg rect.wait.child") == 2
    assert count(with_children, "#timeline > svg rect.wait.sleep") == 2
    assert labels(with_children, "#timeline .key") == ["sleeps", "runs a child workflow"]
    bars = with_children.ask(
        "[...document.querySelectorAll('#timeline > svg .bar')].map((one) => one.querySelector('title').textContent)"
        ".filter((text) => text.startsWith('nap')).length"
    )
    assert bars >= 2


def test_fifty_steps_are_legible_on_screen_and_paper_and_come_with_an_overview(page: Browser, tmp_path: Path) -> None:
    long: type[Workflow] = type("Long", (Workflow,), {})
    events = [StartEvent, *(type(f"Part{number}", (Event,), {}) for number in range(49)), StopEvent]
    for number in range(50):

        def body(ev: Event) -> Event:
            raise AssertionError("only drawn")

        body.__name__ = body.__qualname__ = f"step_{number}"
        body.__annotations__ = {"ev": events[number], "return": events[number + 1]}
        step(workflow=long)(body)
    draw_all_possible_flows(long, filename=tmp_path / "long.html")

    page.open(tmp_path / "long.html")

    assert count(page, ".node[data-id]") == 101
    assert page.ask("document.querySelector('[data-id=\"step:step_0\"] .name').getBoundingClientRect().height") > 9
    assert page.ask("document.getElementById('overview').getBoundingClientRect().height") > 100
    assert page.complaints() == []
    assert sheets(page) > 2
