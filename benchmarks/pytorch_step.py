"""The CineGAN step in PyTorch: networks, losses, spectral normalisation and Adam of this project.

Paddings are TensorFlow's 'same', as published; pixel shuffle has PyTorch's order of channels. As in
this project, one forward pass gives the gradients of both players. VGG19 has random weights, which
cost the same.
"""

import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

VGG19_BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 2))
BGR_MEANS = (103.939, 116.779, 123.68)


class Conv(nn.Conv2d):
    """'Same' convolution with bias; with spectral normalisation, call `advance` before use."""

    def __init__(
        self, inputs: int, outputs: int, size: int = 3, stride: int = 1, spectral: bool = False
    ) -> None:
        super().__init__(inputs, outputs, size, stride)
        nn.init.xavier_uniform_(self.weight)
        nn.init.zeros_(self.bias)
        self.kernel: Tensor | None = None
        if spectral:
            self.register_buffer("u", F.normalize(torch.randn(outputs), dim=0))

    @torch.no_grad()
    def _power_iteration(self) -> tuple[Tensor, Tensor]:
        matrix = self.weight.flatten(1)
        v = F.normalize(self.u @ matrix, dim=0)
        self.u.copy_(F.normalize(matrix @ v, dim=0))
        return self.u.clone(), F.normalize(self.u @ matrix, dim=0)

    def advance(self) -> None:
        """Run one power iteration and set the kernel of this step to the weight over its sigma."""
        u, v = self._power_iteration()
        self.kernel = self.weight / torch.dot(u, self.weight.flatten(1) @ v)

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.weight if self.kernel is None else self.kernel
        total = self.kernel_size[0] - self.stride[0]  # sizes are multiples of the stride
        low, high = total // 2, total - total // 2
        if low != high:
            x = F.pad(x, (low, high, low, high))
        return F.conv2d(x, kernel, self.bias, self.stride, low if low == high else 0)


class Block(nn.Module):
    """Convolution, instance normalisation and ReLU."""

    def __init__(self, inputs: int, outputs: int, *, activate: bool = True, **conv: int) -> None:
        super().__init__()
        self.conv, self.norm, self.activate = Conv(inputs, outputs, **conv), norm(outputs), activate

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x))
        return F.relu(x) if self.activate else x


