"""Networks and menus that nobody here has seen: the JSON form, vectors and bits, written by hand.

Vectors, features, networks and bits are made from the published descriptions in plain integers; only
the command line is asked.
"""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from network_form_by_hand import evaluate_form, type_of
from vectors_by_hand import draw_words, features, line

from l1distill.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path

Form = dict[str, Any]

MENU = "L1Menu_Collisions2031_v2_0_7"


def inputs(*blocks: tuple[str, int, str]) -> list[dict[str, Any]]:
    """Features of blocks of an object, a number of slots, and fields."""
    listed = [
        {"object": name, "slot": slot, "field": each}
        for name, slots, fields in blocks
        for slot in range(slots)
        for each in fields.split()
    ]
    return [{"index": place, **entry} for place, entry in enumerate(listed)]


#: The 57 inputs of AXOL1TL, and others.
AXOL1TL = inputs(
    *(("etm", 1, "pt zero phi"), ("eg", 4, "pt eta phi")),
    *(("mu", 4, "pt eta phi"), ("jet", 10, "pt eta phi")),
)
WITH_TAUS = inputs(
    *(("jet", 5, "pt eta phi"), ("tau", 3, "pt phi"), ("etmhf", 1, "phi pt zero")),
    *(("htt", 1, "pt"), ("ett", 1, "pt zero"), ("htmhf", 1, "pt phi"), ("mu", 8, "eta phi pt")),
)
SUMS_ONLY = inputs(*((name, 1, "pt") for name in ("ett", "htt", "etm", "htm", "etmhf")))

ERA_1 = {"pt_halved_to_integer": True, "muon_phi": "raw", "muon_eta": "vtx"}
ERA_2 = {"pt_halved_to_integer": True, "muon_phi": "vtx", "muon_eta": "vtx"}
ERA_3 = {"pt_halved_to_integer": False, "muon_phi": "vtx", "muon_eta": "vtx"}


