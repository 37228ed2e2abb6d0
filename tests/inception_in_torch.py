"""FID's Inception written anew for PyTorch, on a state dict with pytorch-fid's names."""

from collections.abc import Mapping
from typing import Any

import torch
from torch.nn import functional

State = dict[str, torch.Tensor]

# Name, channels in and out, height and width of the kernel, stride, padding in height and width.
STEM = (
    ("Conv2d_1a_3x3", 3, 32, 3, 3, 2, 0, 0),
    ("Conv2d_2a_3x3", 32, 32, 3, 3, 1, 0, 0),
    ("Conv2d_2b_3x3", 32, 64, 3, 3, 1, 1, 1),
    "max",
    ("Conv2d_3b_1x1", 64, 80, 1, 1, 1, 0, 0),
    ("Conv2d_4a_3x3", 80, 192, 3, 3, 1, 0, 0),
    "max",
)


def block_a(c: int, pool: int) -> list[Any]:
    return [
        [("branch1x1", c, 64, 1, 1, 1, 0, 0)],
        [("branch5x5_1", c, 48, 1, 1, 1, 0, 0), ("branch5x5_2", 48, 64, 5, 5, 1, 2, 2)],
        [
            ("branch3x3dbl_1", c, 64, 1, 1, 1, 0, 0),
            ("branch3x3dbl_2", 64, 96, 3, 3, 1, 1, 1),
            ("branch3x3dbl_3", 96, 96, 3, 3, 1, 1, 1),
        ],
        ["average", ("branch_pool", c, pool, 1, 1, 1, 0, 0)],
    ]


def block_b(c: int) -> list[Any]:
    return [
        [("branch3x3", c, 384, 3, 3, 2, 0, 0)],
        [
            ("branch3x3dbl_1", c, 64, 1, 1, 1, 0, 0),
            ("branch3x3dbl_2", 64, 96, 3, 3, 1, 1, 1),
            ("branch3x3dbl_3", 96, 96, 3, 3, 2, 0, 0),
        ],
        ["max"],
    ]


def block_c(c: int, m: int) -> list[Any]:
    return [
        [("branch1x1", c, 192, 1, 1, 1, 0, 0)],
        [
            ("branch7x7_1", c, m, 1, 1, 1, 0, 0),
            ("branch7x7_2", m, m, 1, 7, 1, 0, 3),
            ("branch7x7_3", m, 192, 7, 1, 1, 3, 0),
        ],
        [
            ("branch7x7dbl_1", c, m, 1, 1, 1, 0, 0),
            ("branch7x7dbl_2", m, m, 7, 1, 1, 3, 0),
            ("branch7x7dbl_3", m, m, 1, 7, 1, 0, 3),
            ("branch7x7dbl_4", m, m, 7, 1, 1, 3, 0),
            ("branch7x7dbl_5", m, 192, 1, 7, 1, 0, 3),
        ],
        ["average", ("branch_pool", c, 192, 1, 1, 1, 0, 0)],
    ]


def block_d(c: int) -> list[Any]:
    return [
        [("branch3x3_1", c, 192, 1, 1, 1, 0, 0), ("branch3x3_2", 192, 320, 3, 3, 2, 0, 0)],
        [
            ("branch7x7x3_1", c, 192, 1, 1, 1, 0, 0),
            ("branch7x7x3_2", 192, 192, 1, 7, 1, 0, 3),
            ("branch7x7x3_3", 192, 192, 7, 1, 1, 3, 0),
            ("branch7x7x3_4", 192, 192, 3, 3, 2, 0, 0),
        ],
        ["max"],
    ]


def block_e(c: int, pool: str) -> list[Any]:
    return [
        [("branch1x1", c, 320, 1, 1, 1, 0, 0)],
        [
            ("branch3x3_1", c, 384, 1, 1, 1, 0, 0),
            [("branch3x3_2a", 384, 384, 1, 3, 1, 0, 1)],
            [("branch3x3_2b", 384, 384, 3, 1, 1, 1, 0)],
        ],
        [
            ("branch3x3dbl_1", c, 448, 1, 1, 1, 0, 0),
            ("branch3x3dbl_2", 448, 384, 3, 3, 1, 1, 1),
            [("branch3x3dbl_3a", 384, 384, 1, 3, 1, 0, 1)],
            [("branch3x3dbl_3b", 384, 384, 3, 1, 1, 1, 0)],
        ],
        [pool, ("branch_pool", c, 192, 1, 1, 1, 0, 0)],
    ]


