"""Simulated samples: Pythia pools, pile-up crossings, the parametric Level-1 response, files.

Importing this package needs neither Pythia nor a compiled kernel: names are loaded when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulator.samples.content import ContentHash, events_sha256
    from emulator.samples.detector import ResponseSettings, load_response
    from emulator.samples.manifest import (
        SampleFile,
        SampleManifest,
        StratumRecord,
        load_manifest,
        save_manifest,
    )
    from emulator.samples.production import generate
    from emulator.samples.settings import GeneratorSettings, Process, load_generator
    from emulator.samples.tiers import SignalSize, Tier, load_tier

__all__ = [
    "ContentHash",
    "GeneratorSettings",
    "Process",
    "ResponseSettings",
    "SampleFile",
    "SampleManifest",
    "SignalSize",
    "StratumRecord",
    "Tier",
    "events_sha256",
    "generate",
    "load_generator",
    "load_manifest",
    "load_response",
    "load_tier",
    "save_manifest",
]

_HOMES = {
    "content": ("ContentHash", "events_sha256"),
    "detector": ("ResponseSettings", "load_response"),
    "production": ("generate",),
    "manifest": (
        "SampleFile",
        "SampleManifest",
        "StratumRecord",
        "load_manifest",
        "save_manifest",
    ),
    "settings": ("GeneratorSettings", "Process", "load_generator"),
    "tiers": ("SignalSize", "Tier", "load_tier"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
