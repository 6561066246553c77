"""What runs next: windows of tickets, claims, leases, and the end of studies."""

from caviar.scheduler.scheduler import Scheduler

__all__ = ["Scheduler"]
