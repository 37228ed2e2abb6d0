"""A look as an ONNX model, for programs without JAX.

The graph follows `nets.res_unet` and `nets.layers` block by block, in ONNX's axis order NCHW. Only
standard operators are used.
"""

import dataclasses
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import onnx
from jax.typing import DTypeLike
from onnx import TensorProto, helper

from cinegan_jax.core.errors import UserError
from cinegan_jax.inference.look import Look, NetworkLook
from cinegan_jax.inference.look_file import TABLE, architecture, arrays_of
from cinegan_jax.inference.onnx_graph import OnnxGraph
from cinegan_jax.nets.norms import InstanceNorm, LayerNorm
from cinegan_jax.nets.res_unet import ResUnetGenerator
from cinegan_jax.ops.blur import B3_SPLINE, BLUR_LEVELS

_OPSET, _IR_VERSION = 17, 8
"""Old enough for every onnxruntime since 1.12."""
_INPUT, _OUTPUT = "photo", "picture"
"""Names of the model's input and output, by which other programs call it."""
_CONTRACT = (
    "float32 [batch, 3, height, width], RGB, sRGB-encoded, 0..1; "
    "height and width are multiples of 8"
)
_WRITTEN_FIELDS = (
    "width",
    "num_blocks",
    "residual",
    "colour_path",
    "glow_path",
    "colour_table",
    "norm",
    "monochrome",
)
"""Fields of a generator that this module writes."""


def to_onnx(look: Look, dtype: DTypeLike = np.float16) -> bytes:
    """Return the serialised ONNX model of a look.

    It maps `photo` to `picture`, both float32 [n, 3, h, w] in unit range, clipped; h and w are
    multiples of 8.

    Args:
        look: to convert.
        dtype: of the stored kernels, float16 or float32. All is computed in float32.

    Raises:
        UserError: the generator has a field that this module cannot write.
    """
    if isinstance(look, NetworkLook):
        _check_fields(look)
        graph = OnnxGraph(look.kernels, dtype, look.generator.norm)
        _add_program(graph, lambda images: _generator(graph, look.generator, images))
    else:
        graph = OnnxGraph({"colour_table": arrays_of(look)[TABLE]}, dtype)
        _add_program(graph, lambda images: _through_table(graph, images))
    model = helper.make_model(
        helper.make_graph(
            graph.nodes, look.name, [_value(_INPUT)], [_value(_OUTPUT)], graph.initializers
        ),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="cinegan-jax",
        doc_string=f"The look {look.name}: {_INPUT} to {_OUTPUT}, both {_CONTRACT}.",
    )
    helper.set_model_props(model, _metadata(look))
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def _check_fields(look: NetworkLook) -> None:
    for name, value in architecture(look.generator).items():
        if name not in _WRITTEN_FIELDS:
            raise UserError(
                f"the look {look.name} cannot be written as ONNX: its generator has "
                f"{name}={value!r}, and ONNX export supports {', '.join(_WRITTEN_FIELDS)}; "
                "use --format stablehlo"
            )


def _metadata(look: Look) -> dict[str, str]:
    metadata = {
        "name": look.name,
        _INPUT: _CONTRACT,
        _OUTPUT: _CONTRACT,
        "grain": json.dumps(dataclasses.asdict(look.grain)),
    }
    if isinstance(look, NetworkLook):
        metadata["generator"] = json.dumps(architecture(look.generator))
    return metadata


def _value(name: str) -> Any:
    shape: list[str | int | None] = ["batch", 3, "height", "width"]
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape, doc_string=_CONTRACT)


def _add_program(graph: OnnxGraph, add_colours: Callable[[str], str]) -> None:
    """Add the look, signed images to the same, between unit range at input and output."""
    two, one = graph.constant("two", 2), graph.constant("one", 1)
    half, zero = graph.constant("half", 0.5), graph.constant("zero", 0)
    signed = graph.add("Sub", "signed", graph.add("Mul", "signed", _INPUT, two), one)
    image = add_colours(signed)
    unit = graph.add("Add", "unit", graph.add("Mul", "unit", image, half), half)
    graph.nodes.append(helper.make_node("Clip", [unit, zero, one], [_OUTPUT], "clip"))


def _generator(graph: OnnxGraph, generator: ResUnetGenerator, images: str) -> str:
    features = _unet(graph, generator.num_blocks, images)
    if generator.colour_path:
        features = _mix_colour(graph, generator.glow_path, features, images)
    last = _conv(graph, "output", features)
    if generator.residual:
        result = graph.add("Add", "output", _through_table(graph, images), last)
    else:
        result = graph.add("Tanh", "output", last)
    return _grey(graph, result) if generator.monochrome else result


def _grey(graph: OnnxGraph, images: str) -> str:
    """Average the channels."""
    mean = graph.add("ReduceMean", "grey", images, axes=[1])
    return graph.add("Concat", "grey", mean, mean, mean, axis=1)


def _unet(graph: OnnxGraph, num_blocks: int, images: str) -> str:
    e1 = _conv_block(graph, "e1", images)
    e2 = _conv_block(graph, "e2", e1, stride=2)
    e3 = _conv_block(graph, "e3", e2, stride=2)
    x = _conv_block(graph, "e4", e3, stride=2)
    for i in range(num_blocks):
        x = _residual_block(graph, f"block{i + 1}", x)
    x = _up_block(graph, "up1", x, e3)
    x = _up_block(graph, "up2", x, e2)
    return _up_block(graph, "up3", x, e1)


