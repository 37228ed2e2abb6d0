"""CineGAN's own diagnostics, compared with NumPy."""

from typing import Any

import numpy as np
import pytest

from cinegan_jax.families.cinegan_discriminators import (
    DISCRIMINATOR_SCALES,
    DiscriminatorOutput,
    RealAndFake,
)
from cinegan_jax.families.cinegan_terms import cinegan_diagnostics
from cinegan_jax.families.game import Adversarial


def network(rng: np.random.Generator) -> tuple[dict[str, Any], Any]:
    """Return a layer and the singular vector to which power iteration converges."""
    kernel = rng.normal(size=(3, 3, 2, 4)).astype(np.float32)
    _, _, right = np.linalg.svd(kernel.reshape(-1, 4))
    return {"layer": {"kernel": kernel}}, {"layer": right[0]}


@pytest.fixture
def inputs(rng: np.random.Generator) -> dict[str, Any]:
    """Return the diagnostics' parameters, and logits [n, h, w, 1] of real and generated images."""
    generator, discriminators = (
        network(rng),
        {scale: network(rng) for scale in DISCRIMINATOR_SCALES},
    )
    logits = {
        scale: rng.normal(size=(2, 5, 4, 4, 1)).astype(np.float32) for scale in DISCRIMINATOR_SCALES
    }
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
def test_diagnostics(inputs: dict[str, Any], loss: str, boundary: float) -> None:
    outputs = {
        scale: RealAndFake(DiscriminatorOutput(real, ()), DiscriminatorOutput(fake, ()))
        for scale, (real, fake) in inputs["logits"].items()
    }
    terms = {"l1": np.float32(0.25), "adversarial": np.float32(-1.0)}
    found = cinegan_diagnostics(
        inputs["params"], inputs["vectors"], outputs, terms, Adversarial(loss=loss)
    )
    expected = {"level/l1": 0.25}
    for scale, (real, fake) in inputs["logits"].items():
        expected |= {
            f"discriminator/accuracy_real_{scale}": np.mean(real > boundary),
            f"discriminator/accuracy_fake_{scale}": np.mean(fake < boundary),
            f"discriminator/margin_real_{scale}": np.mean(real) - boundary,
            f"discriminator/margin_fake_{scale}": boundary - np.mean(fake),
            f"discriminator/sigma/{scale}/layer": sigma(inputs["params"]["discriminator"][scale]),
        }
    expected["generator/sigma/layer"] = sigma(inputs["params"]["generator"])
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-3, abs=1e-6), name


def sigma(params: dict[str, Any]) -> float:
    return np.linalg.svd(params["layer"]["kernel"].reshape(-1, 4), compute_uv=False)[0]
