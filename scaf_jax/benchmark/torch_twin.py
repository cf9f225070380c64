"""The other side of the measurement: the same steps in PyTorch; loading it needs PyTorch.

PyTorch as a careful user writes it: channels_last memory, fused Adam, and no gradient that would be
thrown away (of discriminators in the adversaries' terms, of the frozen generator).
"""

import dataclasses
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


@dataclasses.dataclass(frozen=True)
class Form:
    """How PyTorch computes.

    Attributes:
      device: `cpu` or `cuda`; where there are TF32 units, float32 products use them, as XLA does.
      bfloat16: Whether networks run under autocast; losses and parameters stay float32.
      compiler: What `torch.compile` compiles the networks with, such as `inductor`; empty: nothing.
    """

    device: str = "cpu"
    bfloat16: bool = False
    compiler: str = ""

    def run(self, network: nn.Module, *inputs: Tensor) -> Any:
        """Applies a network; its result, or the first of several, is float32."""
        with torch.autocast(self.device, torch.bfloat16, enabled=self.bfloat16):
            found = network(*inputs)
        return (found[0].float(), *found[1:]) if isinstance(found, tuple) else found.float()

    def waiting(self, step: Callable[[], Any]) -> Callable[[], Any]:
        """Returns a step that waits for the device."""
        if self.device == "cpu":
            return step

        def and_wait() -> Any:
            found = step()
            torch.cuda.synchronize()
            return found

        return and_wait


EAGER = Form()


def build(
    workload: workloads.Workload,
    weights: tuple[PyTree, PyTree],
    batch: workloads.Batch,
    *,
    threads: int,
    dropout: bool = True,
    form: Form = EAGER,
) -> Callable[[], Any]:
    """Returns what does one step in PyTorch and gives its losses, or landmarks (B, L, 2).

    Args:
      workload: What to compute.
      weights: Parameters and running statistics of our model; they are copied.
      batch: The batch of every step, as our steps take it.
      threads: How many threads PyTorch may use.
      dropout: Whether stage 1's embedding discriminator drops units out.
      form: How PyTorch computes.

    Raises:
      ValueError: The weights are not those of the workload's networks.
    """
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True  # shapes stay: the fastest kernels are looked for once
    return form.waiting(_step(workload, weights, batch, dropout, form))


def _step(
    workload: workloads.Workload,
    weights: tuple[PyTree, PyTree],
    batch: workloads.Batch,
    dropout: bool,
    form: Form,
) -> Callable[[], Any]:
    tensors = {name: torch.from_numpy(array).to(form.device) for name, array in batch.items()}
    size, width, codec = workload.size, workload.width, workload.codec
    if workload.kind == workloads.PRETRAINING:
        rate = _DROPOUT if dropout else 0.0
        autoencoder = torch_networks.Autoencoder(size, width, rate)
        load(autoencoder, *weights)
        networks = [autoencoder.Q, autoencoder.P, autoencoder.D_z, autoencoder.D]
        _prepare(autoencoder, networks, form)
        return PretrainingTwin(autoencoder, tensors, form).step
    aligner = torch_networks.Aligner(size, codec.heatmap_size, workloads.NUM_LANDMARKS, width)
    load(aligner, *weights)
    _prepare(aligner, [aligner], form)
    if workload.kind == workloads.ALIGNMENT:
        return AlignmentTwin(aligner, tensors, codec, form).step
    aligner.eval()
    return lambda: infer(aligner, tensors, codec, form)


def _prepare(model: nn.Module, networks: list[nn.Module], form: Form) -> None:
    """Brings a model to its device and has the networks of it compiled, where the form says so."""
    model.to(form.device)
    for network in networks if form.compiler else []:
        network.compile(backend=form.compiler)


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
      form: How to compute.
    """

    def __init__(self, model: torch_networks.Autoencoder, batch: Tensors, form: Form = EAGER):
        self.model, self.batch, self.number = model.train(), batch, 0
        self.form, self.run = form, form.run
        self.window = torch_functions.gaussian_window(3).to(form.device)
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
        embeddings, _ = self.run(model.Q, images)
        reconstructions = self.run(model.P, embeddings)
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
            verdicts = self.run(judge, real), self.run(judge, embeddings.detach())
            loss = torch_functions.discriminator(*verdicts)
            update(self.embedding_adam, loss)
            found["embedding_discriminator"] = loss
        if self.number % 2:
            return torch.zeros((), device=embeddings.device)
        found["embedding_adversary"] = self._deceive(judge, embeddings)
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
            verdicts = self.run(judge, images), self.run(judge, reconstructions.detach())
            loss = torch_functions.discriminator(*verdicts)
            update(self.image_adam, loss)
            found["image_discriminator"] = loss
        found["image_adversary"] = self._deceive(judge, reconstructions)
        return found["image_adversary"]

    def _deceive(self, judge: nn.Module, fake: Tensor) -> Tensor:
        """Returns the adversary's loss; its gradient passes through the judge, not to its weights.

        Autograd notes which weights need a gradient when the forward pass runs.
        """
        judge.requires_grad_(False)
        loss = torch_functions.adversary(self.run(judge, fake))
        judge.requires_grad_(True)
        return loss


class AlignmentTwin:
    """Stage 2 with skips and a frozen generator; see `alignment.train_step`.

    Args:
      model: The networks.
      batch: `image` (B, S, S, 3) uint8, `landmarks` (B, L, 2), `landmark_mask` (B, L).
      codec: Encodes the landmarks.
      form: How to compute.
    """

    def __init__(
        self,
        model: torch_networks.Aligner,
        batch: Tensors,
        codec: heatmaps.HeatmapCodec,
        form: Form = EAGER,
    ):
        self.model, self.batch, self.codec, self.form = model.train(), batch, codec, form
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
        predicted = self.form.run(self.model, images)
        loss = torch_functions.heatmap(predicted, targets, self.batch["landmark_mask"])
        update(self.optimizer, loss)
        return {"loss": loss.detach()}


@torch.inference_mode()
def infer(
    model: nn.Module, batch: Tensors, codec: heatmaps.HeatmapCodec, form: Form = EAGER
) -> Tensor:
    """Returns the landmarks (B, L, 2) in crop pixels of `image` (B, S, S, 3) uint8."""
    predicted = form.run(model, torch_functions.normalize(batch["image"]))
    return torch_functions.decode(predicted, codec)
