"""A state dict of somebody's ``nn.Sequential`` becomes that module again; no code of the file runs."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import torch
from torch import Tensor, nn

from emulator.errors import InputFileError

if TYPE_CHECKING:
    from collections.abc import Sequence

_WITHOUT_PARAMETERS: dict[str, type[nn.Module]] = {
    "ReLU": nn.ReLU,
    "Sigmoid": nn.Sigmoid,
    "Tanh": nn.Tanh,
}


def load_sequential(path: str | Path, layers: Sequence[tuple[str, str]]) -> nn.Sequential:
    """Build an ``nn.Sequential`` from a state dict.

    Parameters
    ----------
    path
        What ``torch.save(module.state_dict(), path)`` wrote.
    layers
        Name and class (``Linear``, ``ReLU``, ``Sigmoid``, ``Tanh``) of each layer in order. The file
        calls its parameters by its place: ``0.weight``, ``0.bias``.

    Returns
    -------
    The module in double precision, its children under the given names.

    Raises
    ------
    InputFileError
        If the file is missing, damaged, holds anything but tensors, or tensors of other layers.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "net.pt"
    ...     torch.save(nn.Sequential(nn.Linear(2, 1), nn.ReLU()).state_dict(), file)
    ...     load_sequential(file, [("dense", "Linear"), ("relu", "ReLU")])
    Sequential(
      (dense): Linear(in_features=2, out_features=1, bias=True)
      (relu): ReLU()
    )
    """
    place = Path(path)
    tensors = _tensors(place)
    children: OrderedDict[str, nn.Module] = OrderedDict()
    used: set[str] = set()
    for number, (name, kind) in enumerate(layers):
        if kind in _WITHOUT_PARAMETERS:
            children[name] = _WITHOUT_PARAMETERS[kind]()
            continue
        children[name] = _linear(place, number, tensors)
        used |= {f"{number}.weight", f"{number}.bias"}
    left = sorted(set(tensors) - used)
    if left:
        raise InputFileError(place, f"holds {left[0]!r}, for which no layer with types is given")
    return nn.Sequential(children)


def _tensors(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise InputFileError(path, "there is no such file")
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
    except UnpicklingError as error:
        problem = "holds more than tensors, which is not run; save module.state_dict() instead"
        raise InputFileError(path, problem) from error
    except (RuntimeError, EOFError, BadZipFile, OSError, KeyError, ValueError) as error:
        raise InputFileError(path, "is damaged, torch cannot read it") from error
    if not isinstance(content, dict) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in content.items()
    ):
        raise InputFileError(path, "holds no state dict (tensors by name)")
    return {key: value.detach().double() for key, value in content.items()}


def _linear(path: Path, number: int, tensors: dict[str, Tensor]) -> nn.Linear:
    weight = tensors.get(f"{number}.weight")
    if weight is None or weight.ndim != 2:
        known = ", ".join(tensors) or "none"
        raise InputFileError(path, f"has no matrix '{number}.weight' for a Linear; it has {known}")
    bias = tensors.get(f"{number}.bias")
    n_out, n_in = weight.shape
    if bias is not None and tuple(bias.shape) != (n_out,):
        problem = f"its '{number}.bias' has shape {tuple(bias.shape)}, the layer {n_out} outputs"
        raise InputFileError(path, problem)
    layer = nn.Linear(n_in, n_out, bias=bias is not None, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(weight)
        if bias is not None and layer.bias is not None:
            layer.bias.copy_(bias)
    return layer
