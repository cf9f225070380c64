"""The networks in PyTorch, for comparison only; loading this module needs PyTorch.

Modules have the names of the published models' state_dict, so that `models/torch_names.py` maps
their weights. Images are (B, 3, S, S), best in channels_last memory. Sources: 3FabRec (CVPR
2020), SCAF (ICIAP 2022).
"""

from collections import OrderedDict

import torch  # pyright: ignore[reportMissingImports]
import torch.nn.functional as F  # pyright: ignore[reportMissingImports]
from torch import Tensor, nn  # pyright: ignore[reportMissingImports]

from scaf_jax.models import autoencoder, layers


def _conv(inputs: int, outputs: int, window: int, stride: int = 1, padding: int = 0) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, window, stride, padding, bias=False)


def _upsampling(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False)


class Projection(nn.Conv2d):
    """A strided 1x1 convolution.

    In channels_last memory and with fewer than 8 input channels, oneDNN (as of PyTorch 2.13)
    writes its weight gradient beyond its buffer when there is a stride: narrow test networks
    crash. They leave pixels out first, which gives the same numbers.
    """

    def __init__(self, inputs: int, outputs: int, stride: int):
        self.step = stride if inputs < 8 else 1
        super().__init__(inputs, outputs, 1, stride // self.step, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input[:, :, :: self.step, :: self.step])


class BasicBlock(nn.Module):
    """A residual block of the encoder (ResNet-18)."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1 = _conv(inputs, outputs, 3, stride, 1)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = _conv(outputs, outputs, 3, 1, 1)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                Projection(inputs, outputs, stride), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        return F.relu(y + self.downsample(x), inplace=True)


class Encoder(nn.Module):
    """Images (B, 3, S, S) -> embeddings (B, 99) and feature maps by resolution."""

    def __init__(self, size: int, width: float):
        super().__init__()
        base, *wider = (layers.scale_channels(c, width) for c in (64, 128, 256, 512))
        self.conv1 = _conv(3, base, 7, 2, 3)
        self.bn1 = nn.BatchNorm2d(base)
        self.has_pooling = size > 64
        stages = [("layer0", base, 1), ("layer1", base, 2)]
        if size < 256:
            stages = [("layer1", base, 1)]
        stages += [(f"layer{i}", channels, 2) for i, channels in enumerate(wider, start=2)]
        self.stage_names = [name for name, _, _ in stages]
        channels = base
        for name, outputs, stride in stages:
            blocks = BasicBlock(channels, outputs, stride), BasicBlock(outputs, outputs, 1)
            self.add_module(name, nn.Sequential(*blocks))
            channels = outputs
        self.fc = nn.Linear(channels, autoencoder.EMBEDDING_SIZE)

    def forward(self, images: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        x = F.relu(self.bn1(self.conv1(images)), inplace=True)
        if self.has_pooling:
            x = F.max_pool2d(x, 3, 2, 1)
        features = {}
        for name in self.stage_names:
            x = self.get_submodule(name)(x)
            features[x.shape[2]] = x
        return self.fc(x.mean((2, 3))), features


class UpsamplingBlock(nn.Module):
    """A stage of the generator: twice the resolution."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.conv1 = _upsampling(inputs, outputs)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = _conv(outputs, outputs, 3, 1, 1)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.upsample = nn.Sequential(_upsampling(inputs, outputs), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        return F.relu(y + self.upsample(x), inplace=True)


class Generator(nn.Module):
    """Embeddings (B, 99) -> images (B, 3, S, S) in (-1, 1)."""

    def __init__(self, size: int, width: float):
        super().__init__()
        top, *rest = (layers.scale_channels(c, width) for c in (512, 256, 128, 64, 64, 64))
        self.fc = nn.Linear(autoencoder.EMBEDDING_SIZE, top)
        self.conv1 = nn.ConvTranspose2d(top, top, 4, 1, 0, bias=False)
        self.bn1 = nn.BatchNorm2d(top)
        self.num_stages = size.bit_length() - 4
        channels = top
        for i, outputs in enumerate(rest[: self.num_stages], start=1):
            self.add_module(f"layer{i}", nn.Sequential(UpsamplingBlock(channels, outputs)))
            channels = outputs
        self.lin = _upsampling(channels, 3)

    def start(self, embeddings: Tensor) -> Tensor:
        """Returns the first feature map (B, C, 4, 4)."""
        x = self.fc(embeddings)[:, :, None, None]
        x = x.contiguous(memory_format=torch.channels_last)
        return F.relu(self.bn1(self.conv1(x)), inplace=True)

    def stage(self, number: int, x: Tensor) -> Tensor:
        """Applies a stage, counted from 1."""
        return self.get_submodule(f"layer{number}")(x)

    def forward(self, embeddings: Tensor) -> Tensor:
        x = self.start(embeddings)
        for number in range(1, self.num_stages + 1):
            x = self.stage(number, x)
        return torch.tanh(self.lin(x))


class EmbeddingDiscriminator(nn.Module):
    """Embeddings (B, 99) -> probabilities (B,)."""

    def __init__(self, width: float, dropout: float):
        super().__init__()
        hidden = layers.scale_channels(1000, width)
        self.lin1 = nn.Linear(autoencoder.EMBEDDING_SIZE, hidden)
        self.lin2 = nn.Linear(hidden, hidden)
        self.lin3 = nn.Linear(hidden, 1)
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(F.dropout(self.lin1(x), self.dropout, self.training))
        x = F.relu(F.dropout(self.lin2(x), self.dropout, self.training))
        return torch.sigmoid(self.lin3(x)[:, 0])


class ImageDiscriminator(nn.Module):
    """Images (B, 3, S, S) -> probabilities (B,)."""

    def __init__(self, size: int, width: float):
        super().__init__()
        widths = [layers.scale_channels(c, width) for c in (32, 64, 128, 256, 256)]
        if size == 64:
            widths.pop()
        stages: OrderedDict[str, nn.Module] = OrderedDict()
        channels = 3
        for i, outputs in enumerate(widths):
            number = 3 * i - 1 if i else 0
            stages[f"{number}"] = _conv(channels, outputs, 4, 2, 1)
            if i:
                stages[f"{number + 1}"] = nn.BatchNorm2d(outputs)
            stages[f"{3 * i + 1}"] = nn.LeakyReLU(0.2, inplace=True)
            channels = outputs
        stages["14"] = _conv(channels, 1, 4)  # at 64 px, too, so that the name stays
        self.main = nn.Sequential(stages)

    def forward(self, images: Tensor) -> Tensor:
        return torch.sigmoid(self.main(images).mean((1, 2, 3)))


class Bottleneck(nn.Module):
    """The multi-scale block of a skip connection; shape is kept.

    With a gain its output is multiplied by one learned number a channel, 0 at first.
    """

    def __init__(self, channels: int, *, with_gain: bool):
        super().__init__()
        self.gain = nn.Parameter(torch.zeros(channels)) if with_gain else None
        half, quarter = channels // 2, channels // 4
        self.bn1, self.conv1 = nn.BatchNorm2d(channels), _conv(channels, half, 3, 1, 1)
        self.bn2, self.conv2 = nn.BatchNorm2d(half), _conv(half, quarter, 3, 1, 1)
        self.bn3, self.conv3 = nn.BatchNorm2d(quarter), _conv(quarter, quarter, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        a = self.conv1(F.relu(self.bn1(x), inplace=True))
        b = self.conv2(F.relu(self.bn2(a), inplace=True))
        c = self.conv3(F.relu(self.bn3(b), inplace=True))
        y = torch.cat([a, b, c], 1) + x
        return y if self.gain is None else self.gain[:, None, None] * y


class LandmarkPath(nn.Module):
    """What stage 2 adds to encoder and generator: ITLs and the heatmap head."""

    def __init__(self, channels: list[int], num_landmarks: int):
        super().__init__()
        self.num_itls = len(channels)
        for i, count in enumerate(channels, start=1):
            self.add_module(f"t{i}", _conv(count, count, 3, 1, 1))
        self.lin = _upsampling(channels[-1], num_landmarks)

    def itl(self, number: int, x: Tensor) -> Tensor:
        """Applies an ITL, counted from 1."""
        return self.get_submodule(f"t{number}")(x)


class Autoencoder(nn.Module):
    """The four networks of stage 1."""

    def __init__(self, size: int, width: float, dropout: float):
        super().__init__()
        self.Q = Encoder(size, width)
        self.P = Generator(size, width)
        self.D_z = EmbeddingDiscriminator(width, dropout)
        self.D = ImageDiscriminator(size, width)


class Aligner(nn.Module):
    """Images (B, 3, S, S) -> heatmaps (B, L, H, H); see `aligner.Aligner` for the skips."""

    def __init__(
        self,
        size: int,
        heatmap_size: int,
        num_landmarks: int,
        width: float,
        *,
        skips: bool = True,
        with_gains: bool = False,
    ):
        super().__init__()
        self.Q = Encoder(size, width)
        self.P = Generator(size, width)
        path = {8: 256, 16: 128, 32: 64, 64: 64}
        used = {r: layers.scale_channels(c, width) for r, c in path.items() if r < heatmap_size}
        self.LMH = LandmarkPath(list(used.values()), num_landmarks)
        # At 64 px of resolution only crops of 256 px have a feature map of the encoder.
        self.HPM = nn.ModuleDict(
            {
                f"{i}": Bottleneck(channels, with_gain=with_gains)
                for i, (resolution, channels) in enumerate(used.items(), start=1)
                if skips and (resolution < 64 or size == 256)
            }
        )

    def forward(self, images: Tensor) -> Tensor:
        embeddings, features = self.Q(images)
        x = self.P.start(embeddings)
        for number in range(1, self.LMH.num_itls + 1):
            x = self.P.stage(number, x)
            if f"{number}" in self.HPM:
                x = x + self.HPM[f"{number}"](features[x.shape[2]])
            x = self.LMH.itl(number, x)
        return self.LMH.lin(x)
