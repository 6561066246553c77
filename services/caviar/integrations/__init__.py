"""Caviar in the frameworks that people train with: a module for each, which needs that framework and little else.

    from caviar.integrations.lightning import CaviarCallback

The callbacks work round the ``trial`` that a training function gets: they report, stop and save at the right moments.
``CaviarSearchCV`` searches in the process itself. Nothing here imports a framework before its module is asked for.
"""
