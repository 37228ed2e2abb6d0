"""DCGAN as PyTorch's users know it, with random parameters, and its arrays as ours are laid out."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn

DOUBLINGS = {16: 2, 32: 3, 64: 4, 128: 5}
"""Steps from 4x4 to a size."""


def generator(size: int, z: int, width: int) -> nn.Sequential:
    """Latents [n, z, 1, 1] to images [n, 3, size, size]."""
    maps = [width * 2**i for i in range(DOUBLINGS[size])][::-1]
    layers = [nn.ConvTranspose2d(z, maps[0], 4, 1, 0, bias=False), nn.BatchNorm2d(maps[0])]
    layers.append(nn.ReLU())
    for before, after in pairwise(maps):
        layers.append(nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False))
        layers += [nn.BatchNorm2d(after), nn.ReLU()]
    last = nn.ConvTranspose2d(width, 3, 4, 2, 1, bias=False)
    return _randomised(nn.Sequential(*layers, last, nn.Tanh()))


def discriminator(size: int, width: int) -> nn.Sequential:
    """Images [n, 3, size, size] to logits [n, 1, 1, 1]."""
    maps = [width * 2**i for i in range(DOUBLINGS[size])]
    layers: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for before, after in pairwise(maps):
        layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after)]
        layers.append(nn.LeakyReLU(0.2))
    return _randomised(nn.Sequential(*layers, nn.Conv2d(maps[-1], 1, 4, 1, 0, bias=False)))


def _randomised(network: nn.Sequential) -> nn.Sequential:
    """Parameters of such sizes that signals neither vanish nor saturate; scales and biases too."""
    torch.manual_seed(5)
    for layer in network:
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.3)
            nn.init.normal_(layer.bias, 0.0, 0.3)
        elif isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, 0.1)
    return network


def layers(network: nn.Sequential) -> Iterator[tuple[str, nn.Module]]:
    """Our names of the layers that have parameters."""
    modules = [m for m in network if isinstance(m, nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d)]
    makes_images, number = isinstance(modules[0], nn.ConvTranspose2d), 0
    for module in modules[:-1]:
        if isinstance(module, nn.BatchNorm2d):
            yield f"norm{number}", module
        else:
            number += 1
            yield f"{'up' if makes_images else 'down'}{number}", module
    yield "picture" if makes_images else "logits", modules[-1]


def params_of(
    network: nn.Sequential, part: Callable[[torch.Tensor], torch.Tensor] = lambda p: p
) -> dict[str, Any]:
    """Parameters, or their gradients, as ours."""
    found: dict[str, Any] = {}
    for name, module in layers(network):
        weight = part(module.weight).detach().numpy().copy()
        if isinstance(module, nn.BatchNorm2d):
            found[name] = {"scale": weight, "bias": part(module.bias).detach().numpy().copy()}
        elif name == "up1":  # [z, c, 4, 4] to [z, 4, 4, c]
            found[name] = {"kernel": weight.transpose(0, 2, 3, 1)}
        else:  # [c, c', 4, 4] to [4, 4, c', c]
            found[name] = {"kernel": weight.transpose(2, 3, 1, 0)}
    return found


def statistics_of(network: nn.Sequential) -> dict[str, Any]:
    """Running statistics, as ours."""
    return {
        name: {
            "mean": module.running_mean.numpy().copy(),
            "variance": module.running_var.numpy().copy(),
        }
        for name, module in layers(network)
        if isinstance(module, nn.BatchNorm2d)
    }


def outputs_of(network: nn.Sequential, x: torch.Tensor) -> dict[str, np.ndarray]:
    """Return the output of each layer with parameters, channels last, and `result`."""
    found, names = {}, {module: name for name, module in layers(network)}
    for module in network:
        x = module(x)
        if module in names:
            found[names[module]] = x.detach().movedim(1, -1).numpy().copy()
    return {**found, "result": x.detach().movedim(1, -1).numpy()}
