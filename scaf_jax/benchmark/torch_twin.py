"""The other side of the measurement: the same steps in PyTorch; loading it needs PyTorch.

Eager PyTorch as a careful user writes it: channels_last memory, fused Adam, and no gradient that
would be thrown away (of discriminators in the adversaries' terms, of the frozen generator).
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from torch import Tensor, nn  # pyright: ignore[reportMissingImports]

from scaf_jax.benchmark import torch_functions, workloads
from scaf_jax.landmarks import heatmaps
from scaf_jax.models import torch_names, torch_networks
from scaf_jax.training import alignment, losses, pretraining_terms

PyTree = Any
Tensors = Mapping[str, Tensor]
Losses = dict[str, Tensor]

_DROPOUT = 0.2


def build(
    workload: workloads.Workload,
    weights: tuple[PyTree, PyTree],
    batch: workloads.Batch,
    *,
    threads: int,
    dropout: bool = True,
) -> Callable[[], Any]:
    """Returns what does one step in PyTorch and gives its losses, or landmarks (B, L, 2).

    Args:
      workload: What to compute.
      weights: Parameters and running statistics of our model; they are copied.
      batch: The batch of every step, as our steps take it.
      threads: How many threads PyTorch may use.
      dropout: Whether stage 1's embedding discriminator drops units out.

    Raises:
      ValueError: The weights are not those of the workload's networks.
    """
    torch.set_num_threads(threads)
    tensors = {name: torch.from_numpy(array) for name, array in batch.items()}
    size, width, codec = workload.size, workload.width, workload.codec
    if workload.kind == workloads.PRETRAINING:
        rate = _DROPOUT if dropout else 0.0
        autoencoder = torch_networks.Autoencoder(size, width, rate)
        load(autoencoder, *weights)
        return PretrainingTwin(autoencoder, tensors).step
    aligner = torch_networks.Aligner(size, codec.heatmap_size, workloads.NUM_LANDMARKS, width)
    load(aligner, *weights)
    if workload.kind == workloads.ALIGNMENT:
        return AlignmentTwin(aligner, tensors, codec).step
    aligner.eval()
    return lambda: infer(aligner, tensors, codec)


def load(model: nn.Module, params: PyTree, batch_stats: PyTree) -> None:
    """Gives a PyTorch model our weights, and brings it into channels_last memory.

    Raises:
      ValueError: Names or shapes differ.
    """
    values = {}
    for name, tensor in model.state_dict().items():
        place = torch_names.place_of(name)
        if place is None:
            values[name] = tensor  # a counter of batches, which we do not have
        else:
            array = place.to_torch(place.find(params, batch_stats))
            values[name] = torch.from_numpy(np.ascontiguousarray(array))
    try:
        model.load_state_dict(values)
    except RuntimeError as error:
        raise ValueError(f"the weights do not fit the PyTorch networks: {error}") from error
    model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def adam(groups: list[dict[str, Any]], beta1: float, beta2: float) -> torch.optim.Adam:
    """Returns Adam in its fastest form; groups are {params, lr}."""
    return torch.optim.Adam(groups, betas=(beta1, beta2), fused=True)


def update(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """Takes one step of an optimizer down the gradient of a loss."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


