"""L1 objects, features, fixed-point networks, the engine, rates and samples. Knows no torch."""

from __future__ import annotations

from emulator._cache import use_cache_of_these_sources

use_cache_of_these_sources()