MIXED = {
    "Mixed_5b": block_a(192, 32),
    "Mixed_5c": block_a(256, 64),
    "Mixed_5d": block_a(288, 64),
    "Mixed_6a": block_b(288),
    "Mixed_6b": block_c(768, 128),
    "Mixed_6c": block_c(768, 160),
    "Mixed_6d": block_c(768, 160),
    "Mixed_6e": block_c(768, 192),
    "Mixed_7a": block_d(768),
    "Mixed_7b": block_e(1280, "average"),
    "Mixed_7c": block_e(2048, "max that keeps the size"),
}


def random_state(seed: int, classes: int = 1008) -> State:
    """Weights that keep activations alive, with batch norms that are far from doing nothing."""
    draw = torch.Generator().manual_seed(seed)
    state: State = {}
    layers = [("", layer) for layer in STEM if layer != "max"]
    layers += [(f"{block}.", layer) for block, parts in MIXED.items() for layer in _flat(parts)]
    for prefix, (name, inputs, outputs, height, width, *_) in layers:
        kernel = torch.randn(outputs, inputs, height, width, generator=draw)
        norm = torch.randn(4, outputs, generator=draw)
        state[f"{prefix}{name}.conv.weight"] = kernel * (2 / (inputs * height * width)) ** 0.5
        state[f"{prefix}{name}.bn.weight"] = 1 + 0.2 * norm[0]
        state[f"{prefix}{name}.bn.bias"] = 0.1 * norm[1]
        state[f"{prefix}{name}.bn.running_mean"] = 0.1 * norm[2]
        state[f"{prefix}{name}.bn.running_var"] = 0.5 + norm[3].abs()
        state[f"{prefix}{name}.bn.num_batches_tracked"] = torch.tensor(0)
    state["fc.weight"], state["fc.bias"] = torch.zeros(classes, 2048), torch.zeros(classes)
    return state


def pool3(state: Mapping[str, torch.Tensor], levels: torch.Tensor) -> torch.Tensor:
    """Features [n, 2048] of images [n, 3, 299, 299] of levels 0..255."""
    (x,) = _run(state, "", STEM, (levels - 128) / 128)
    for block, branches in MIXED.items():
        x = torch.cat([y for branch in branches for y in _run(state, f"{block}.", branch, x)], 1)
    return x.mean((2, 3))


def _run(state: Mapping[str, torch.Tensor], prefix: str, layers: Any, x: Any) -> list[torch.Tensor]:
    """A chain of layers; lists at its end are chains that all go on from what came before."""
    ends = [layer for layer in layers if isinstance(layer, list)]
    for layer in layers[: len(layers) - len(ends)]:
        match layer:
            case "max":
                x = functional.max_pool2d(x, 3, 2)
            case "max that keeps the size":
                x = functional.max_pool2d(x, 3, 1, 1)
            case "average":
                x = functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
            case (name, _, _, _, _, stride, down, along):
                part = f"{prefix}{name}"
                x = functional.conv2d(
                    x, state[f"{part}.conv.weight"], stride=stride, padding=(down, along)
                )
                norm = [
                    state[f"{part}.bn.{name}"]
                    for name in ("running_mean", "running_var", "weight", "bias")
                ]
                x = functional.batch_norm(x, *norm, eps=1e-3).relu()
    return [y for end in ends for y in _run(state, prefix, end, x)] if ends else [x]


def _flat(layers: Any) -> list[Any]:
    found: list[Any] = []
    for layer in layers:
        if isinstance(layer, list):
            found += _flat(layer)
        elif isinstance(layer, tuple):
            found.append(layer)
    return found