class PretrainingTwin:
    """Stage 1 with all its terms; see `pretraining.train_step`.

    Args:
      model: The four networks.
      batch: `image` (B, S, S, 3) uint8; `real_embeddings` (B, 99), optional.
    """

    def __init__(self, model: torch_networks.Autoencoder, batch: Tensors):
        self.model, self.batch, self.number = model.train(), batch, 0
        self.window = torch_functions.gaussian_window(3)
        settings = pretraining_terms.PretrainingSettings()

        def optimizer(share: float, *networks: nn.Module) -> torch.optim.Adam:
            rate = share * settings.learning_rate
            groups = [{"params": list(n.parameters()), "lr": rate} for n in networks]
            return adam(groups, settings.beta1, settings.beta2)

        self.autoencoder_adam = optimizer(1.0, model.Q, model.P)
        self.embedding_adam = optimizer(1.0, model.D_z)
        self.image_adam = optimizer(settings.image_discriminator_rate, model.D)

    def step(self) -> Losses:
        """Does one step; returns the losses of the terms whose turn it was, and their sum."""
        model, found = self.model, {}
        images = torch_functions.normalize(self.batch["image"])
        embeddings, _ = model.Q(images)
        reconstructions = model.P(embeddings)
        loss = self._embedding_terms(embeddings, found)
        loss = loss + self._reconstruction_terms(images, reconstructions, found)
        loss = loss + self._image_terms(images, reconstructions, found)
        update(self.autoencoder_adam, loss)
        self.number += 1
        return {name: value.detach() for name, value in found.items()} | {"loss": loss.detach()}

    def _embedding_terms(self, embeddings: Tensor, found: Losses) -> Tensor:
        judge = self.model.D_z
        if self.number % 4 == 0:
            real = self.batch.get("real_embeddings")
            real = torch.randn_like(embeddings) if real is None else real
            loss = torch_functions.discriminator(judge(real), judge(embeddings.detach()))
            update(self.embedding_adam, loss)
            found["embedding_discriminator"] = loss
        if self.number % 2:
            return torch.zeros(())
        found["embedding_adversary"] = _deceive(judge, embeddings)
        return found["embedding_adversary"]

    def _reconstruction_terms(
        self, images: Tensor, reconstructions: Tensor, found: Losses
    ) -> Tensor:
        found["reconstruction"] = torch_functions.reconstruction(images, reconstructions)
        structural = torch_functions.structural(images, reconstructions, self.window)
        found["structural"] = losses.STRUCTURAL_WEIGHT * structural
        return 0.5 * found["reconstruction"] + 0.5 * found["structural"]

    def _image_terms(self, images: Tensor, reconstructions: Tensor, found: Losses) -> Tensor:
        judge = self.model.D
        if self.number % 2 == 0:
            loss = torch_functions.discriminator(judge(images), judge(reconstructions.detach()))
            update(self.image_adam, loss)
            found["image_discriminator"] = loss
        found["image_adversary"] = _deceive(judge, reconstructions)
        return found["image_adversary"]


def _deceive(judge: nn.Module, fake: Tensor) -> Tensor:
    """Returns the adversary's loss; the gradient passes through the judge but not to its weights.

    Autograd notes which weights need a gradient when the forward pass runs.
    """
    judge.requires_grad_(False)
    loss = torch_functions.adversary(judge(fake))
    judge.requires_grad_(True)
    return loss


class AlignmentTwin:
    """Stage 2 with skips and a frozen generator; see `alignment.train_step`.

    Args:
      model: The networks.
      batch: `image` (B, S, S, 3) uint8, `landmarks` (B, L, 2), `landmark_mask` (B, L).
      codec: Encodes the landmarks.
    """

    def __init__(self, model: torch_networks.Aligner, batch: Tensors, codec: heatmaps.HeatmapCodec):
        self.model, self.batch, self.codec = model.train(), batch, codec
        model.Q.eval()  # running statistics, while its weights learn
        model.P.eval().requires_grad_(False)
        settings = alignment.AlignmentSettings()
        transfer = [*model.LMH.parameters(), *model.HPM.parameters()]
        encoder = list(model.Q.parameters())
        groups = [
            {"params": transfer, "lr": settings.learning_rate},
            {"params": encoder, "lr": settings.encoder_learning_rate},
        ]
        self.optimizer = adam(groups, settings.beta1, settings.beta2)

    def step(self) -> Losses:
        """Does one step; returns its loss."""
        images = torch_functions.normalize(self.batch["image"])
        targets = torch_functions.encode(self.batch["landmarks"], self.codec)
        predicted = self.model(images)
        loss = torch_functions.heatmap(predicted, targets, self.batch["landmark_mask"])
        update(self.optimizer, loss)
        return {"loss": loss.detach()}


@torch.inference_mode()
def infer(model: nn.Module, batch: Tensors, codec: heatmaps.HeatmapCodec) -> Tensor:
    """Returns the landmarks (B, L, 2) in crop pixels of `image` (B, S, S, 3) uint8."""
    return torch_functions.decode(model(torch_functions.normalize(batch["image"])), codec)
