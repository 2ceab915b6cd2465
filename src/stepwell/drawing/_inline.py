"""A drawing inside a notebook: an object that shows itself, without importing any notebook package."""

import html


class InlineDrawing:
    """Shows a page in a frame that can reach neither the network nor the notebook around it."""

    def __init__(self, page: str, *, height: int = 560) -> None:
        self.page = page
        self.height = height

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{html.escape(self.page)}" sandbox="allow-scripts" width="100%" '
            f'height="{self.height}" style="border:1px solid #8884" title="Workflow drawing"></iframe>'
        )

    def __repr__(self) -> str:
        return f"<InlineDrawing: {len(self.page)} characters of HTML; show it in a notebook>"
