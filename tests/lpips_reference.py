"""LPIPS in PyTorch, written from its paper's code, with random weights in torchvision's layout."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

TAPS = {"alex": (1, 4, 7, 9, 11), "vgg": (3, 8, 15, 22, 29)}
"""Positions of the ReLUs in torchvision's `features` that LPIPS reads."""


def features(net: str) -> nn.Sequential:
    """`torchvision.models.alexnet().features` or `vgg16().features`, with random weights."""
    torch.manual_seed(3)
    return nn.Sequential(*(_alexnet() if net == "alex" else _vgg16()))


def _alexnet() -> list[nn.Module]:
    return [
        *(nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(192, 384, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2)),
    ]


def _vgg16() -> list[nn.Module]:
    modules: list[nn.Module] = []
    channels = 3
    for width, convolutions in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(convolutions):
            modules += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        modules.append(nn.MaxPool2d(2, 2))
    return modules


def state_dict(network: nn.Sequential) -> dict[str, torch.Tensor]:
    """Return a state as torchvision saves it: the features and a part of the classifier."""
    state = {f"features.{name}": value for name, value in network.state_dict().items()}
    return state | {"classifier.6.bias": torch.zeros(1000)}


@torch.no_grad()
def lpips(
    network: nn.Sequential,
    heads: Sequence[np.ndarray],
    net: str,
    images: np.ndarray,
    references: np.ndarray,
) -> np.ndarray:
    """Compute LPIPS [n] of unit numpy images [n, h, w, 3]."""
    pairs = zip(_taps(network, net, images), _taps(network, net, references), strict=True)
    score = 0
    for head, (one, other) in zip(heads, pairs, strict=True):
        squared = (_normalized(one) - _normalized(other)) ** 2
        kernel = torch.from_numpy(head)[None, :, None, None]
        score = score + nn.functional.conv2d(squared, kernel).mean((1, 2, 3))
    return score.numpy()


def _taps(network: nn.Sequential, net: str, images: np.ndarray) -> list[torch.Tensor]:
    """Return the features of the scaled images."""
    x = 2 * torch.from_numpy(images).permute(0, 3, 1, 2) - 1
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    x = (x - shift[:, None, None]) / scale[:, None, None]
    taps = []
    for place, module in enumerate(network[: TAPS[net][-1] + 1]):
        x = module(x)
        if place in TAPS[net]:
            taps.append(x)
    return taps


def _normalized(features: torch.Tensor) -> torch.Tensor:
    return features / (features.pow(2).sum(1, keepdim=True).sqrt() + 1e-10)
