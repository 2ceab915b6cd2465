"""The page: self-contained, small, and closed to what users' names might do."""

import base64
import hashlib
import json
import re
from pathlib import Path

from stepwell.drawing import draw_all_possible_flows, page
from stepwell.representation import get_workflow_representation

from .workflows import Review, named_workflow


def test_a_small_workflow_makes_a_small_file(tmp_path: Path) -> None:
    draw_all_possible_flows(Review, filename=tmp_path / "flow.html")

    assert (tmp_path / "flow.html").stat().st_size < 200_000


def test_the_page_names_nothing_outside_of_itself() -> None:
    text = page(get_workflow_representation(Review))

    assert not re.search(r"(?:src|href)\s*=|@import|url\(", re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL))


def test_the_policy_allows_exactly_the_scripts_and_the_style_of_the_page() -> None:
    text = page(get_workflow_representation(Review))

    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    bodies = re.findall(r"<(?:script|style)>(.*?)</(?:script|style)>", text, flags=re.DOTALL)
    digests = {base64.b64encode(hashlib.sha256(body.encode()).digest()).decode() for body in bodies}
    assert set(re.findall(r"sha256-([^']+)", policy[1])) == digests
    assert "default-src 'none'" in policy[1]
    assert "unsafe" not in policy[1]


def test_names_and_docstrings_cannot_leave_the_data() -> None:
    workflow = named_workflow()

    text = page(get_workflow_representation(workflow))

    plain = page(get_workflow_representation(Review))
    assert text.count("<") == plain.count("<")
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)
    assert data is not None
    labels = [node["label"] for node in json.loads(data[1])["graph"]["nodes"]]
    assert "</script><script>alert(1)</script>" in labels
