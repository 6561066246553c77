"""Whose certificates the service may show."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl


def certificates(url: str) -> ssl.SSLContext | None:
    """The system's, or those that ``SSL_CERT_FILE`` or ``SSL_CERT_DIR`` name; None where ``url`` is no https.

    Loading them costs 0.1 s.
    """
    import httpx2

    return httpx2.create_ssl_context() if url.startswith("https://") else None
