"""How important a parameter usually is, by its usual name.

The tiers are those of Andrew Ng's "Deep Learning Specialization", course 2, week 3: first the learning
rate; then momentum, hidden units and mini-batch size; then layers and learning-rate decay; last Adam's
own beta1, beta2 and epsilon. A bare ``alpha`` stands for the learning rate there and for a penalty in
most libraries, so it is not recognised.
"""

from __future__ import annotations

import re
from functools import lru_cache

USUAL_NAMES: dict[int, tuple[str, ...]] = {
    1: ("learning_rate", "lr", "eta", "learning_rate_init", "initial_learning_rate", "base_lr"),
    2: (
        *("momentum", "beta", "momentum_beta"),
        *("hidden_units", "n_hidden_units", "num_hidden_units", "units", "num_units", "n_units"),
        *("hidden", "n_hidden", "num_hidden", "hidden_size", "hidden_dim", "hidden_layer_size"),
        *("width", "max_units"),
        *("batch_size", "mini_batch_size", "minibatch_size", "batch", "train_batch_size"),
    ),
    3: (
        *("layers", "num_layers", "n_layers", "hidden_layers", "num_hidden_layers", "depth"),
        *("lr_decay", "decay", "decay_rate", "learning_rate_decay"),
    ),
    4: (
        *("beta1", "adam_beta1", "beta2", "adam_beta2"),
        *("epsilon", "eps", "adam_epsilon", "adam_eps"),
    ),
}


SYNONYMS: tuple[tuple[str, ...], ...] = (
    ("learning_rate", "lr", "eta", "learning_rate_init", "initial_learning_rate", "base_lr"),
    ("momentum", "momentum_beta"),
    (
        *("hidden_units", "n_hidden_units", "num_hidden_units", "units", "num_units", "n_units"),
        *("hidden", "n_hidden", "num_hidden", "hidden_size", "hidden_dim", "hidden_layer_size"),
    ),
    ("batch_size", "mini_batch_size", "minibatch_size", "train_batch_size"),
    ("layers", "num_layers", "n_layers"),
    ("hidden_layers", "num_hidden_layers"),
    ("lr_decay", "learning_rate_decay"),
    ("beta1", "adam_beta1"),
    ("beta2", "adam_beta2"),
    ("epsilon", "eps", "adam_epsilon", "adam_eps"),
)
"""Usual names of one and the same quantity. Names that some libraries give to another one (``beta``, ``decay``,
``depth``, ``alpha``) are in no group."""


@lru_cache(maxsize=4096)
def bare_name(name: str) -> str:
    """Without a prefix such as ``optimizer.`` or ``optimizer/``, case, ``-`` and ``_``."""
    return re.split(r"[./]", name)[-1].lower().replace("-", "").replace("_", "")


_GROUPS = {bare_name(name): group[0] for group in SYNONYMS for name in group}
_TIERS = {bare_name(name): tier for tier, names in USUAL_NAMES.items() for name in names}


def usual_tier(name: str) -> int | None:
    """The tier of a parameter that goes by a usual name: 1 (most important) to 4, or None.

    >>> usual_tier("optimizer.lr"), usual_tier("hidden-units"), usual_tier("weight_decay")
    (1, 2, None)
    """
    return _TIERS.get(bare_name(name))


def usual_name(name: str) -> str | None:
    """The first of the usual names of the same quantity, or None where the name is not among them.

    >>> usual_name("optimizer.lr"), usual_name("n-hidden"), usual_name("beta")
    ('learning_rate', 'hidden_units', None)
    """
    return _GROUPS.get(bare_name(name))
