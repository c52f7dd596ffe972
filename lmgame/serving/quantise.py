"""Rewrites a GGUF file with its matrices in another quantisation.

llama.cpp has no batched kernel for Q4_1, the form in which the default weights are
published, so with it a batch of eight costs eight times a batch of one. The
prebuilt library lacks ``llama_model_quantize``; the ``gguf`` package quantises in
numpy, bit-identical to llama.cpp's reference rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy.typing as npt

from lmgame.errors import MissingExtra, WeightsError

if TYPE_CHECKING:
    import gguf

QuantName = Literal["Q4_0", "Q8_0"]


def requantise(
    source: Path,
    target: Path,
    quant: QuantName,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Write ``source`` to ``target`` with every matrix in ``quant``.

    The token embedding keeps its form: it is also the output layer, and published
    files already store it at 8 bits for that reason. Vectors stay 32-bit floats.

    Args:
        source: A GGUF file.
        target: Where to write; overwritten.
        quant: The wanted form.
        progress: Called with the share done, 0 to 1.

    Raises:
        WeightsError: ``source`` is not a readable GGUF file.
        MissingExtra: The ``gguf`` package is not installed.
    """
    try:
        import gguf
    except ImportError as error:
        raise MissingExtra("requantising weights", "embedded", "gguf") from error

    try:
        reader = gguf.GGUFReader(source)
        architecture = reader.fields["general.architecture"].contents()
    except Exception as error:  # gguf raises whatever numpy trips over in a damaged file
        raise WeightsError(f"{source} is not a readable GGUF file: {error}") from error
    writer = gguf.GGUFWriter(target, architecture)
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue
        value_type = field.types[0]
        inner = field.types[-1] if value_type == gguf.GGUFValueType.ARRAY else None
        value = field.contents()
        if field.name == "general.file_type":
            value = int(gguf.LlamaFileType[f"MOSTLY_{quant}"])
        writer.add_key_value(field.name, value, value_type, sub_type=inner)
    for number, tensor in enumerate(reader.tensors):
        data, form = _rounded(tensor, gguf.GGMLQuantizationType[quant])
        writer.add_tensor(tensor.name, data, raw_dtype=form)
        if progress is not None:
            progress((number + 1) / len(reader.tensors))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _rounded(
    tensor: gguf.ReaderTensor, wanted: gguf.GGMLQuantizationType
) -> tuple[npt.NDArray[Any], gguf.GGMLQuantizationType]:
    """A tensor's data in its new form; vectors and the embedding as they are."""
    import gguf

    form = tensor.tensor_type
    if len(tensor.shape) != 2 or form == wanted or tensor.name == "token_embd.weight":
        return tensor.data, form
    return gguf.quants.quantize(gguf.quants.dequantize(tensor.data, form), wanted), wanted
