"""CineGAN's own signs of health, against numpy."""

from typing import Any

import numpy as np
import pytest

from cinegan_jax.families.adversarial import Adversarial
from cinegan_jax.families.cinegan import SCALES, Verdict, _signals


def network(rng: np.random.Generator) -> tuple[dict[str, Any], Any]:
    """A layer and the singular vector to which power iteration leads."""
    kernel = rng.normal(size=(3, 3, 2, 4)).astype(np.float32)
    _, _, right = np.linalg.svd(kernel.reshape(-1, 4))
    return {"layer": {"kernel": kernel}}, {"layer": right[0]}


@pytest.fixture
def told(rng: np.random.Generator) -> dict[str, Any]:
    """What goes into the signals, and the logits [n, h, w, 1] of real and of generated pictures."""
    generator, critics = network(rng), {scale: network(rng) for scale in SCALES}
    logits = {scale: rng.normal(size=(2, 5, 4, 4, 1)).astype(np.float32) for scale in SCALES}
    return {
        "params": {"generator": generator[0], "critics": {s: c[0] for s, c in critics.items()}},
        "vectors": {"generator": generator[1], "critics": {s: c[1] for s, c in critics.items()}},
        "logits": logits,
    }


@pytest.mark.parametrize(("loss", "boundary"), [("hinge", 0.0), ("least_squares", 0.5)])
def test_signals(told: dict[str, Any], loss: str, boundary: float) -> None:
    verdicts = {
        scale: (Verdict(real, ()), Verdict(made, ()))
        for scale, (real, made) in told["logits"].items()
    }
    terms = {"l1": np.float32(0.25), "adversarial": np.float32(-1.0)}
    found = _signals(told["params"], told["vectors"], verdicts, terms, Adversarial(loss=loss))
    expected = {"level/l1": 0.25}
    for scale, (real, made) in told["logits"].items():
        expected |= {
            f"critics/accuracy_real_{scale}": np.mean(real > boundary),
            f"critics/accuracy_fake_{scale}": np.mean(made < boundary),
            f"critics/margin_real_{scale}": np.mean(real) - boundary,
            f"critics/margin_fake_{scale}": boundary - np.mean(made),
            f"critics/sigma/{scale}/layer": sigma(told["params"]["critics"][scale]),
        }
    expected["generator/sigma/layer"] = sigma(told["params"]["generator"])
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-3, abs=1e-6), name


def sigma(params: dict[str, Any]) -> float:
    return np.linalg.svd(params["layer"]["kernel"].reshape(-1, 4), compute_uv=False)[0]
