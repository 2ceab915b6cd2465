"""Drawings of workflows: what can happen, and what did, as one HTML file or as text for other tools."""

from stepwell.drawing._execution import (
    draw_most_recent_execution,
    draw_most_recent_execution_mermaid,
    execution_state,
)
from stepwell.drawing._flows import (
    draw_all_possible_flows,
    draw_all_possible_flows_dot,
    draw_all_possible_flows_mermaid,
)
from stepwell.drawing._inline import InlineDrawing
from stepwell.drawing._page import page
from stepwell.drawing._render import FORMATS, DrawingFormat, render

__all__ = [
    "FORMATS",
    "DrawingFormat",
    "InlineDrawing",
    "draw_all_possible_flows",
    "draw_all_possible_flows_dot",
    "draw_all_possible_flows_mermaid",
    "draw_most_recent_execution",
    "draw_most_recent_execution_mermaid",
    "execution_state",
    "page",
    "render",
]
