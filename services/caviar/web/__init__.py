"""Pages, rendered over the views of the API and live by server-sent events. See docs/adr/0021-what-people-see.md."""

from caviar.web.app import add_pages

__all__ = ["add_pages"]
