"""The network in 32-bit floats by ONNX Runtime, for processors that have no 16-bit floats.

PyTorch's older exporter describes the network, without its numbers; ONNX Runtime gets these where
they lie in memory. So nothing is written to the disk, and no number is copied to be described. The
newer exporter takes four times as long or more, and needs a package more. Where a PyTorch to come
has the older one no more, this is no kind of computing.
"""

from __future__ import annotations

import io
import warnings
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from memnet.scoring.precision.sharing import UnsuitableError, sharing_copy
from memnet.util.text import printable
from memnet.util.versions import version

NAME = "float32 by ONNX Runtime"

_PACKAGES = ("onnx", "onnxruntime")
_INPUT, _OUTPUT = "pictures", "outputs"


def versions() -> str:
    """Return the versions of what it needs; "" where one of them is not installed."""
    if not all(find_spec(name) for name in _PACKAGES):
        return ""
    return ", ".join(f"{name} {version(name)}" for name in _PACKAGES)


def is_possible(device: str, instructions: str) -> bool:
    """Whether it can be tried; as of :class:`.kinds.Kind`."""
    return device == "cpu" and versions() != ""


def make(network: nn.Module, example: Tensor) -> nn.Module:
    """Make it of a network, with as many threads as PyTorch has now; as of :class:`.kinds.Kind`."""
    if not versions():
        raise UnsuitableError(
            'onnx or onnxruntime is not installed: `pip install "memnet-harness[fast]"`'
        )
    try:
        return _OnnxRuntime(sharing_copy(network), example)
    except Exception as error:  # of the exporter or of ONNX Runtime, which have many kinds
        reason = printable(f"{type(error).__name__}: {error}", 300)
        raise UnsuitableError(f"ONNX Runtime does not take it ({reason})") from error


class _OnnxRuntime(nn.Module):
    """A network that ONNX Runtime computes; any number of pictures, in any layout."""

    def __init__(self, network: nn.Module, example: Tensor) -> None:
        super().__init__()
        import onnxruntime

        self.network, self._example = network, example
        model = _describe(network, example)
        numbers = network.state_dict()
        self._numbers = {
            each.name: numbers[each.name].contiguous()
            for each in model.graph.initializer  # which ONNX Runtime may read for ever
        }
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what fails is raised
        options.intra_op_num_threads = torch.get_num_threads()
        # Idle threads sleep: pictures are decoded at the same time.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_external_initializers(
            list(self._numbers),
            [
                onnxruntime.OrtValue.ortvalue_from_numpy(each.numpy())
                for each in self._numbers.values()
            ],
        )
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def forward(self, inputs: Tensor) -> Tensor:
        (outputs,) = self._session.run(None, {_INPUT: inputs.contiguous().numpy()})
        return torch.from_numpy(outputs)

    def __reduce__(self) -> tuple[Any, ...]:
        return make, (self.network, self._example)  # a session is not copied, but made anew


def _describe(network: nn.Module, example: Tensor) -> Any:
    """Return the network as an ONNX model whose numbers are named, but not in it."""
    import onnx

    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter about itself
        torch.onnx.export(
            network,
            (torch.zeros(2, *example.shape[1:]),),  # of one picture, N could pass for a constant
            file,  # type: ignore[arg-type]  # the older one takes it
            input_names=[_INPUT],
            output_names=[_OUTPUT],
            dynamic_axes={_INPUT: {0: "N"}, _OUTPUT: {0: "N"}},
            dynamo=False,
            export_params=False,
            # Else numbers are computed, under names of their own; ONNX Runtime does that, too.
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
        )
    model = onnx.load_from_string(file.getvalue())
    inputs = {each.name: each for each in model.graph.input}
    del model.graph.input[:]
    model.graph.input.append(inputs.pop(_INPUT))
    for name, each in inputs.items():
        kind = each.type.tensor_type
        number = model.graph.initializer.add(
            name=name,
            data_type=kind.elem_type,
            dims=[side.dim_value for side in kind.shape.dim],
            data_location=onnx.TensorProto.EXTERNAL,
        )
        number.external_data.add(key="location", value="memory")
    return model
