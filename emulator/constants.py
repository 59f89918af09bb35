"""Numbers of the LHC that no configuration changes. Scales, multiplicities and scenarios are data."""

from __future__ import annotations

from typing import Final

#: Revolution frequency of a proton bunch in the LHC, Hz (LHC Design Report, CERN-2004-003).
REVOLUTION_FREQUENCY_HZ: Final = 11_245.6

#: Places for bunches in one orbit; a crossing number lies in ``range(BUNCH_PLACES)``.
BUNCH_PLACES: Final = 3_564

#: Crossing weights are integers in units of ``2**-WEIGHT_FRACTION_BITS``, so that sums do not
#: depend on the order of adding.
WEIGHT_FRACTION_BITS: Final = 32