class Maker:
    """Draws networks."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def mantissas(self, text: str, *shape: int) -> Any:
        """Mantissas of a type, most of them small."""
        kept = type_of(text)
        high = 2 ** min(kept.width - (not kept.unsigned), 40)
        drawn = self.random.integers(0 if kept.unsigned else -high, high, shape)
        small = self.random.integers(0, 3, shape) - (not kept.unsigned)
        return np.where(self.random.random(shape) < 0.8, small, drawn).tolist()

    def dense(self, name: str, source: str, n_in: int, n_out: int, *types: str) -> Form:
        """Types of weight, bias, accumulator and output; relu if the output is unsigned."""
        weight, bias, accum, output = types
        return {
            "name": name,
            "kind": "dense",
            "inputs": [source],
            "n_in": n_in,
            "n_out": n_out,
            "weight_type": weight,
            "bias_type": bias,
            "accum_type": accum,
            "activation": "relu" if output.startswith("ap_u") else "linear",
            "output_type": output,
            "weight": self.mantissas(weight, n_in, n_out),
            "bias": self.mantissas(bias, n_out),
        }

    def form(
        self, name: str, era: Form, listed: list[Form], layers: list[Form], **more: Any
    ) -> Form:
        """The last layer is the score."""
        given = {
            "rule": "as documented",
            "selection": "bunch crossing 0",
            "era": {**era, "meaning": "how the bits were filled"},
            "raw_type": "ap_fixed<18,13>",
            "type": "ap_fixed<8,6,AP_RND_CONV,AP_SAT>",
            "offset_type": "ap_fixed<10,9>",
            "offset": (self.random.integers(-10, 80, len(listed)) / 2).tolist(),
            "shift": self.random.integers(-2, 6, len(listed)).tolist(),
            "features": listed,
            **more,
        }
        score = layers[-1]["output_type"]
        return {
            "format": "l1-fixed-point-network/1",
            "name": name,
            "source": {"repository": "none"},
            "conventions": ["as documented"],
            "input": given,
            "layers": layers,
            "score": {
                "layer": layers[-1]["name"],
                "type": score,
                "lsb": 2.0 ** -type_of(score).fraction,
                "definition": "the last layer",
            },
        }


def squares(source: str, accum: str, output: str) -> Form:
    return {
        "name": "loss",
        "kind": "sum_of_squares",
        "inputs": [source],
        "accum_type": accum,
        "output_type": output,
    }


def encoder() -> Form:
    """As version 4: the squared length of the latent vector."""
    make = Maker(4)
    types = ("ap_fixed<6,3>", "ap_fixed<10,7>")
    relu = "ap_ufixed<10,6,AP_RND_CONV,AP_SAT>"
    layers = [
        make.dense("h1", "input", 57, 28, *types, "ap_fixed<21,16>", relu),
        make.dense("h2", "h1", 28, 15, *types, "ap_fixed<22,15>", relu),
        make.dense(
            "mu", "h2", 15, 8, *types, "ap_fixed<21,14>", "ap_fixed<10,7,AP_RND_CONV,AP_SAT>"
        ),
        squares("mu", "ap_ufixed<18,14>", "ap_ufixed<18,14>"),
    ]
    return make.form("encoder", ERA_1, AXOL1TL, layers)


def features_and_autoencoder(era: Form, seed: int) -> Form:
    """As version 5: an autoencoder on learned features, the score is how far it is from them."""
    make = Maker(seed)
    wide = ("ap_fixed<12,3>", "ap_fixed<20,8>", "ap_fixed<48,24>")
    layers = [
        make.dense("e1", "input", 57, 20, *wide, "ap_ufixed<14,8,AP_RND,AP_SAT>"),
        make.dense("f", "e1", 20, 6, *wide, "ap_fixed<16,8,AP_RND_CONV,AP_SAT>"),
        make.dense("code", "f", 6, 2, *wide, "ap_ufixed<12,7,AP_RND_INF,AP_SAT>"),
        make.dense("x", "code", 2, 6, *wide, "ap_fixed<15,8,AP_TRN_ZERO,AP_SAT_SYM>"),
        {"name": "d", "kind": "subtract", "inputs": ["x", "f"], "output_type": "ap_fixed<17,9>"},
        squares("d", "ap_ufixed<40,26>", "ap_ufixed<24,20,AP_RND,AP_SAT>"),
    ]
    more = {"raw_type": "ap_fixed<16,13>", "type": "ap_fixed<14,9,AP_RND,AP_SAT>"}
    return make.form("autoencoder", era, AXOL1TL, layers, **more)


def plain_autoencoder() -> Form:
    """Other objects, and a distance from the scaled input itself; every mode is used."""
    make = Maker(6)
    size = len(WITH_TAUS)
    types = ("ap_fixed<5,1>", "ap_ufixed<7,3>")
    layers = [
        make.dense(
            *("z", "input", size, 3, *types, "ap_fixed<18,12,AP_RND_ZERO,AP_SAT_SYM>"),
            "ap_fixed<9,6,AP_RND_MIN_INF,AP_SAT>",
        ),
        make.dense(
            *("xhat", "z", 3, size, *types, "ap_fixed<14,9,AP_RND_MIN_INF,AP_SAT_ZERO>"),
            "ap_fixed<10,6,AP_RND_ZERO,AP_WRAP>",
        ),
        {
            "name": "d",
            "kind": "subtract",
            "inputs": ["input", "xhat"],
            "output_type": "ap_fixed<8,6,AP_RND_INF,AP_SAT_ZERO>",
        },
        squares("d", "ap_fixed<22,17,AP_RND_CONV>", "ap_fixed<20,17,AP_TRN,AP_SAT>"),
    ]
    more = {
        "raw_type": "ap_fixed<14,13,AP_RND,AP_SAT>",
        "type": "ap_fixed<9,7,AP_TRN_ZERO,AP_SAT_SYM>",
        "offset_type": "ap_fixed<12,11>",
    }
    return make.form("plain", ERA_3, WITH_TAUS, layers, **more)


def regression() -> Form:
    """A student of sums only, whose score is a linear output that may be negative."""
    make = Maker(7)
    types = ("ap_fixed<8,2>", "ap_fixed<9,5>", "ap_fixed<70,40>")
    layers = [
        make.dense("hidden", "input", 5, 12, *types, "ap_ufixed<12,8>"),
        make.dense("score", "hidden", 12, 1, *types, "ap_fixed<14,10,AP_RND_ZERO,AP_SAT>"),
    ]
    return make.form("regression", ERA_2, SUMS_ONLY, layers)


NETWORKS = {
    "encoder": encoder,
    "autoencoder, era 2": lambda: features_and_autoencoder(ERA_2, 5),
    "autoencoder, era 3": lambda: features_and_autoencoder(ERA_3, 9),
    "plain autoencoder": plain_autoencoder,
    "regression": regression,
}


def write(form: Form, folder: Path, n: int) -> tuple[list[int], list[int]]:
    """Write network, vector and menu; return thresholds and scores."""
    random = Random(n)  # noqa: S311 - no secret
    crossings = [draw_words(random) for _ in range(n)]
    layers = [evaluate_form(form, features(words, form["input"])) for words in crossings]
    scores = [each[form["score"]["layer"]][0] for each in layers]
    limits = [sorted(scores)[int(part * n)] for part in (0.5, 0.9, 0.99)]
    limits.append(max(scores) + 1)
    bits = dict(zip((17, 301, 440, 511), limits, strict=True))
    form["thresholds"] = {
        MENU: {str(bit): {"seed": f"L1_AD_{bit}", "threshold": each} for bit, each in bits.items()},
        "L1Menu_Other": {"17": {"seed": "L1_AD_17", "threshold": limits[0] + 1}},
    }
    raw = [float(each) for each in features(crossings[3], form["input"])]
    form["example"] = {"file": "vector.txt", "line": 4, "raw": raw, "mantissas": layers[3]}
    form["example"]["score"] = scores[3]
    (folder / "form.json").write_text(json.dumps(form))
    text = "".join(
        line(place, words, sum(1 << bit for bit, each in bits.items() if scores[place] >= each))
        for place, words in enumerate(crossings)
    )
    (folder / "vector.txt").write_text(text)
    algorithms = {str(bit): [f"L1_AD_{bit}", "AXO[AXO-MODEL_v9]"] for bit in bits}
    (folder / f"algos_{MENU}.json").write_text(json.dumps(algorithms))
    return limits, scores


@pytest.mark.parametrize("network", NETWORKS)
def test_every_bit_is_reproduced(
    network: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    form = NETWORKS[network]()
    n = 200
    limits, scores = write(form, tmp_path, n)
    assert limits[0] < limits[2], "the thresholds divide the crossings"
    form_file, model = tmp_path / "form.json", tmp_path / "model.json"
    with pytest.raises(SystemExit) as left:
        run(["model", "import", str(form_file), "-o", str(model)])
    assert left.value.code == 0, capsys.readouterr().err
    capsys.readouterr()
    words = ["--with", "bits,reference", "--algorithms", str(tmp_path / f"algos_{MENU}.json")]
    with pytest.raises(SystemExit) as left:
        run(["compare", str(model), str(tmp_path / "vector.txt"), *words, "--json"])
    compared, reference = json.loads(capsys.readouterr().out)
    assert left.value.code == 0, compared
    assert (compared["menu"], compared["n_events"], compared["n_mismatch"]) == (MENU, n, 0)
    assert reference["n_mismatch"] == 0
    fires = [sum(score >= limit for score in scores) for limit in limits]
    assert [each["fires"] for each in compared["thresholds"]] == fires
    assert [each["verdict"] for each in compared["thresholds"]] == ["equal"] * 3 + ["not tested"]
    assert all(each["n_crossings"] for each in compared["inputs"])
