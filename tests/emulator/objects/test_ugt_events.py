"""Events come back from words, whose fields stand where the interface says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ugt_text import line

from emulator.errors import MissingNameError, RangeError
from emulator.objects import SCALARS, Columns, SeedBits, build_events, columns
from emulator.objects.ugt_events import decode_objects, encode_events
from emulator.objects.ugt_lines import format_lines, parse_lines
from emulator.objects.ugt_words import BIT_FIELDS


def _ids(rows: int) -> dict[str, Any]:
    return {name: np.zeros(rows, np.int64) for name in SCALARS}


def test_bit_fields_by_hand() -> None:
    muon = (
        5 | 23 << 10 | 12 << 19 | (-3 & 511) << 23 | 2 << 32 | 1 << 34 | 1 << 35
        | 77 << 36 | 575 << 43 | 200 << 53 | 1 << 61 | 3 << 62
    )  # fmt: skip
    eg = 511 | (-128 & 255) << 9 | 143 << 17 | 3 << 25
    jet = 2047 | 127 << 11 | 1 << 19 | 1 << 27
    words = {"c2": f"{muon:016x}", "c10": f"{eg:08x}", "c34": f"{jet:08x}"}
    sums = {
        "c46": f"{4095 | 7 << 12 | 9 << 28:08x}",
        "c47": f"{1 | 8191 << 12 | 1 << 28:08x}",
        "c48": f"{2 | 143 << 12 | 255 << 20 | 15 << 28:08x}",
    }
    found = decode_objects(parse_lines(line(**words, **sums).encode(), "here"))

    def first(name: str) -> dict[str, int]:
        return {field: int(values[0]) for field, values in found[name].fields.items()}

    assert first("mu") == {
        "pt": 23, "eta_vtx": -3, "phi_vtx": 5, "phi": 575, "qual": 12, "charge": 1,
        "charge_valid": 1, "index": 77, "iso": 2, "pt_unconstrained": 200, "dxy": 3,
    }  # fmt: skip
    assert first("eg") == {"pt": 511, "eta": -128, "phi": 143, "iso": 3}
    assert first("jet") == {"pt": 2047, "eta": 127, "phi": 1, "displaced": 1}
    assert first("ett") == {"pt": 4095, "ettem": 7, "min_bias": 9}
    assert first("htt") == {"pt": 1, "towers": 8191, "min_bias": 1}
    assert first("etm") == {"pt": 2, "phi": 143, "asymmetry": 255, "min_bias": 15}
    assert first("htmhf") == {"pt": 0, "phi": 0, "asymmetry": 0, "centrality": 0}


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_events_come_back_from_their_words(data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, 3))
    parts = {}
    for name, fields in BIT_FIELDS.items():
        most = {"mu": 8, "eg": 12, "tau": 12, "jet": 12}.get(name)
        counts = [1] * rows if most is None else data.draw(st.lists(
            st.integers(0, most), min_size=rows, max_size=rows))  # fmt: skip
        values = {}
        for field, bits in fields.items():
            low, high = (-(1 << bits.bits - 1), (1 << bits.bits - 1) - 1) if bits.signed else (
                int(field == "pt" and most is not None), (1 << bits.bits) - 1)  # fmt: skip
            high = 143 if field == "phi" and name != "mu" else high
            high = 575 if "phi" in field and name == "mu" else high
            size = sum(counts)
            values[field] = np.array(
                data.draw(st.lists(st.integers(low, high), min_size=size, max_size=size)), int
            )
        parts[name] = Columns(np.concatenate([[0], np.cumsum(counts)]), values)
    events = build_events(_ids(rows), parts)
    fires = SeedBits(("7", "511"), np.array([[row == 1, True] for row in range(rows)]))
    words = encode_events(events, fires, start=3)
    again = parse_lines(format_lines(words), "here")
    assert again.crossing.tolist() == list(range(3, 3 + rows))
    assert again.final_or.tolist() == [1] * rows
    assert again.bits().columns(fires.names).tolist() == fires.values.tolist()
    assert again.bits().values.sum() == fires.values.sum()
    for name, part in decode_objects(again).items():
        given = columns(events, name)
        assert part.offsets.tolist() == given.offsets.tolist()
        assert {f: v.tolist() for f, v in part.fields.items()} == {
            f: v.tolist() for f, v in given.fields.items()
        }


def test_what_words_cannot_hold() -> None:
    ids = _ids(1)
    part = {name: np.ones(9, int) for name in ("pt", "eta_vtx", "phi_vtx")}
    events = build_events(ids, {"mu": Columns(np.array([0, 9]), part)})
    with pytest.raises(RangeError, match="row 0: 9 mu; a uGT test vector holds 8"):
        encode_events(events)
    with pytest.raises(RangeError, match="3565 crossings; a uGT test vector holds one orbit"):
        encode_events(build_events(_ids(2), {}), start=3563)
    named = SeedBits(("L1_ZeroBias",), np.zeros((1, 1), bool))
    with pytest.raises(MissingNameError, match="no algorithm 'L1_ZeroBias'"):
        encode_events(build_events(ids, {}), named)
