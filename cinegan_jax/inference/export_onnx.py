"""A trained look as an ONNX model, for programs without JAX.

The graph is written block by block as `nets.res_unet` and `nets.layers` compute it, in ONNX's own
order of axes, NCHW. Only standard operators are used.
"""

import dataclasses
import itertools
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from flax.traverse_util import flatten_dict
from jax.typing import DTypeLike
from onnx import TensorProto, helper, numpy_helper

from cinegan_jax.inference.look import Look
from cinegan_jax.inference.look_file import architecture
from cinegan_jax.nets.layers import InstanceNorm
from cinegan_jax.ops.blur import B3_SPLINE, SCALES

OPSET, IR_VERSION = 17, 8
"""Old enough for every onnxruntime since 1.12."""
INPUT, OUTPUT = "photo", "picture"
CONTRACT = (
    "float32 [batch, 3, height, width], RGB, sRGB-encoded, 0..1; "
    "height and width are multiples of 8"
)


def to_onnx(look: Look, dtype: DTypeLike = np.float16) -> bytes:
    """The model, serialized: `photo` to `picture`, both as `CONTRACT` says.

    Args:
        look: any look.
        dtype: what the kernels are stored in, float16 or float32; all is computed in float32.
    """
    graph = _Graph(look, dtype)
    _whole(graph)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes, look.name, [_value(INPUT)], [_value(OUTPUT)], graph.initializers
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="cinegan-jax",
        doc_string=f"The look {look.name}: {INPUT} to {OUTPUT}, both {CONTRACT}.",
    )
    helper.set_model_props(model, _metadata(look))
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def _metadata(look: Look) -> dict[str, str]:
    return {
        "name": look.name,
        INPUT: CONTRACT,
        OUTPUT: CONTRACT,
        "generator": json.dumps(architecture(look.generator)),
        "grain": json.dumps(dataclasses.asdict(look.grain)),
    }


def _value(name: str) -> Any:
    shape: list[str | int | None] = ["batch", 3, "height", "width"]
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape, doc_string=CONTRACT)


class _Graph:
    """Nodes and weights of a graph in the making. A value is known by its name.

    Attributes:
        generator: the network to be written.
    """

    def __init__(self, look: Look, dtype: DTypeLike) -> None:
        self.generator = look.generator
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        kernels = flatten_dict(dict(look.kernels), sep="/")
        self._parameters = {name: _stored(name, kernels[name], dtype) for name in kernels}

    def add(self, operator: str, place: str, *inputs: str, **attributes: Any) -> str:
        """A node at a place, a path in the generator; returns the name of its result."""
        name = f"{place}/{operator}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def parameter(self, name: str) -> str:
        """A parameter of the generator, in float32."""
        array = self._parameters[name]
        self._store(name, array)
        if array.dtype == np.float32:
            return name
        return self.add("Cast", name, name, to=TensorProto.FLOAT)

    def kernel_size(self, name: str) -> int:
        """Pixels a side."""
        return int(self._parameters[name].shape[-1])

    def constant(self, name: str, value: Any, dtype: DTypeLike = np.float32) -> str:
        return self._store(name, np.array(value, dtype))

    def _store(self, name: str, array: np.ndarray) -> str:
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name


def _stored(name: str, array: Any, dtype: DTypeLike) -> np.ndarray:
    array = np.asarray(array, dtype)
    return array.reshape(-1, 3) if name == "colour_table" else _oihw(array)


def _oihw(array: np.ndarray) -> np.ndarray:
    """Kernels from HWIO or, of dense layers, IO; vectors as they are."""
    if array.ndim == 1:
        return array
    return array.reshape((1,) * (4 - array.ndim) + array.shape).transpose(3, 2, 0, 1)


