"""State dicts of other people's sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from distill.sequential import load_sequential
from emulator.errors import InputFileError

if TYPE_CHECKING:
    from pathlib import Path

LAYERS = [("first", "Linear"), ("relu", "ReLU"), ("last", "Linear")]


def test_module_computes_what_was_saved(tmp_path: Path) -> None:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2, bias=False))
    path = tmp_path / "net.pt"
    torch.save(model.state_dict(), path)
    inputs = torch.randn(20, 3)
    found = load_sequential(path, LAYERS)(inputs.double())
    torch.testing.assert_close(found, model.double()(inputs.double()), rtol=0, atol=0)


class Touch:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> Any:
        return (print, ("unpickled!",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (nn.Sequential(nn.Linear(3, 4)), "holds more than tensors, which is not run"),
        (Touch(), "holds more than tensors, which is not run"),
        ([torch.zeros(2)], "holds no state dict"),
        ({"0.weight": 1}, "holds no state dict"),
        ({"0.weight": torch.zeros(3)}, "has no matrix '0.weight' for a Linear"),
        ({"a.weight": torch.zeros(3, 2)}, "has no matrix '0.weight'.* it has a.weight"),
        (
            {"0.weight": torch.zeros(3, 2), "0.bias": torch.zeros(2)},
            r"its '0.bias' has shape \(2,\), the layer 3 outputs",
        ),
        (
            {
                "0.weight": torch.zeros(3, 2),
                "2.weight": torch.zeros(1, 3),
                "4.weight": torch.zeros(1),
            },
            "holds '4.weight', for which no layer with types is given",
        ),
    ],
)
def test_other_content_is_refused(
    content: object, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "net.pt"
    torch.save(content, path)
    with pytest.raises(InputFileError, match=message):
        load_sequential(path, LAYERS)
    assert "unpickled!" not in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", b"nothing"])
def test_damage_is_told(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    path.write_bytes(content)
    with pytest.raises(InputFileError, match=r"net\.pt: (is damaged|holds more than tensors)"):
        load_sequential(path, LAYERS)
    with pytest.raises(InputFileError, match="there is no such file"):
        load_sequential(tmp_path / "none.pt", LAYERS)
