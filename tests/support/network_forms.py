"""Random networks in the form ``l1-fixed-point-network/1``, of the kinds that are deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.fixed import FixedFormat

if TYPE_CHECKING:
    from numpy.random import Generator

ERA = {"pt_halved_to_integer": True, "muon_phi": "raw", "muon_eta": "vtx"}

FEATURES = [
    ("etm", 0, "pt"),
    ("etm", 0, "zero"),
    ("etm", 0, "phi"),
    *(
        (name, slot, field)
        for name in ("eg", "mu", "jet")
        for slot in (0, 1)
        for field in ("pt", "eta", "phi")
    ),
]


def dense(
    rng: Generator,
    name: str,
    source: str,
    shape: tuple[int, int],
    *,
    activation: str = "relu",
    weight: str = "ap_fixed<6,3>",
    bias: str = "ap_fixed<10,7>",
    accum: str = "ap_fixed<21,16>",
    output: str = "ap_ufixed<10,6,AP_RND_CONV,AP_SAT>",
) -> dict[str, Any]:
    """A dense layer with random mantissas over the whole range of its types."""
    weight_type, bias_type = FixedFormat.parse(weight), FixedFormat.parse(bias)
    weights = rng.integers(weight_type.raw_min, weight_type.raw_max + 1, shape)
    return {
        "name": name,
        "kind": "dense",
        "inputs": [source],
        "n_in": shape[0],
        "n_out": shape[1],
        "weight_type": weight,
        "bias_type": bias,
        "accum_type": accum,
        "activation": activation,
        "output_type": output,
        "weight": weights.tolist(),
        "bias": rng.integers(bias_type.raw_min, bias_type.raw_max + 1, shape[1]).tolist(),
    }


def network_form(
    layers: list[dict[str, Any]], *, name: str = "random", seed: int = 1, **inputs: Any
) -> dict[str, Any]:
    """A whole network around layers; the last one is the score."""
    rng = np.random.default_rng(seed)
    size = len(FEATURES)
    last = layers[-1]
    one_count = 2.0 ** -FixedFormat.parse(last["output_type"]).fraction
    given = {
        "era": dict(ERA),
        "raw_type": "ap_fixed<18,13>",
        "type": "ap_fixed<8,6,AP_RND_CONV,AP_SAT>",
        "offset_type": "ap_fixed<10,9>",
        "offset": (rng.integers(0, 60, size) / 2).tolist(),
        "shift": rng.integers(-1, 5, size).tolist(),
        "features": [
            {"index": place, "object": object_, "slot": slot, "field": field}
            for place, (object_, slot, field) in enumerate(FEATURES)
        ],
        **inputs,
    }
    return {
        "format": "l1-fixed-point-network/1",
        "name": name,
        "source": {"repository": "none", "licence": "made for a test"},
        "conventions": ["as documented"],
        "input": given,
        "layers": layers,
        "score": {"layer": last["name"], "type": last["output_type"], "lsb": one_count},
        "thresholds": {
            "L1Menu_Test_v1": {
                "438": {"seed": "L1_TEST_Loose", "threshold": 40},
                "439": {"seed": "L1_TEST_Tight", "threshold": 400},
            }
        },
    }


def encoder_form(seed: int = 1, *, accum: str = "ap_fixed<21,16>", **inputs: Any) -> dict[str, Any]:
    """Dense layers and the squared length of the last one, as AXOL1TL up to version 4."""
    rng = np.random.default_rng(seed)
    layers = [
        dense(rng, "h1", "input", (len(FEATURES), 6), accum=accum),
        dense(
            rng, "mu", "h1", (6, 4), activation="linear", output="ap_fixed<10,7,AP_RND_CONV,AP_SAT>"
        ),
        {
            "name": "loss",
            "kind": "sum_of_squares",
            "inputs": ["mu"],
            "accum_type": "ap_ufixed<18,14>",
            "output_type": "ap_ufixed<18,14>",
        },
    ]
    return network_form(layers, seed=seed, **inputs)


def autoencoder_form(
    seed: int = 1, *, accum: str = "ap_fixed<26,16>", loss: str = "ap_ufixed<20,16>", **inputs: Any
) -> dict[str, Any]:
    """An encoder whose features a small autoencoder reconstructs; the score is the distance."""
    rng = np.random.default_rng(seed)
    wide = {"weight": "ap_fixed<8,2>", "bias": "ap_fixed<12,5>", "accum": accum}
    layers = [
        dense(
            rng, "f", "input", (len(FEATURES), 5), activation="linear",
            output="ap_fixed<12,7,AP_RND,AP_SAT>", **wide,
        ),
        dense(rng, "code", "f", (5, 2), output="ap_ufixed<9,5,AP_RND_CONV,AP_SAT>", **wide),
        dense(
            rng, "decoded", "code", (2, 5), activation="linear", output="ap_fixed<12,7,AP_TRN,AP_SAT>",
            **wide,
        ),
        {
            "name": "distance",
            "kind": "subtract",
            "inputs": ["decoded", "f"],
            "output_type": "ap_fixed<13,8,AP_RND,AP_SAT_SYM>",
        },
        {
            "name": "score",
            "kind": "sum_of_squares",
            "inputs": ["distance"],
            "accum_type": loss,
            "output_type": "ap_ufixed<18,16,AP_TRN,AP_SAT>",
        },
    ]  # fmt: skip
    return network_form(
        layers, seed=seed, raw_type="ap_fixed<16,13>", type="ap_fixed<14,6>", **inputs
    )
