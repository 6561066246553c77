"""Keras: reports the logs of each epoch, ends a trial that fell behind, saves and resumes.

caviar = CaviarCallback(trial)
model.fit(x, y, epochs=40, initial_epoch=caviar.initial_epoch, callbacks=[caviar])
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from keras.callbacks import Callback

from caviar.integrations.course import Course

if TYPE_CHECKING:
    from caviar_worker import Trial

_FILE = "state.weights.h5"


class CaviarCallback(Callback):
    """Put it last among the callbacks: it hears then what the others decided.

    A checkpoint holds the weights and the state of the optimizer, as Keras writes them: no pickle.
    """

    def __init__(
        self, trial: Trial, *, every: int = 1, live: Mapping[str, str] | None = None
    ) -> None:
        """``every``: epochs between checkpoints. ``live``: attributes of the optimizer and the parameters that they
        follow as it trains, ``{"learning_rate": "learning_rate"}``."""
        super().__init__()
        self._live = dict(live or {})
        self._course = Course(trial, every)
        self._begun = False

    @property
    def initial_epoch(self) -> int:
        """The first epoch that is left to train, for ``fit``."""
        return self._course.start

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Raises ValueError for a model that is not built: it has no weights to load into."""
        self._begun = False
        found = self._course.checkpoint
        if found is None:
            return
        if not self.model.built:
            raise ValueError(
                "The model is not built, so no checkpoint can be loaded: begin it with keras.Input, "
                "or call model.build(input_shape) before fit()."
            )
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)
        self.model.load_weights(found.path / _FILE)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Raises ValueError where ``fit`` does not begin at ``initial_epoch``."""
        if not self._begun and epoch != self._course.start:
            raise ValueError(
                f"fit() begins at epoch {epoch}, and the checkpoint goes on at {self._course.start}: "
                "call fit(..., initial_epoch=caviar.initial_epoch)."
            )
        self._begun = True
        for attribute, parameter in self._live.items():
            setattr(self.model.optimizer, attribute, self._course.trial.live(parameter))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        if self._course.report(epoch, logs or {}):
            self.model.stop_training = True
        last = self.model.stop_training or epoch + 1 == self.params["epochs"]
        if last or self._course.is_due(epoch):
            self._course.save(epoch, lambda folder: self.model.save_weights(folder / _FILE))
