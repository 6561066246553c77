"""Handwritten digits in a plain PyTorch loop: what one trial of `study.yaml` trains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from caviar.integrations.torch import epochs

if TYPE_CHECKING:
    from caviar_worker import Trial

EPOCHS = 27
BATCH = 64


def train(trial: Trial) -> None:
    """The last reported `val_accuracy` is the trial's value. CUDA is asked for here, not at the module's top."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(trial.seed)
    x, y = load_digits(return_X_y=True)
    split = train_test_split(x / 16, y, random_state=0, stratify=y)
    x_train, x_val = (torch.tensor(part, dtype=torch.float32, device=device) for part in split[:2])
    y_train, y_val = (torch.tensor(part, device=device) for part in split[2:])

    params = trial.params
    model = nn.Sequential(
        nn.Linear(64, params["hidden_units"]),
        nn.ReLU(),
        nn.Dropout(params["dropout"]),
        nn.Linear(params["hidden_units"], 10),
    ).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=params["learning_rate"])

    for epoch in epochs(trial, EPOCHS, model=model, optimizer=optimizer):
        model.train()
        for rows in torch.randperm(len(x_train), device=device).split(BATCH):
            loss = nn.functional.cross_entropy(model(x_train[rows]), y_train[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            accuracy = (model(x_val).argmax(dim=1) == y_val).float().mean()
        trial.report(epoch, val_accuracy=accuracy, train_loss=loss.detach())
