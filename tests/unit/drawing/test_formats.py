"""Drawings as Mermaid, DOT, JSON and text: valid for any name, and complete."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.drawing import (
    FORMATS,
    InlineDrawing,
    draw_all_possible_flows,
    draw_all_possible_flows_dot,
    draw_all_possible_flows_mermaid,
    render,
)
from stepwell.errors import DrawingFileError, DrawingFormatError, LabelLengthError, NotAWorkflowError
from stepwell.flow.graph import WorkflowGraph
from stepwell.representation import get_workflow_representation

from .workflows import Outer, Review, Twice, named_workflow

NODE = re.compile(r'^ *([A-Za-z]\w*)[\[({/\\]+"([^"]*)"[\])}/\\]+:::\w+Style$', re.ASCII)
LINK = re.compile(r'^ *([A-Za-z]\w*) (?:-->|==>|-\.->)(?:\|"[^"|]*"\|)? ([A-Za-z]\w*)$', re.ASCII)
OTHER = re.compile(r'^(?:flowchart TD|%% [^{}]*| *subgraph \w+\["[^"]*"\]| *end| *classDef \w+ [\w:#,. -]+)$', re.ASCII)


def parts(text: str) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Return nodes and links of Mermaid text; every line has to be one that is known to be valid."""
    nodes, links = {}, []
    for line in text.splitlines():
        if node := NODE.match(line):
            assert node[1] not in nodes
            nodes[node[1]] = node[2]
        elif link := LINK.match(line):
            links.append((link[1], link[2]))
        else:
            assert OTHER.match(line), line
    return nodes, links


def test_mermaid_has_every_node_and_every_edge() -> None:
    graph = get_workflow_representation(Review)

    nodes, links = parts(render(graph, "mermaid"))

    assert len(nodes) == len(graph.nodes)
    assert len(links) == len(graph.edges)


def test_mermaid_is_valid_for_any_name() -> None:
    graph = get_workflow_representation(named_workflow())

    nodes, links = parts(render(graph, "mermaid"))

    assert len(nodes) == len(graph.nodes)
    assert {end for link in links for end in link} <= set(nodes)
    assert "end" not in nodes


@settings(max_examples=25)
@given(st.text(min_size=1, max_size=20))
def test_no_label_breaks_mermaid_or_dot(label: str) -> None:
    graph = get_workflow_representation(Outer)
    named = graph.model_copy(
        update={"nodes": tuple(node.model_copy(update={"label": label + node.label}) for node in graph.nodes)}
    )

    nodes, _ = parts(render(named, "mermaid"))
    body = re.sub(r'"(?:[^"\\]|\\.)*"', "Q", render(named, "dot"), flags=re.DOTALL)

    assert len(nodes) == 7
    assert '"' not in body


def test_child_workflows_are_unfolded_in_place() -> None:
    text = render(get_workflow_representation(Outer), "mermaid")

    assert 'subgraph child_Inner["Inner"]' in text
    assert 'step_look["look"]' in text


@pytest.mark.parametrize("format_name", FORMATS)
def test_recursion_ends_in_every_format(format_name: str) -> None:
    assert "again" in render(get_workflow_representation(Twice), format_name)


def test_a_child_is_unfolded_once_and_then_only_named() -> None:
    nodes, _ = parts(render(get_workflow_representation(Twice), "mermaid"))

    assert list(nodes.values()).count("look") == 1
    assert list(nodes.values()).count("again") == 1
    assert list(nodes.values()).count("Endless") == 1


def test_child_workflows_can_be_left_out() -> None:
    text = draw_all_possible_flows_mermaid(Outer, filename="", include_child_workflows=False)

    assert "Inner" not in text


def test_dot_quotes_every_name() -> None:
    text = render(get_workflow_representation(named_workflow()), "dot")

    body = re.sub(r'"(?:[^"\\]|\\.)*"', "Q", text)
    assert re.fullmatch(r"[\w\s{}\[\]=,;>/.-]*", body.replace("Q", "")), body


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed: its own parser is not asked")
def test_graphviz_reads_the_dot() -> None:
    text = render(get_workflow_representation(named_workflow()), "dot")

    read = subprocess.run(["dot", "-Tplain"], input=text.encode(), capture_output=True, check=True)

    assert read.stdout.count(b"\nnode ") == 69


def test_text_shows_branches_and_ways_back() -> None:
    text = render(get_workflow_representation(Review), "text")

    assert text.splitlines()[2:] == [
        "▶ StartEvent",
        "[split]",
        "(list: one each) Doc",
        "[rate]   retry · 2 workers",
        "Score",
        "(all) [ask]",
        "? Question",
        "☺ outside",
        "↵ Answer",
        "[decide]",
        "├─ ? Question ↑",
        "└─ ■ StopEvent",
    ]


def test_json_is_the_graph() -> None:
    graph = get_workflow_representation(Review)

    assert WorkflowGraph.model_validate_json(render(graph, "json")) == graph


@pytest.mark.parametrize("format_name", FORMATS)
def test_every_format_takes_an_invalid_workflow(format_name: str) -> None:
    graph = get_workflow_representation(Review).model_copy(update={"edges": ()})

    assert render(graph, format_name)


def test_labels_are_cut_to_their_limit() -> None:
    nodes, _ = parts(render(get_workflow_representation(Review), "mermaid", max_label_length=4))

    assert "Que…" in nodes.values()
    assert "Doc" in nodes.values()


def test_an_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(DrawingFormatError, match="html, mermaid, dot, json, text"):
        render(get_workflow_representation(Review), "png")


@pytest.mark.parametrize("limit", [0, 1, -3, "4", True])
def test_a_label_limit_that_is_none_is_refused(limit: object) -> None:
    with pytest.raises(LabelLengthError, match="max_label_length"):
        draw_all_possible_flows(Review, filename="", max_label_length=limit)  # type: ignore[arg-type]


def test_an_unwritable_path_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DrawingFileError, match=r"cannot be written.*No such file or directory") as caught:
        draw_all_possible_flows(Review, filename=tmp_path / "none" / "flow.html")

    assert isinstance(caught.value, OSError)


def test_only_workflows_are_drawn(tmp_path: Path) -> None:
    with pytest.raises(NotAWorkflowError):
        draw_all_possible_flows("Review", filename=tmp_path / "flow.html")

    assert list(tmp_path.iterdir()) == []


def test_the_text_twins_write_and_return_the_same(tmp_path: Path) -> None:
    for draw in (draw_all_possible_flows_mermaid, draw_all_possible_flows_dot):
        text = draw(Review, filename=tmp_path / "flow")

        assert (tmp_path / "flow").read_text(encoding="utf-8") == text


def test_a_notebook_gets_a_frame_that_stands_alone() -> None:
    drawing = draw_all_possible_flows(Review, filename="", notebook=True)

    assert isinstance(drawing, InlineDrawing)
    shown = drawing._repr_html_()
    assert shown.startswith('<iframe srcdoc="&lt;!doctype html&gt;')
    assert 'sandbox="allow-scripts"' in shown
    assert "<script" not in shown
