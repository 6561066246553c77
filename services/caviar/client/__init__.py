"""The Python client: ``caviar.connect()``, and the connection that the commands use too."""

from caviar.client.service import Service, connect
from caviar.client.study import Study
from caviar.client.waiting import AsyncService, AsyncStudy, connect_async

__all__ = ["AsyncService", "AsyncStudy", "Service", "Study", "connect", "connect_async"]
