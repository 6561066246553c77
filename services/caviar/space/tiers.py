"""How important a parameter usually is, by its usual name.

The tiers are those of Andrew Ng's "Deep Learning Specialization", course 2, week 3: first the learning
rate; then momentum, hidden units and mini-batch size; then layers and learning-rate decay; last Adam's
own beta1, beta2 and epsilon. A bare ``alpha`` stands for the learning rate there and for a penalty in
most libraries, so it is not recognised.
"""

from __future__ import annotations

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


def _bare(name: str) -> str:
    """Without a prefix such as ``optimizer.``, case, ``-`` and ``_``."""
    return name.rsplit(".", 1)[-1].lower().replace("-", "").replace("_", "")


_TIERS = {_bare(name): tier for tier, names in USUAL_NAMES.items() for name in names}


def usual_tier(name: str) -> int | None:
    """The tier of a parameter that goes by a usual name: 1 (most important) to 4, or None.

    >>> usual_tier("optimizer.lr"), usual_tier("hidden-units"), usual_tier("weight_decay")
    (1, 2, None)
    """
    return _TIERS.get(_bare(name))
