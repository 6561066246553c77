"""The Python client: ``caviar.connect()``, and the connection that the commands use too."""

from caviar.client.babysitting import BabysatTrial
from caviar.client.service import Service, connect
from caviar.client.study import Study
from caviar.client.waiting import AsyncBabysatTrial, AsyncService, AsyncStudy, connect_async

__all__ = [
    "AsyncBabysatTrial",
    "AsyncService",
    "AsyncStudy",
    "BabysatTrial",
    "Service",
    "Study",
    "connect",
    "connect_async",
]
