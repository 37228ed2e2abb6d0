"""A trained look as an ONNX model, for programs without JAX.

The graph is written block by block as `nets.res_unet` and `nets.layers` compute it, in ONNX's own
order of axes, NCHW. Only standard operators are used.
"""

import dataclasses
import json
from typing import Any

import numpy as np
import onnx
from flax.traverse_util import flatten_dict
from jax.typing import DTypeLike
from onnx import TensorProto, helper, numpy_helper

from cinegan_jax.inference.trained_look import TrainedLook, architecture
from cinegan_jax.nets.layers import InstanceNorm

OPSET, IR_VERSION = 17, 8
"""Old enough for every onnxruntime since 1.12."""
INPUT, OUTPUT = "photo", "picture"
CONTRACT = (
    "float32 [batch, 3, height, width], RGB, sRGB-encoded, 0..1; "
    "height and width are multiples of 8"
)


def to_onnx(look: TrainedLook, dtype: DTypeLike = np.float16) -> bytes:
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


def _metadata(look: TrainedLook) -> dict[str, str]:
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

    def __init__(self, look: TrainedLook, dtype: DTypeLike) -> None:
        self.generator = look.generator
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        kernels = flatten_dict(dict(look.kernels), sep="/")
        self._parameters = {name: _oihw(np.asarray(kernels[name], dtype)) for name in kernels}

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

    def constant(self, name: str, value: float) -> str:
        return self._store(name, np.array(value, np.float32))

    def _store(self, name: str, array: np.ndarray) -> str:
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name


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
        return graph.add("Add", "output", images, last)
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
    colour = _pointwise(graph, "colour2", _pointwise(graph, "colour1", images))
    both = graph.add("Concat", "colour_mix", features, colour, axis=1)
    return _pointwise(graph, "colour_mix", both)


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
