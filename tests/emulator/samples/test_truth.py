"""Generated objects beside the deposits of Pythia's events."""

from __future__ import annotations

import sys

import awkward as ak
import numpy as np
import pytest

from emulator.errors import L1Error
from emulator.samples import load_generator
from emulator.samples.pythia import Batch, Generator
from emulator.samples.truth import (
    ELECTRON,
    JET,
    MET,
    MUON,
    TAU,
    generated_objects,
    join_truth,
    no_truth,
)


@pytest.fixture(scope="module")
def batch() -> Batch:
    """Higgs bosons of 60 GeV to two taus; the first 60 of 80 events looked at."""
    pytest.importorskip("pythia8mc")
    pytest.importorskip("fastjet")
    generator = load_generator()
    return next(Generator(generator, generator.process("h0tautau"), 7).batches(80, 60))


def test_only_the_first_events_are_looked_at(batch: Batch) -> None:
    truth = batch.truth
    assert truth.known.tolist() == [True] * 60 + [False] * 20
    assert truth.event.max() < 60
    assert (np.diff(truth.event) >= 0).all()


def test_leptons_are_final_particles(batch: Batch) -> None:
    pt, eta, kind = (
        np.asarray(getattr(batch.particles, name)) for name in ("pt_gev", "eta", "kind")
    )
    stop = batch.particles.offsets[60]
    for mine, theirs in ((ELECTRON, 1), (MUON, 6)):
        select = (kind[:stop] == theirs) & (pt[:stop] >= 3.0) & (np.abs(eta[:stop]) < 5.0)
        objects = batch.truth.objects[batch.truth.objects[:, 0] == mine]
        np.testing.assert_allclose(np.sort(objects[:, 1]), np.sort(pt[:stop][select]), rtol=1e-5)


def test_jets_are_those_of_the_definition(batch: Batch) -> None:
    """Whatever lies within 0.4 of an isolated hard jet adds up to it."""
    p, truth = batch.particles, batch.truth
    jets = truth.objects[truth.objects[:, 0] == JET]
    owner = truth.event[truth.objects[:, 0] == JET]
    lead = int(np.argmax(jets[:, 1]))
    rows = slice(p.offsets[owner[lead]], p.offsets[owner[lead] + 1])
    d_phi = (p.phi[rows] - jets[lead, 3] + np.pi) % (2 * np.pi) - np.pi
    near = np.hypot(p.eta[rows] - jets[lead, 2], d_phi) < 0.4
    visible = ~np.isin(p.kind[rows], (6, 7))
    x = (p.pt_gev[rows] * np.cos(p.phi[rows]))[near & visible].sum()
    y = (p.pt_gev[rows] * np.sin(p.phi[rows]))[near & visible].sum()
    assert np.hypot(x, y) == pytest.approx(jets[lead, 1], rel=0.15)


def test_taus_and_missing_momentum(batch: Batch) -> None:
    truth = batch.truth
    taus = truth.objects[truth.objects[:, 0] == TAU]
    # 65 % of 120 taus decay into hadrons, most with more than 3 GeV inside the acceptance.
    assert 40 < len(taus) < 85
    assert 8.0 < np.median(taus[:, 1]) < 30.0
    missing = truth.objects[truth.objects[:, 0] == MET]
    assert len(missing) == 60
    assert missing[:, 1].max() > 20.0


def test_hand_made_tau() -> None:
    """A tau of 40 GeV to a neutrino of 15 GeV and a pion, another to an electron."""
    pytest.importorskip("fastjet")

    def particle(number: int, status: int, mother: int, px: float, py: float) -> dict[str, object]:
        p = {"px": px, "py": py, "pz": 0.0, "e": float(np.hypot(px, py))}
        return {"id": number, "status": status, "mother1": mother, "p": p}

    event = [
        particle(90, -11, 0, 0.0, 0.0),
        particle(15, -23, 0, 40.0, 0.0),
        particle(16, 91, 1, 15.0, 0.0),
        particle(-211, 91, 1, 25.0, 0.0),
        particle(-15, -23, 0, 0.0, 30.0),
        particle(-16, 91, 4, 0.0, 6.0),
        particle(-11, 91, 4, 0.0, 20.0),
        particle(12, 91, 4, 0.0, 4.0),
    ]
    truth = generated_objects(ak.Array([{"prt": event}]), 1)
    rows = {int(row[0]): row[1:3].tolist() for row in truth.objects if row[0] != JET}
    assert rows[TAU][0] == pytest.approx(25.0)
    assert rows[ELECTRON][0] == pytest.approx(20.0)
    assert rows[MET][0] == pytest.approx(np.hypot(15.0, 10.0))
    jets = truth.objects[truth.objects[:, 0] == JET]
    assert sorted(jets[:, 1].tolist()) == pytest.approx([20.0, 25.0])


def test_parts_join(batch: Batch) -> None:
    both = join_truth([no_truth(5), batch.truth])
    assert both.known.sum() == 60
    np.testing.assert_array_equal(both.event, batch.truth.event + 5)


def test_banner_of_fastjet_stays_out_of_the_output(
    batch: Batch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Standard output of a command may be JSON. Looked at in a process of its own."""
    import subprocess

    code = (
        "import awkward as ak; from emulator.samples.truth import generated_objects as g;"
        "p = {'id': 211, 'status': 1, 'mother1': 0, 'p': {'px': 20., 'py': 0., 'pz': 0., 'e': 20.}};"
        "print(len(g(ak.Array([{'prt': [p]}]), 1).objects))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["2"]


def test_without_fastjet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastjet", None)
    p = {"px": 20.0, "py": 0.0, "pz": 0.0, "e": 20.0}
    events = ak.Array([{"prt": [{"id": 211, "status": 1, "mother1": 0, "p": p}]}])
    with pytest.raises(L1Error, match=r"pip install 'l1distill\[samples\]'"):
        generated_objects(events, 1)
