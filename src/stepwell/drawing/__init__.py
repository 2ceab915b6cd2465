"""Drawings of workflows: what can happen, and what did, as one HTML file or as text for other tools."""

from stepwell.drawing._flows import draw_all_possible_flows
from stepwell.drawing._inline import InlineDrawing

__all__ = [
    "InlineDrawing",
    "draw_all_possible_flows",
]