def _whole(graph: _Graph) -> None:
    two, one = graph.constant("two", 2), graph.constant("one", 1)
    half, zero = graph.constant("half", 0.5), graph.constant("zero", 0)
    signed = graph.add("Sub", "signed", graph.add("Mul", "signed", INPUT, two), one)
    picture = _generator(graph, signed)
    unit = graph.add("Add", "unit", graph.add("Mul", "unit", picture, half), half)
    graph.nodes.append(helper.make_node("Clip", [unit, zero, one], [OUTPUT], "clip"))


def _generator(graph: _Graph, images: str) -> str:
    features = _unet(graph, images)
    if graph.generator.colour_path:
        features = _mix_colour(graph, features, images)
    last = _conv(graph, "output", features)
    if graph.generator.residual:
        return graph.add("Add", "output", _through_table(graph, images), last)
    return graph.add("Tanh", "output", last)


def _unet(graph: _Graph, images: str) -> str:
    e1 = _conv_block(graph, "e1", images)
    e2 = _conv_block(graph, "e2", e1, stride=2)
    e3 = _conv_block(graph, "e3", e2, stride=2)
    x = _conv_block(graph, "e4", e3, stride=2)
    for i in range(graph.generator.num_blocks):
        x = _residual_block(graph, f"block{i + 1}", x)
    x = _up_block(graph, "up1", x, e3)
    x = _up_block(graph, "up2", x, e2)
    return _up_block(graph, "up3", x, e1)


def _mix_colour(graph: _Graph, features: str, images: str) -> str:
    colour = _pointwise(graph, "colour1", images)
    if graph.generator.glow_path:
        blurs = _spread(graph, _pointwise(graph, "glow", images), graph.generator.glow_path)
        colour = graph.add("Concat", "glow", colour, *blurs, axis=1)
    colour = _pointwise(graph, "colour2", colour)
    both = graph.add("Concat", "colour_mix", features, colour, axis=1)
    return _pointwise(graph, "colour_mix", both)


def _spread(graph: _Graph, light: str, channels: int) -> Iterator[str]:
    """The blurs of `ops.blur.spread`, as depthwise convolutions."""
    taps = np.tile(B3_SPLINE, (channels, 1, 1, 1))
    down = graph.constant("spread/down", taps.swapaxes(2, 3))
    across = graph.constant("spread/across", taps)
    for scale in range(SCALES):
        place, apart = f"spread{scale}", 2**scale
        reach = graph.constant(f"{place}/reach", [0, 0, *[2 * apart] * 2] * 2, np.int64)
        light = graph.add("Pad", place, light, reach, mode="edge")
        for axis, kernel in (("down", down), ("across", across)):
            operator = {"dilations": [apart, 1] if axis == "down" else [1, apart]}
            light = graph.add("Conv", f"{place}/{axis}", light, kernel, group=channels, **operator)
        yield light


def _through_table(graph: _Graph, images: str) -> str:
    """Signed pictures through the colour table, as `ops.lut.apply_lut` interpolates."""
    nodes = graph.generator.colour_table
    if not nodes:
        return images
    last, below = graph.constant("table/last", nodes - 1), graph.constant("table/below", nodes - 2)
    unit = graph.add("Mul", "table/half", graph.add("Add", "table/up", images, "one"), "half")
    scaled = graph.add("Mul", "table/scaled", graph.add("Clip", "table", unit, "zero", "one"), last)
    low = graph.add("Min", "table", graph.add("Floor", "table", scaled), below)
    high_weight = graph.add("Sub", "table/high", scaled, low)
    weights = (graph.add("Sub", "table/low", "one", high_weight), high_weight)
    strides = graph.constant("table/strides", np.reshape([nodes**2, nodes, 1], (1, 3, 1, 1)))
    start = graph.add("Mul", "table/start", low, strides)
    start = graph.add("ReduceSum", "table", start, graph.constant("table/axis", [1], np.int64))
    table, total = graph.parameter("colour_table"), ""
    for corner in itertools.product((0, 1), repeat=3):
        part = _corner(graph, corner, table, start, weights)
        total = graph.add("Add", f"{part}/sum", total, part) if total else part
    return graph.add("Sub", "table/signed", graph.add("Mul", "table/two", total, "two"), "one")


