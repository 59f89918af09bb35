"""Names of the engine's kernels, for whoever asks for one without the engine, which takes long to import."""

from __future__ import annotations

from typing import Literal, get_args

#: What can be asked for. ``dot8``, ``dot16``, ``dot32``: dense layers multiply four, two or one integers in
#: a 32-bit lane; ``tiles32``, ``tiles64``: the general kernels; ``python``: the reference.
KernelName = Literal["dot8", "dot16", "dot32", "tiles32", "tiles64", "python"]
KERNELS: tuple[KernelName, ...] = get_args(KernelName)
