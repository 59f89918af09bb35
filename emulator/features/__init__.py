"""Features: which hardware integer becomes which network input, and in which era."""

from __future__ import annotations

from emulator.features.layout import Era, Feature, FeatureLayout, load_layout
from emulator.features.rows import (
    FeatureCasts,
    columns_of_layout,
    contents_of_field,
    feature_rows,
    rows_of_columns,
)

__all__ = [
    "Era",
    "Feature",
    "FeatureCasts",
    "FeatureLayout",
    "columns_of_layout",
    "contents_of_field",
    "feature_rows",
    "load_layout",
    "rows_of_columns",
]
