"""A server with the real worker and a look that compiles fast."""

from collections.abc import Iterator

import jax
import numpy as np
import pytest
from serving import Darkroom, serving

from cinegan_jax.inference.look import Look, NetworkLook
from cinegan_jax.inference.look_file import read_look, write_look
from cinegan_jax.nets.res_unet import ResUnetGenerator
from cinegan_jax.web import server
from cinegan_jax.web.limits import ServerLimits
from cinegan_jax.web.worker import Worker


@pytest.fixture(scope="session")
def darkroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Darkroom]:
    """Serve photos of up to 0.5 megapixels; all up to 96x96 pixels share one program."""
    path = tmp_path_factory.mktemp("looks") / "small.safetensors"
    temporary = tmp_path_factory.mktemp("temporary")
    write_look(_small_look(), path)
    limits = ServerLimits(pixels=500_000, whole_pixels=10_000)
    worker = Worker(limits, (str(path),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "PREVIEW_SHAPES", ())  # no programs that no test needs
        patch.setenv("TMPDIR", str(temporary))
        with serving(worker, limits) as client:
            yield Darkroom(client, worker, read_look(path), temporary)


def _small_look() -> Look:
    rng = np.random.default_rng(0)
    generator = ResUnetGenerator(width=2, num_blocks=1)
    photo = jax.ShapeDtypeStruct((1, 64, 64, 3), np.float32)
    shapes = jax.eval_shape(generator.init, jax.random.key(0), photo)["params"]
    kernels = jax.tree.map(lambda s: rng.normal(0, 0.3, s.shape).astype(np.float32), shapes)
    return NetworkLook("small", generator, kernels)
