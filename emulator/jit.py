"""All options of numba in one place: nothing else in the project calls ``numba.njit``.

``fastmath`` stays off: the kernels are exact, and where floats are used (samples) their results
must not depend on how a compiler reorders them.

The processor that numba compiles for is fixed when it starts: the host, or what ``NUMBA_CPU_NAME``
and ``NUMBA_CPU_FEATURES`` name. Kernels that are written in vectors of a certain length ask
`target_features`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba
from llvmlite import binding
from numba.core import entrypoints, types
from numba.extending import intrinsic as numba_intrinsic

from emulator._cache import use_cache_of_these_sources

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")

use_cache_of_these_sources()


def kernel(function: F) -> F:
    """Compile a function that Python calls; it runs without the GIL and is cached on disk."""
    return cast("F", numba.njit(cache=True, nogil=True)(function))


def inline_kernel(function: F) -> F:
    """Compile a small function that only kernels call; it is inlined into its caller."""
    return cast("F", numba.njit(cache=True, nogil=True, inline="always")(function))


def intrinsic(function: Callable[..., Any]) -> Callable[..., None]:
    """Make a function that only kernels call, from instructions that Python code emits.

    The function takes the compiler's context and names its arguments; it returns `instructions`.
    """
    return cast("Callable[..., None]", numba_intrinsic(function))


def instructions(arity: int, emit: Callable[..., None]) -> tuple[Any, Any]:
    """Return what an intrinsic of ``arity`` 64-bit integers (addresses among them) must return.

    ``emit`` gets an LLVM builder and the arguments.
    """

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        emit(builder, *arguments)
        return context.get_dummy_value()

    return types.void(*([types.int64] * arity)), code


def without_extensions() -> None:
    """Do not load what other libraries add to numba; for processes in which only our own kernels run.

    Before it compiles, or loads, its first kernel numba imports all that installed libraries register
    (awkward, vector and with it sympy): most of a second, for types that no kernel here knows.
    """
    entrypoints._already_initialized = True


def target_features() -> frozenset[str]:
    """Return what the processor that numba compiles for can do, in LLVM's names.

    Examples
    --------
    >>> isinstance(target_features(), frozenset)
    True
    """
    given = os.environ.get("NUMBA_CPU_FEATURES")
    if given is not None:
        parts = (part.strip() for part in given.split(","))
        return frozenset(part[1:] for part in parts if part.startswith("+"))
    return frozenset(name for name, has in binding.get_host_cpu_features().items() if has)
