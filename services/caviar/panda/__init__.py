"""Babysitting one model while it trains: what changes did, and a nurse who makes them."""

from caviar.panda.babysitting import Babysitting

__all__ = ["Babysitting"]
