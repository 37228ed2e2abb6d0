"""An ONNX graph under construction, with the parameters of a look."""

from typing import Any

import numpy as np
from flax.traverse_util import flatten_dict
from jax.typing import DTypeLike
from onnx import TensorProto, helper, numpy_helper

from cinegan_jax.core.types import Params
from cinegan_jax.nets.norms import Norm


class OnnxGraph:
    """Nodes and initializers of a graph. A value is known by its name.

    Attributes:
        norm: the normalisation of the network's blocks.
        nodes: in the order of computation.
        initializers: parameters and constants.
    """

    def __init__(self, params: Params, dtype: DTypeLike, norm: Norm = "instance") -> None:
        self.norm = norm
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        kernels = flatten_dict(dict(params), sep="/")
        self._parameters = {name: _stored(name, kernels[name], dtype) for name in kernels}

    def add(self, operator: str, place: str, *inputs: str, **attributes: Any) -> str:
        """Add a node at a place, a path in the generator, and return the name of its result."""
        name = f"{place}/{operator}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def parameter(self, name: str) -> str:
        """Add a parameter of the generator and return the name of its float32 value."""
        array = self._parameters[name]
        self._store(name, array)
        if array.dtype == np.float32:
            return name
        return self.add("Cast", name, name, to=TensorProto.FLOAT)

    def kernel_size(self, name: str) -> int:
        """Return the side of a square kernel, in pixels."""
        return int(self._parameters[name].shape[-1])

    def table_size(self) -> int:
        """Return the nodes per axis of the colour table; 0 if there is none."""
        table = self._parameters.get("colour_table")
        return 0 if table is None else round(len(table) ** (1 / 3))

    def constant(self, name: str, value: Any, dtype: DTypeLike = np.float32) -> str:
        """Add a constant and return its name."""
        return self._store(name, np.array(value, dtype))

    def _store(self, name: str, array: np.ndarray) -> str:
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name


def _stored(name: str, array: Any, dtype: DTypeLike) -> np.ndarray:
    array = np.asarray(array, dtype)
    return array.reshape(-1, 3) if name == "colour_table" else _to_oihw(array)


def _to_oihw(array: np.ndarray) -> np.ndarray:
    """Transpose kernels from HWIO, or from IO of dense layers; leave vectors unchanged."""
    if array.ndim == 1:
        return array
    return array.reshape((1,) * (4 - array.ndim) + array.shape).transpose(3, 2, 0, 1)
