"""The arithmetic headers of a project, made fast for C-simulation: the same numbers, four times sooner."""

from __future__ import annotations

from pathlib import Path

#: Which header of hls4ml's ``ap_types``, inside a project.
HEADER = Path("firmware", "ap_types", "etc", "ap_private.h")

# Cuts a number to its width after each operation. It is declared for volatile objects only, so that
# the compiler must store and load every number around it. None of ours is volatile.
_SLOW = "INLINE void clearUnusedBits(void) volatile"
_FAST = """\
INLINE void clearUnusedBits(void) volatile { const_cast<ap_private *>(this)->clearUnusedBits(); }
  INLINE void clearUnusedBits(void)"""


def speed_up_ap_types(project: Path) -> int:
    """Let the compiler keep numbers in registers; a header of another form is left as it is.

    Parameters
    ----------
    project
        Folder of an hls4ml project.

    Returns
    -------
    How many places were changed; two in hls4ml 1.3.0.
    """
    header = project / HEADER
    text = header.read_text(encoding="utf-8")
    header.write_text(text.replace(_SLOW, _FAST), encoding="utf-8")
    return text.count(_SLOW)
