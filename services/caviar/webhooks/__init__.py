"""Telling others what happened: events that follow from the store, signed, sent until they are taken."""

from caviar.webhooks.addresses import Allowed, check_url
from caviar.webhooks.courier import Courier
from caviar.webhooks.signing import new_secret, signature

__all__ = ["Allowed", "Courier", "check_url", "new_secret", "signature"]
