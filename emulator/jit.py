"""All options of numba in one place: nothing else in the project calls ``numba.njit``.

``fastmath`` stays off: the kernels are exact, and where floats are used (samples) their results
must not depend on how a compiler reorders them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")


def kernel(function: F) -> F:
    """Compile a function that Python calls; it runs without the GIL and is cached on disk."""
    return cast("F", numba.njit(cache=True, nogil=True)(function))


def inline_kernel(function: F) -> F:
    """Compile a small function that only kernels call; it is inlined into its caller."""
    return cast("F", numba.njit(cache=True, nogil=True, inline="always")(function))
