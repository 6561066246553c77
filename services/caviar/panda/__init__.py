"""Babysitting one model while it trains: what a change of its hyperparameters did. Pure."""
