"""What a model file says, and the identity of the network in it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from emulator.errors import ModelFileError
from emulator.graph.codec import graph_to_plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emulator.features import FeatureLayout
    from emulator.graph import Graph

#: Name and version of the form; a file of another version is refused.
SCHEMA = "l1distill-model/1"


@dataclass(frozen=True, slots=True)
class NamedThreshold:
    """A named integer threshold: the seed fires if ``score >= threshold``.

    Parameters
    ----------
    name
        Name of the working point or of the seed.
    threshold
        Raw of the score's format.
    target_khz
        Rate that the threshold was set for; None if it was given.
    scenario
        Name of the rate scenario in which the target holds; empty if it was given.
    sample_sha256
        Content hash of the crossings on which it was set; empty if it was given.
    menu, seed, bit
        The menu of the experiment that uses it, the name of the seed there, and its algorithm bit;
        empty and None if it belongs to no menu.
    """

    name: str
    threshold: int
    target_khz: float | None = None
    scenario: str = ""
    sample_sha256: str = ""
    menu: str = ""
    seed: str = ""
    bit: int | None = None


@dataclass(frozen=True)
class Model:
    """A network with all that is needed to decide on L1 objects.

    Parameters
    ----------
    name
        For people; the identity is `network_sha256`.
    layout
        Which hardware integers are the inputs, in which era.
    graph
        The network; its input has one element for each feature.
    score
        Name of an output of the graph with one element.
    thresholds
        Annotations; they do not change the identity.
    provenance
        Plain values: where the network comes from.

    Raises
    ------
    ModelFileError
        If the score is no output of size 1, the layout has another number of features than the
        input or counts them in other steps, or two thresholds share a name.
    """

    name: str
    layout: FeatureLayout
    graph: Graph
    score: str
    thresholds: tuple[NamedThreshold, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.score not in self.graph.outputs:
            outputs = ", ".join(self.graph.outputs)
            msg = f"model {self.name!r}: the score {self.score!r} is no output of the graph ({outputs})"
            raise ModelFileError(msg)
        size = self.graph.tensors[self.score].size
        if size != 1:
            msg = f"model {self.name!r}: the score {self.score!r} has {size} elements, needs 1"
            raise ModelFileError(msg)
        if len(self.layout) != self.graph.input.size:
            msg = (
                f"model {self.name!r}: layout {self.layout.name!r} has {len(self.layout)} features, "
                f"the network takes {self.graph.input.size}"
            )
            raise ModelFileError(msg)
        if (
            self.layout.era.fraction
            and self.layout.era.fraction != self.graph.input.format.fraction
        ):
            msg = (
                f"model {self.name!r}: in its era features have {self.layout.era.fraction} fraction "
                f"bits, the network's input is {self.graph.input.format}"
            )
            raise ModelFileError(msg)
        names = [threshold.name for threshold in self.thresholds]
        if len(set(names)) != len(names):
            msg = f"model {self.name!r}: two thresholds share a name ({', '.join(names)})"
            raise ModelFileError(msg)

    @cached_property
    def network_sha256(self) -> str:
        """Hash of the canonical JSON of layout, graph and score: what decides, and nothing else."""
        identity = {
            "graph": graph_to_plain(self.graph),
            "layout": self.layout.as_dict(),
            "score": self.score,
        }
        text = json.dumps(identity, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def with_thresholds(self, thresholds: Sequence[NamedThreshold]) -> Model:
        """Return the same network with other thresholds."""
        return replace(self, thresholds=tuple(thresholds))
