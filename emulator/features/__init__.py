"""Features: which hardware integer becomes which network input, and in which era."""

from __future__ import annotations

from emulator.features.layout import Era, Feature, FeatureLayout, load_layout
from emulator.features.rows import feature_rows

__all__ = ["Era", "Feature", "FeatureLayout", "feature_rows", "load_layout"]
