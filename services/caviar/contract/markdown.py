"""Text of people in Markdown, as MLflow shows it: nothing in it is a link, a tag, or the end of a table's cell."""

from __future__ import annotations

import re

_SPECIAL = re.compile(
    r"[&<>`*\[\]|~@\\#!]"
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"  # between letters it is no emphasis
    r"|:(?=//)|(?<=www)\.",  # what would become a link by itself
    re.IGNORECASE,
)


def plain(text: str) -> str:
    """``text`` in one line, so that it is read as it is written."""
    return _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", " ".join(text.split()))


def link(text: str, address: str | None) -> str:
    """``text`` of people that leads to an address of ours; only the text where there is none."""
    return f"[{plain(text)}]({address})" if address else plain(text)
