"""CineGAN's own signs of health, against numpy."""

from typing import Any

import numpy as np
import pytest

from cinegan_jax.families.adversarial import Adversarial
from cinegan_jax.families.cinegan import SCALES, DiscriminatorOutput, _diagnostics


def network(rng: np.random.Generator) -> tuple[dict[str, Any], Any]:
    """A layer and the singular vector to which power iteration leads."""
    kernel = rng.normal(size=(3, 3, 2, 4)).astype(np.float32)
    _, _, right = np.linalg.svd(kernel.reshape(-1, 4))
    return {"layer": {"kernel": kernel}}, {"layer": right[0]}


@pytest.fixture
def told(rng: np.random.Generator) -> dict[str, Any]:
    """Inputs of the diagnostics, and the logits [n, h, w, 1] of real and generated images."""
    generator, discriminators = network(rng), {scale: network(rng) for scale in SCALES}
    logits = {scale: rng.normal(size=(2, 5, 4, 4, 1)).astype(np.float32) for scale in SCALES}
    return {
        "params": {
            "generator": generator[0],
            "discriminator": {s: c[0] for s, c in discriminators.items()},
        },
        "vectors": {
            "generator": generator[1],
            "discriminator": {s: c[1] for s, c in discriminators.items()},
        },
        "logits": logits,
    }


@pytest.mark.parametrize(("loss", "boundary"), [("hinge", 0.0), ("least_squares", 0.5)])
def test_signals(told: dict[str, Any], loss: str, boundary: float) -> None:
    verdicts = {
        scale: (DiscriminatorOutput(real, ()), DiscriminatorOutput(made, ()))
        for scale, (real, made) in told["logits"].items()
    }
    terms = {"l1": np.float32(0.25), "adversarial": np.float32(-1.0)}
    found = _diagnostics(told["params"], told["vectors"], verdicts, terms, Adversarial(loss=loss))
    expected = {"level/l1": 0.25}
    for scale, (real, made) in told["logits"].items():
        expected |= {
            f"discriminator/accuracy_real_{scale}": np.mean(real > boundary),
            f"discriminator/accuracy_fake_{scale}": np.mean(made < boundary),
            f"discriminator/margin_real_{scale}": np.mean(real) - boundary,
            f"discriminator/margin_fake_{scale}": boundary - np.mean(made),
            f"discriminator/sigma/{scale}/layer": sigma(told["params"]["discriminator"][scale]),
        }
    expected["generator/sigma/layer"] = sigma(told["params"]["generator"])
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-3, abs=1e-6), name


def sigma(params: dict[str, Any]) -> float:
    return np.linalg.svd(params["layer"]["kernel"].reshape(-1, 4), compute_uv=False)[0]
