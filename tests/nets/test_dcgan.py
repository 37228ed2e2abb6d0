"""DCGAN's networks, compared with the same networks in PyTorch."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from agreement import largest_gap

from cinegan_jax.nets.dcgan import DcganDiscriminator, DcganGenerator
from cinegan_jax.nets.norms import ALONE

torch = pytest.importorskip("torch", reason="needs PyTorch")
import dcgan_in_torch  # noqa: E402

pytestmark = pytest.mark.agreement

Z, WIDTH, BATCH = 10, 6, 5


class Case:
    """One network, the same network in PyTorch, and random inputs."""

    def __init__(self, which: str, size: int, rng: np.random.Generator) -> None:
        self.is_generator = which == "generator"
        if self.is_generator:
            self.ours: Any = DcganGenerator(size, WIDTH)
            self.theirs = dcgan_in_torch.generator(size, Z, WIDTH)
            self.shape: tuple[int, ...] = (BATCH, Z)
        else:
            self.ours, self.theirs = (
                DcganDiscriminator(WIDTH),
                dcgan_in_torch.discriminator(size, WIDTH),
            )
            self.shape = (BATCH, size, size, 3)
        self.rng = rng
        self.params = dcgan_in_torch.params_of(self.theirs)
        self.statistics = dcgan_in_torch.statistics_of(self.theirs)

    def inputs(self) -> np.ndarray:
        return self.rng.normal(size=self.shape).astype(np.float32)

    def for_torch(self, x: np.ndarray) -> Any:
        x = x[:, None, None] if self.is_generator else x
        return torch.from_numpy(x).movedim(-1, 1)

    def outputs(self, statistics: Any, x: np.ndarray, replicas: Any) -> tuple[dict[str, Any], Any]:
        """Return the results of our layers by name, and the running statistics afterwards."""

        @jax.jit
        def apply(params: Any, statistics: Any, x: Any) -> Any:
            variables = {"params": params, "batch_stats": statistics}
            kept = ["batch_stats", "intermediates"]
            return self.ours.apply(variables, x, replicas, mutable=kept, capture_intermediates=True)

        result, after = apply(self.params, statistics, x)
        layers = {
            name: calls["__call__"][0]
            for name, calls in after["intermediates"].items()
            if name != "__call__"
        }
        return {**layers, "result": result}, after["batch_stats"]


@pytest.fixture(
    params=[("generator", 16), ("generator", 32), ("discriminator", 16), ("discriminator", 32)]
)
def case(request: pytest.FixtureRequest, rng: np.random.Generator) -> Case:
    return Case(*request.param, rng)


def assert_same(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert ours.keys() == theirs.keys()
    for name, wanted in theirs.items():
        np.testing.assert_allclose(
            np.reshape(ours[name], wanted.shape), wanted, atol=2e-5, err_msg=name
        )


def test_layer_by_layer_in_training_and_after_it(case: Case) -> None:
    statistics = case.statistics
    case.theirs.train()
    for _ in range(3):
        x = case.inputs()
        ours, statistics = case.outputs(statistics, x, ALONE)
        assert_same(ours, dcgan_in_torch.outputs_of(case.theirs, case.for_torch(x)))
    wanted = dcgan_in_torch.statistics_of(case.theirs)
    assert largest_gap(statistics, wanted) < 1e-5
    case.theirs.eval()
    x = case.inputs()
    ours, untouched = case.outputs(statistics, x, None)
    assert_same(ours, dcgan_in_torch.outputs_of(case.theirs, case.for_torch(x)))
    assert largest_gap(untouched, wanted) < 1e-5


def test_gradients_of_parameters_and_inputs(case: Case) -> None:
    x = case.inputs()
    there = case.for_torch(x).requires_grad_()
    result = case.theirs.train()(there)
    weights = case.rng.normal(size=result.shape).astype(np.float32)
    (result * torch.from_numpy(weights)).sum().backward()

    @jax.jit
    @jax.grad
    def gradient(given: Any) -> jax.Array:
        params, x = given
        variables = {"params": params, "batch_stats": case.statistics}
        result, _ = case.ours.apply(variables, x, ALONE, mutable=["batch_stats"])
        return jnp.sum(result * np.moveaxis(weights, 1, -1).reshape(result.shape))

    ours, ours_of_x = gradient((case.params, x))
    theirs = dcgan_in_torch.params_of(case.theirs, lambda parameter: parameter.grad)
    largest = max(np.abs(leaf).max() for leaf in jax.tree.leaves(theirs))
    assert largest_gap(ours, theirs) < 1e-5 * largest
    theirs_of_x = there.grad.movedim(1, -1).numpy().reshape(x.shape)
    np.testing.assert_allclose(ours_of_x, theirs_of_x, atol=1e-5 * np.abs(theirs_of_x).max())


@pytest.mark.parametrize(
    ("size", "maps", "discriminators_maps", "counts"),
    [(64, 100, 100, (8_007_800, 6_740_400)), (128, 160, 40, (73_745_600, 4_366_560))],
)
def test_parameters_of_the_published_networks(
    size: int, maps: int, discriminators_maps: int, counts: tuple[int, int]
) -> None:
    with torch.device("meta"):
        networks = (
            dcgan_in_torch.generator(size, 100, maps),
            dcgan_in_torch.discriminator(size, discriminators_maps),
        )
    theirs = tuple(sum(p.numel() for p in network.parameters()) for network in networks)
    inputs = (jnp.zeros((1, 100)), jnp.zeros((1, size, size, 3)))
    ours = tuple(
        sum(
            leaf.size
            for leaf in jax.tree.leaves(jax.eval_shape(module.init, jax.random.key(0), x)["params"])
        )
        for module, x in zip(
            (DcganGenerator(size, maps), DcganDiscriminator(discriminators_maps)),
            inputs,
            strict=True,
        )
    )
    assert ours == theirs == counts


def test_initial_parameters_have_the_published_deviation() -> None:
    images = jnp.zeros((1, 32, 32, 3))
    for module, x in (
        (DcganGenerator(32, 16), jnp.zeros((1, 100))),
        (DcganDiscriminator(16), images),
    ):
        params = jax.jit(module.init)(jax.random.key(1), x)["params"]
        for name, layer in params.items():
            if "kernel" in layer:
                assert np.std(layer["kernel"]) == pytest.approx(0.02, rel=0.15), name
            else:
                assert np.mean(layer["scale"]) == pytest.approx(1, abs=0.02), name
                assert 0.005 < np.std(layer["scale"]) < 0.04, name
                assert not np.any(layer["bias"])


def test_bfloat16_inside_and_float32_at_the_ends() -> None:
    latents, images = jnp.zeros((2, Z)), jnp.zeros((2, 16, 16, 3))
    for module, x in (
        (DcganGenerator(16, 4, dtype=jnp.bfloat16), latents),
        (DcganDiscriminator(4, dtype=jnp.bfloat16), images),
    ):
        result, variables = jax.eval_shape(module.init_with_output, jax.random.key(0), x)
        assert result.dtype == jnp.float32
        assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype(jnp.float32)}
        _, kept = jax.eval_shape(
            lambda v, x, m=module: m.apply(v, x, capture_intermediates=True), variables, x
        )
        inside = {
            k: v["__call__"][0].dtype for k, v in kept["intermediates"].items() if k[0] != "_"
        }
        assert set(inside.values()) == {jnp.dtype(jnp.bfloat16)}
