"""The training step: mean squared error, stochastic gradient descent, Spearman on validation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor

from memnet.errors import MemnetError
from memnet.reimpl.branches import Network
from memnet.reimpl.training.batches import BatchSampler, Loader, Pictures
from memnet.reimpl.training.config import TrainConfig
from memnet.reimpl.training.frozen_outputs import network_input
from memnet.stats.metrics import spearman

_LOOK_EVERY = 20
"""Steps between two looks for a loss that is not finite: on a GPU each look waits for it."""


class NotFiniteError(MemnetError):
    """Weights or scores have left the finite numbers; other settings may not."""


class TrainingModule(L.LightningModule):
    """What Lightning trains.

    Parameters
    ----------
    network : with its frozen branches frozen.
    config : the settings.
    train, val : the pictures of the two parts: what is fetched, and which rows.
    workers : processes that fetch batches.
    began_with : what a run depends on beside its settings -> its sha256.
    """

    def __init__(
        self,
        network: Network,
        config: TrainConfig,
        *,
        train: tuple[Pictures, np.ndarray[Any, Any]],
        val: tuple[Pictures, np.ndarray[Any, Any]],
        workers: int,
        began_with: Mapping[str, str],
    ) -> None:
        super().__init__()
        self.network = network
        self.settings = config
        self.workers = workers
        self._began_with = dict(began_with)
        self._parts = {"train": train, "val": val}
        self.loaders: dict[str, Loader] = {}
        self.last_validation: dict[str, float] = {}
        self._found: list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]] = []
        self._not_finite: Tensor | None = None
        self._squares: list[tuple[Tensor, int]] = []

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Stochastic gradient descent on everything that is not frozen."""
        c = self.settings
        trained = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        return torch.optim.SGD(
            trained,
            lr=c.learning_rate,
            momentum=c.momentum,
            weight_decay=c.weight_decay,
            fused=True,  # one pass over the 72 million numbers of ResMem's head instead of three
        )

    def train_dataloader(self) -> Loader:
        """Batches in an order of their own in every epoch."""
        return self._loader("train", seed=self.settings.seed)

    def val_dataloader(self) -> Loader:
        """Batches in the order of the table."""
        return self._loader("val", seed=None)

    def _loader(self, part: str, *, seed: int | None) -> Loader:
        pictures, rows = self._parts[part]
        order = BatchSampler(
            rows,
            self.settings.batch_size,
            seed=seed,
            rank=self.trainer.global_rank,
            world=self.trainer.world_size,
        )
        self.loaders[part] = Loader(
            pictures,
            order,
            workers=self.workers,
            pin_memory=self.trainer.strategy.root_device.type == "cuda",
            epoch=lambda: self.current_epoch,
        )
        return self.loaders[part]

    def on_train_epoch_start(self) -> None:
        """Draw the epoch's dropout from seed, epoch and process, as if it were the first."""
        self._squares = []
        draw = np.random.SeedSequence([self.settings.seed, self.current_epoch, self.global_rank])
        torch.manual_seed(int(draw.generate_state(1, np.uint32)[0]))

    def forward(self, batch: dict[str, Any]) -> Tensor:
        """Predict the scores of a batch, ``(n,)`` float32."""
        predictions: Tensor = self.network(network_input(batch["pictures"]), batch["known"])
        return predictions.float()

    def training_step(self, batch: dict[str, Any], _: int) -> Tensor:
        """Mean squared error of the whole batch, as far as this process knows it.

        The sum over its own share, divided by the size of the whole: the mean over processes that
        DDP takes of the gradients then is the gradient of the whole batch's mean, however unevenly
        the batch was shared out.
        """
        predictions = self(batch)
        squares = torch.sum((predictions - batch["scores"]).square())
        if not batch["counts"]:
            squares = squares * 0.0
        self._watch(squares.detach())
        self._squares.append((squares.detach(), len(batch["scores"]) if batch["counts"] else 0))
        loss: Tensor = squares * (self.trainer.world_size / batch["batch_size"])
        return loss

    def validation_step(self, batch: dict[str, Any], _: int) -> None:
        """Keep the predictions: a rank correlation is of all pictures or none."""
        predictions = self(batch)
        if batch["counts"]:
            rows = batch["rows"].cpu().numpy()
            self._found.append((rows, predictions.double().cpu().numpy()))

    def on_validation_epoch_end(self) -> None:
        """Compute Spearman's rho and the mean squared error over all processes' pictures."""
        self.raise_if_not_finite()
        parts = self._gathered(self._found)
        self._found = []
        rows = np.concatenate([row for row, _ in parts])
        order = np.argsort(rows, kind="stable")
        predictions = np.concatenate([values for _, values in parts])[order]
        scores = self._parts["val"][0].scores[rows[order]].astype(np.float64)
        if not np.isfinite(predictions).all():
            raise NotFiniteError(self._not_finite_message("A prediction"))
        self.last_validation = {
            "val_spearman": spearman(predictions, scores),
            "val_loss": float(np.mean((predictions - scores) ** 2)),
        }
        self.log_dict(self.last_validation, prog_bar=True, logger=False)

    def train_loss(self) -> float:
        """Mean squared error of training since the last validation or, if later, the epoch's start.

        NaN where nothing was trained.
        """
        mine = (
            float(sum(total.double().item() for total, _ in self._squares)),
            sum(count for _, count in self._squares),
        )
        self._squares = []
        sums = self._gathered([mine])
        count = sum(count for _, count in sums)
        return sum(total for total, _ in sums) / count if count else math.nan

    def _gathered(self, mine: list[Any]) -> list[Any]:
        """Collect lists over all processes."""
        if self.trainer.world_size == 1:
            return mine
        parts: list[Any] = [None] * self.trainer.world_size
        torch.distributed.all_gather_object(parts, mine)
        return [item for part in parts for item in part]

    def _watch(self, squares: Tensor) -> None:
        """Stop before a loss that is not finite reaches the weights; on a GPU, soon after."""
        bad = ~torch.isfinite(squares)
        self._not_finite = bad if self._not_finite is None else self._not_finite | bad
        if squares.device.type == "cpu" or self.global_step % _LOOK_EVERY == 0:
            self.raise_if_not_finite()

    def raise_if_not_finite(self) -> None:
        """Raise ``NotFiniteError`` if a loss was not finite."""
        if self._not_finite is not None and bool(self._not_finite):
            raise NotFiniteError(self._not_finite_message("The loss"))

    def _not_finite_message(self, what: str) -> str:
        return (
            f"{what} is no longer a finite number in epoch {self.current_epoch + 1}, step "
            f"{self.global_step + 1}: try a lower learning_rate than "
            f"{self.settings.learning_rate:g}"
            + ("" if self.settings.precision == "32" else ', or precision = "32"')
            + "."
        )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave frozen branches out: they are what they were when the run began."""
        checkpoint["began_with"] = self._began_with
        frozen = self.network.frozen
        checkpoint["state_dict"] = {
            name: tensor
            for name, tensor in checkpoint["state_dict"].items()
            if self.network.branch_of(name.removeprefix("network.")) not in frozen
        }

    def trained_state(self) -> dict[str, Tensor]:
        """Copy what is not frozen, parameters and buffers, under the network's own names."""
        return {
            name: tensor.detach().cpu().clone()
            for name, tensor in self.network.state_dict().items()
            if self.network.branch_of(name) not in self.network.frozen
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put the frozen branches back in.

        Raises
        ------
        MemnetError
            if the pictures, or the weights that a branch began from, are others by now.
        """
        for what, sha256 in self._began_with.items():
            if checkpoint["began_with"].get(what) != sha256:
                raise MemnetError(
                    f"The {what} are not those that this run began with (or their files have new "
                    "times, or Pillow another version); bring them back, or begin a new run in "
                    "another folder."
                )
        checkpoint["state_dict"] = {**self.state_dict(), **checkpoint["state_dict"]}