class Up(nn.Module):
    """Pixel shuffle, then the gated skip connection."""

    def __init__(self, inputs: int, features: int) -> None:
        super().__init__()
        self.conv, self.norm = Conv(inputs, 4 * features), norm(features)
        self.squeeze = nn.Linear(features, max(1, features // 16))
        self.excite = nn.Linear(max(1, features // 16), features)
        self.join = Block(2 * features, features)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = F.relu(self.norm(F.pixel_shuffle(self.conv(x), 2)))
        gate = torch.sigmoid(self.excite(F.relu(self.squeeze(skip.mean((2, 3))))))
        return self.join(torch.cat([x, skip * gate[:, :, None, None]], 1))


class Generator(nn.Module):
    """The published generator."""

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        w = width
        self.e1 = Block(3, w, size=7)
        self.e2 = Block(w, 2 * w, stride=2, spectral=True)
        self.e3 = Block(2 * w, 4 * w, stride=2, spectral=True)
        self.e4 = Block(4 * w, 8 * w, stride=2, spectral=True)
        self.blocks = nn.ModuleList(
            nn.Sequential(Block(8 * w, 8 * w), Block(8 * w, 8 * w, activate=False))
            for _ in range(blocks)
        )
        self.up1, self.up2, self.up3 = Up(8 * w, 4 * w), Up(4 * w, 2 * w), Up(2 * w, w)
        self.output = Conv(w, 3, 7)

    def forward(self, photo: Tensor) -> Tensor:
        e1 = self.e1(photo)
        e2 = self.e2(e1)
        e3 = self.e3(e2)
        x = self.e4(e3)
        for block in self.blocks:
            x = x + block(x)
        x = self.up3(self.up2(self.up1(x, e3), e2), e1)
        return torch.tanh(self.output(x).float())


class Discriminator(nn.Module):
    """The published discriminator: logits and the features for feature matching."""

    def __init__(self, width: int) -> None:
        super().__init__()
        w = width
        shapes = ((6, w, 2), (w, 2 * w, 2), (2 * w, 4 * w, 2), (4 * w, 8 * w, 1))
        self.convs = nn.ModuleList(Conv(i, o, 4, s, spectral=True) for i, o, s in shapes)
        self.norms = nn.ModuleList(norm(o) for _, o, _ in shapes[1:])
        self.logits = Conv(8 * w, 1, 4, spectral=True)

    def forward(self, photo: Tensor, other: Tensor) -> tuple[Tensor, list[Tensor]]:
        x = F.leaky_relu(self.convs[0](torch.cat([photo, other], 1)), 0.2)
        features = []
        for conv, normalise in zip(self.convs[1:], self.norms, strict=True):
            x = F.leaky_relu(normalise(conv(x)), 0.2)
            features.append(x)
        return self.logits(x), features


class Vgg19(nn.Module):
    """VGG19 up to the ReLU of block4_conv2, with Keras' preprocessing."""

    def __init__(self) -> None:
        super().__init__()
        channels = [3] + [c for c, count in VGG19_BLOCKS for _ in range(count)]
        self.convs = nn.ModuleList(Conv(i, o) for i, o in itertools.pairwise(channels))
        self.register_buffer("means", torch.tensor(BGR_MEANS)[:, None, None])

    def forward(self, images: Tensor) -> Tensor:
        x = (images.flip(1) + 1) * 127.5 - self.means
        convs = iter(self.convs)
        for block, (_, count) in enumerate(VGG19_BLOCKS):
            x = F.max_pool2d(x, 2) if block else x
            for _ in range(count):
                x = F.relu(next(convs)(x))
        return x


def norm(channels: int) -> nn.Module:
    """Apply instance normalisation."""
    return nn.InstanceNorm2d(channels, eps=1e-3, affine=True)


@dataclasses.dataclass
class CineGan:
    """Networks on a device, and both players' losses.

    Attributes:
      perceptual: weight of the perceptual term; 0: no VGG19.
      precision: `f32`, or `bf16` by autocast with float32 weights.
      channels_last: whether tensors have the layout channels last.
    """

    width: int
    blocks: int
    perceptual: float
    device: str = "cpu"
    precision: str = "f32"
    channels_last: bool = False

    def __post_init__(self) -> None:
        layout = torch.channels_last if self.channels_last else torch.contiguous_format

        def placed(network: nn.Module) -> nn.Module:
            return network.to(self.device, memory_format=layout)

        self.generator = placed(Generator(self.width, self.blocks))
        self.discriminators = nn.ModuleList(placed(Discriminator(self.width)) for _ in range(2))
        self.vgg = placed(Vgg19().requires_grad_(False))
        networks = (self.generator, *self.discriminators)
        self.spectral = [
            m for n in networks for m in n.modules() if isinstance(m, Conv) and hasattr(m, "u")
        ]

    def compile(self) -> None:
        """Compile each network; the players' gradients still come from one forward pass."""
        import torch._functorch.config

        torch._functorch.config.donated_buffer = False  # each backward pass runs more than once
        for network in (self.generator, *self.discriminators, self.vgg):
            network.compile()

    def losses(self, photo: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return the generator's and the discriminators' loss on signed float32 [n, 3, h, w]."""
        for conv in self.spectral:
            conv.advance()
        with self._autocast():
            fake = self.generator(photo)
            outputs = [
                self._judge(
                    discriminator, *(F.avg_pool2d(x, factor) for x in (photo, target, fake))
                )
                if factor > 1
                else self._judge(discriminator, photo, target, fake)
                for factor, discriminator in zip((1, 2), self.discriminators, strict=True)
            ]
            generator_loss = torch.stack([made for made, _ in outputs]).mean()
            if self.perceptual:
                with torch.no_grad():
                    wanted = self.vgg(target)
                generator_loss = generator_loss + self.perceptual * gap(wanted, self.vgg(fake))
        return generator_loss, torch.stack([loss for _, loss in outputs]).sum()

    @staticmethod
    def _judge(
        discriminator: nn.Module, photo: Tensor, target: Tensor, fake: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the generator's adversarial and matching terms and the discriminator's hinge."""
        (real, wanted), (made, found) = discriminator(photo, target), discriminator(photo, fake)
        real, made = real.float(), made.float()
        matching = torch.stack([gap(*pair) for pair in zip(wanted, found, strict=True)]).sum()
        return 10.0 * matching - made.mean(), F.relu(1 - real).mean() + F.relu(1 + made).mean()

    @contextlib.contextmanager
    def _autocast(self) -> Iterator[None]:
        with torch.autocast(self.device, torch.bfloat16, enabled=self.precision == "bf16"):
            yield


def gap(a: Tensor, b: Tensor) -> Tensor:
    """Return the mean absolute difference."""
    return (a.float() - b.float()).abs().mean()


def gradients(
    loss: Tensor, network: nn.Module, retain_graph: bool = False
) -> tuple[list[nn.Parameter], list[Tensor]]:
    """Return a network's parameters and the gradients of a loss."""
    parameters = list(network.parameters())
    return parameters, list(torch.autograd.grad(loss, parameters, retain_graph=retain_graph))


def make_step(gan: CineGan) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return `step(photo, target)`, which updates both players and returns the losses."""
    on_gpu = gan.device == "cuda"
    adams = [
        torch.optim.Adam(network.parameters(), rate, betas=(0.0, 0.9), eps=1e-7, fused=on_gpu)
        for network, rate in ((gan.generator, 5e-5), (gan.discriminators, 1e-4))
    ]

    def step(photo: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        generator_loss, discriminator_loss = gan.losses(photo, target)
        found = [
            gradients(generator_loss, gan.generator, retain_graph=True),
            gradients(discriminator_loss, gan.discriminators),
        ]
        for adam, (parameters, slopes) in zip(adams, found, strict=True):
            for parameter, slope in zip(parameters, slopes, strict=True):
                parameter.grad = slope
            adam.step()
        return generator_loss.detach(), discriminator_loss.detach()

    return step
