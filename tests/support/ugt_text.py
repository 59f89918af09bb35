"""Lines of test vectors of the Global Trigger, by hand and at random."""

from __future__ import annotations

from hypothesis import strategies as st

from emulator.objects.ugt_lines import COLUMN_WIDTHS


def line(crossing: int = 0, /, **words: str) -> str:
    """Return a line by hand: all columns zero but those given, as ``c2="00..."``."""
    columns_ = [f"{crossing:04d}"] + ["0" * width for width in COLUMN_WIDTHS[1:]]
    for name, text in words.items():
        columns_[int(name[1:]) - 1] = text
    return " ".join(columns_) + "\n"


@st.composite
def texts(draw: st.DrawFn, most: int = 4) -> bytes:
    """Any bits at all in every column but the first and the last."""
    lines = []
    start = draw(st.integers(0, 3564 - most))
    for place in range(draw(st.integers(1, most))):
        words = [
            f"{draw(st.integers(0, 16**width - 1)):0{width}x}" for width in COLUMN_WIDTHS[1:-1]
        ]
        lines.append(f"{start + place:04d} {' '.join(words)} {draw(st.integers(0, 1))}\n")
    return "".join(lines).encode()