def _mix_colour(graph: OnnxGraph, glow_path: int, features: str, images: str) -> str:
    colour = _pointwise(graph, "colour1", images)
    if glow_path:
        blurs = _blur_pyramid(graph, _pointwise(graph, "glow", images), glow_path)
        colour = graph.add("Concat", "glow", colour, *blurs, axis=1)
    colour = _pointwise(graph, "colour2", colour)
    both = graph.add("Concat", "colour_mix", features, colour, axis=1)
    return _pointwise(graph, "colour_mix", both)


def _blur_pyramid(graph: OnnxGraph, light: str, channels: int) -> Iterator[str]:
    """Yield the blurs of `ops.blur.blur_pyramid`, as depthwise convolutions."""
    taps = np.tile(B3_SPLINE, (channels, 1, 1, 1))
    down = graph.constant("spread/down", taps.swapaxes(2, 3))
    across = graph.constant("spread/across", taps)
    for scale in range(BLUR_LEVELS):
        place, apart = f"spread{scale}", 2**scale
        reach = graph.constant(f"{place}/reach", [0, 0, *[2 * apart] * 2] * 2, np.int64)
        light = graph.add("Pad", place, light, reach, mode="edge")
        for axis, kernel in (("down", down), ("across", across)):
            operator = {"dilations": [apart, 1] if axis == "down" else [1, apart]}
            light = graph.add("Conv", f"{place}/{axis}", light, kernel, group=channels, **operator)
        yield light


def _through_table(graph: OnnxGraph, images: str) -> str:
    """Map signed images through the colour table, as `ops.lut.apply_lut` interpolates."""
    nodes = graph.table_size()
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
    graph: OnnxGraph, corner: tuple[int, ...], table: str, start: str, weights: tuple[str, str]
) -> str:
    """Return one of the eight nodes around each colour times its trilinear weight: [n, 3, h, w].

    Args:
        graph: to add to.
        corner: offset of the node, 0 or 1 along each axis.
        table: the colour table, [nodes**3, 3].
        start: flat index of the lowest of the eight nodes, [n, 1, h, w].
        weights: of the lower and of the upper node along each axis, [n, 3, h, w].
    """
    nodes, place = graph.table_size(), "table/corner{}{}{}".format(*corner)
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


def _pointwise(graph: OnnxGraph, place: str, x: str) -> str:
    return graph.add("Relu", place, _conv(graph, place, x))


def _conv(graph: OnnxGraph, place: str, x: str, stride: int = 1) -> str:
    """Add a convolution, padded as Flax's SAME pads even sizes: more at the bottom and right."""
    kernel, bias = graph.parameter(f"{place}/kernel"), graph.parameter(f"{place}/bias")
    size = graph.kernel_size(f"{place}/kernel")
    before, after = (size - stride) // 2, (size - stride + 1) // 2
    pads = [before, before, after, after]
    return graph.add("Conv", place, x, kernel, bias, strides=[stride, stride], pads=pads)


def _norm(graph: OnnxGraph, place: str, x: str) -> str:
    if graph.norm == "layer":
        return _layer_norm(graph, f"{place}/channels", x)
    scale, bias = graph.parameter(f"{place}/scale"), graph.parameter(f"{place}/bias")
    operator = "InstanceNormalization"
    return graph.add(operator, place, x, scale, bias, epsilon=InstanceNorm.epsilon)


def _layer_norm(graph: OnnxGraph, place: str, x: str) -> str:
    """Add a normalisation over channels; ONNX's operator takes them last."""
    scale, bias = graph.parameter(f"{place}/scale"), graph.parameter(f"{place}/bias")
    x = graph.add("Transpose", f"{place}/last", x, perm=[0, 2, 3, 1])
    x = graph.add("LayerNormalization", place, x, scale, bias, axis=-1, epsilon=LayerNorm.epsilon)
    return graph.add("Transpose", place, x, perm=[0, 3, 1, 2])


def _conv_block(graph: OnnxGraph, place: str, x: str, stride: int = 1) -> str:
    x = _conv(graph, f"{place}/conv", x, stride)
    return graph.add("Relu", place, _norm(graph, f"{place}/norm", x))


def _residual_block(graph: OnnxGraph, place: str, x: str) -> str:
    y = _conv(graph, f"{place}/conv", _conv_block(graph, f"{place}/first", x))
    return graph.add("Add", place, x, _norm(graph, f"{place}/norm", y))


def _squeeze_excite(graph: OnnxGraph, place: str, x: str) -> str:
    """Add a squeeze-and-excitation; dense layers on means [n, c, 1, 1] are 1x1 convolutions."""
    squeezed = _pointwise(graph, f"{place}/squeeze", graph.add("GlobalAveragePool", place, x))
    gate = graph.add("Sigmoid", place, _conv(graph, f"{place}/excite", squeezed))
    return graph.add("Mul", place, x, gate)


def _up_block(graph: OnnxGraph, place: str, x: str, skip: str) -> str:
    """Add an up block. It normalises after the shuffle, because ONNX has no norm in parts."""
    x = _conv(graph, f"{place}/conv", x)
    x = graph.add("DepthToSpace", place, x, blocksize=2, mode="DCR")
    x = graph.add("Relu", place, _norm(graph, f"{place}/norm", x))
    skip = _squeeze_excite(graph, f"{place}/gate", skip)
    x = graph.add("Concat", place, x, skip, axis=1)
    return _conv_block(graph, f"{place}/join", x)
