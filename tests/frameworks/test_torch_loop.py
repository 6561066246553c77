"""The plain PyTorch loop: what it saves, and what it refuses."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from tests.frameworks.test_course import attempt

torch = pytest.importorskip(
    "torch", reason="PyTorch is not installed: `make test-frameworks` has it"
)


def test_random_numbers_go_on_where_they_were(tmp_path: Path) -> None:
    """Shuffling and dropout after a resume are those of a training that was not interrupted."""
    from caviar.integrations.torch import epochs

    drawn = []
    for _ in epochs(attempt(tmp_path, 1), 3):
        drawn.append(torch.rand(1).item())
        if len(drawn) == 2:
            break  # killed before the second checkpoint
    torch.manual_seed(99)
    again = [torch.rand(1).item() for _ in epochs(attempt(tmp_path, 2), 2)]
    assert again == drawn[1:]


def test_parts_are_checked(tmp_path: Path) -> None:
    """Something without a state, and a checkpoint of other parts."""
    from caviar.integrations.torch import epochs

    with pytest.raises(TypeError, match="model is list, which has no state_dict"):
        next(epochs(attempt(tmp_path, 1), 3, model=[]))
    for _ in epochs(attempt(tmp_path, 2), 1, model=torch.nn.Linear(1, 1)):
        pass
    with pytest.raises(ValueError, match=r"is of \(model\), and the loop asks for \(net\)"):
        next(epochs(attempt(tmp_path, 3), 3, net=torch.nn.Linear(1, 1)))


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    """Whoever can write into the store of checkpoints must not run code on the workers by that."""
    from caviar.integrations.torch import epochs

    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "ran",))

    trial = attempt(tmp_path, 1)
    trial.save_checkpoint(0, lambda folder: torch.save({"parts": Evil()}, folder / "state.pt"))
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        next(epochs(attempt(tmp_path, 2), 3))
    assert not (tmp_path / "ran").exists()