def _corner(
    graph: _Graph, corner: tuple[int, ...], table: str, start: str, weights: tuple[str, str]
) -> str:
    """One of the eight nodes round each colour, by its trilinear weight: [n, 3, h, w].

    `start` is the flat index of the lowest node, [n, 1, h, w]; `weights` [n, 3, h, w] are those of
    the lower and the upper node along each axis.
    """
    nodes, place = graph.generator.colour_table, "table/corner{}{}{}".format(*corner)
    step = float(np.dot(corner, [nodes**2, nodes, 1]))
    index = graph.add("Add", place, start, graph.constant(f"{place}/step", step))
    index = graph.add("Cast", place, index, to=TensorProto.INT64)
    colours = graph.add("Gather", place, table, index)  # [n, 1, h, w, 3]
    colours = graph.add("Transpose", place, colours, perm=[0, 4, 2, 3, 1])
    colours = graph.add("Squeeze", place, colours, graph.constant(f"{place}/last", [4], np.int64))
    for axis, upper in enumerate(corner):
        channel = graph.constant(f"{place}/channel{axis}", [axis], np.int64)
        weight = graph.add("Gather", f"{place}/{axis}", weights[upper], channel, axis=1)
        colours = graph.add("Mul", f"{place}/{axis}", colours, weight)
    return colours


def _pointwise(graph: _Graph, place: str, x: str) -> str:
    return graph.add("Relu", place, _conv(graph, place, x))


def _conv(graph: _Graph, place: str, x: str, stride: int = 1) -> str:
    """Padded as flax's SAME pads even sizes: with stride 2, only at the bottom and right."""
    kernel, bias = graph.parameter(f"{place}/kernel"), graph.parameter(f"{place}/bias")
    size = graph.kernel_size(f"{place}/kernel")
    before, after = (size - stride) // 2, (size - stride + 1) // 2
    pads = [before, before, after, after]
    return graph.add("Conv", place, x, kernel, bias, strides=[stride, stride], pads=pads)


def _norm(graph: _Graph, place: str, x: str) -> str:
    scale, bias = graph.parameter(f"{place}/scale"), graph.parameter(f"{place}/bias")
    operator = "InstanceNormalization"
    return graph.add(operator, place, x, scale, bias, epsilon=InstanceNorm.epsilon)


def _conv_block(graph: _Graph, place: str, x: str, stride: int = 1) -> str:
    x = _conv(graph, f"{place}/conv", x, stride)
    return graph.add("Relu", place, _norm(graph, f"{place}/norm", x))


def _residual_block(graph: _Graph, place: str, x: str) -> str:
    y = _conv(graph, f"{place}/conv", _conv_block(graph, f"{place}/first", x))
    return graph.add("Add", place, x, _norm(graph, f"{place}/norm", y))


def _squeeze_excite(graph: _Graph, place: str, x: str) -> str:
    """Dense layers on means that are [n, c, 1, 1] are convolutions 1x1."""
    squeezed = _pointwise(graph, f"{place}/squeeze", graph.add("GlobalAveragePool", place, x))
    gate = graph.add("Sigmoid", place, _conv(graph, f"{place}/excite", squeezed))
    return graph.add("Mul", place, x, gate)


def _up_block(graph: _Graph, place: str, x: str, skip: str) -> str:
    """Normalised after the shuffle: the same as before it, for ONNX has no norm in parts."""
    x = _conv(graph, f"{place}/conv", x)
    x = graph.add("DepthToSpace", place, x, blocksize=2, mode="DCR")
    x = graph.add("Relu", place, _norm(graph, f"{place}/norm", x))
    skip = _squeeze_excite(graph, f"{place}/gate", skip)
    x = graph.add("Concat", place, x, skip, axis=1)
    return _conv_block(graph, f"{place}/join", x)
