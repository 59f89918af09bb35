"""Sources and bands of the numbers of the response."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

import pytest

from emulator.errors import MissingNameError, SettingsError
from emulator.samples.detector import ResponseSettings, load_response
from emulator.samples.response_card import read_card

SOURCES = {"pdg": "Review", "choice": "chosen"}


def _card(entry: Any) -> dict[str, Any]:
    return {"name": "n", "sources": SOURCES, "muons": {"scale": entry}}


def test_every_number_of_the_packaged_card_has_a_source_in_words(
    response: ResponseSettings,
) -> None:
    assert len(response.card) > 90
    sections = {number.section for number in response.card}
    assert {"particles", "towers", "jets", "egammas", "taus", "muons", "sums"} <= sections
    assert all(len(number.source) > 20 for number in response.card)
    # What is tuned or chosen may move; only definitions and constants may not.
    fixed = {number.source for number in response.card if number.band is None}
    assert not any("tuned until" in source or "choice of" in source for source in fixed)


def test_numbers_come_back_as_they_stand(response: ResponseSettings) -> None:
    by_name = {(number.section, number.name): number for number in response.card}
    assert by_name["muons", "tail_fraction"].value == response.muons.tail_fraction
    assert by_name["muons", "tail_fraction"].band == (0.02, 0.08)
    assert by_name["egammas", "seed_lsb"].value == response.egammas.seed_lsb


def test_no_tuned_number_stands_in_the_kernels() -> None:
    """Kernels of the response know shapes of windows, units (0.3 GeV per tesla and metre) and whole numbers."""
    folder = files("emulator.samples")
    allowed = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "12", "0.0", "1.0", "2.0", "0.5"}
    for name in ("response.py", "towers.py", "deposit.py"):
        text = folder.joinpath(name).read_text(encoding="utf-8")
        for body in re.findall(
            r"\n@kernel\ndef .*?(?=\n(?:@|def |class |#: |\Z))", text, re.DOTALL
        ):
            code = re.sub(
                r'""".*?"""|#[^\n]*|"[^"]*"|float(32|64)|u?int(8|16|32|64)',
                "",
                body,
                flags=re.DOTALL,
            )
            numbers = set(re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?:e-?\d+)?", code))
            assert numbers <= allowed | {"1e-6", "0.3"}, (name, numbers - allowed)


@pytest.mark.parametrize(
    ("entry", "error", "message"),
    [
        (1.15, SettingsError, r"here: muons.scale must be \{value: ..., source: ...\}, not 1.15"),
        ({"value": 1.15}, SettingsError, "muons.scale: the setting 'source' is missing"),
        ({"source": "pdg"}, SettingsError, "muons.scale: the value is missing"),
        ({"value": 1, "source": "pgd"}, MissingNameError, "no source 'pgd'; nearest: pdg"),
        ({"value": 1, "source": "pdg", "bend": [0, 2]}, MissingNameError, "nearest: band"),
        (
            {"value": 3, "source": "pdg", "band": [0, 2]},
            SettingsError,
            "muons.scale: 3 lies outside its band 0 to 2",
        ),
        ({"value": 1, "source": "pdg", "band": [2, 0]}, SettingsError, "two rising numbers"),
        ({"value": 1, "source": "pdg", "band": ["a", 2]}, SettingsError, "two rising numbers"),
        (
            {"value": [1.0], "source": "pdg", "band": [1.1, 2]},
            SettingsError,
            "outside its band 1.1 to 2",
        ),
    ],
)
def test_refusals(entry: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read_card(_card(entry), "here")


def test_words_do_not_change_the_hash(response: ResponseSettings) -> None:
    assert load_response().sha256 == response.sha256
    values, _ = read_card(_card({"value": 1.0, "source": "pdg", "note": "words"}), "here")
    again, _ = read_card(_card({"value": 1.0, "source": "choice"}), "here")
    assert values == again
