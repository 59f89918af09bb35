"""Write the page of costs: ``python -m firmware.cost docs/cost.md``."""

from __future__ import annotations

import sys

from emulator.files import replace_file
from firmware.cost.page import cost_page

if __name__ == "__main__":
    with replace_file(sys.argv[1]) as temporary:
        temporary.write_text(cost_page(), encoding="utf-8")
