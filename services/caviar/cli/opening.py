"""`caviar open`: into the pages without showing a token to the browser."""

from __future__ import annotations

import os
import sys
import webbrowser
from urllib.parse import quote

import click

from caviar.client.administration import Administration
from caviar.client.connection import find_service


def open_in_browser(study: str | None, as_json: bool) -> int:
    """Where there is no browser, say where to go: for one on another machine as well."""
    with Administration(find_service()) as client:
        page = "/queue" if study is None else f"/studies/{client.resolve(study)}"
        way = client.way_in()
        url = f"{client.url}{way.path}&next={quote(page, safe='')}"
    if as_json:
        from caviar.cli.reading import print_json

        print_json({"url": url, "seconds": way.seconds})
        return 0
    click.echo(f"Good once, for {way.seconds:.0f} seconds:\n{url}")
    if _has_windows():
        webbrowser.open(url)
    return 0


def _has_windows() -> bool:
    """Without, `webbrowser` would start one of text in this terminal."""
    return sys.platform == "darwin" or bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys())
