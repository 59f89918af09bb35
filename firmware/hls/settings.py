"""What a user chooses about an hls4ml project, beside the network."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from emulator.errors import SettingsError

Backend = Literal["Vitis", "Vivado"]
Strategy = Literal["Latency", "Resource"]


@dataclass(frozen=True, slots=True)
class HlsSettings:
    """Settings of an hls4ml project; none of them changes a bit of the results.

    Parameters
    ----------
    backend
        Which tool flow the project is written for.
    part
        Name of the FPGA; the default is the VU13P of the CMS Level-1 trigger's boards.
    clock_period_ns
        Target period of the clock.
    clock_uncertainty_percent
        Part of the period that synthesis keeps free.
    strategy
        hls4ml's strategy for dense layers.
    reuse_factor
        How many multiplications share a multiplier.
    project_name
        Name of the top function; a C identifier.

    Raises
    ------
    SettingsError
        If a value is impossible.

    Examples
    --------
    >>> HlsSettings(clock_period_ns=2.5).backend
    'Vitis'
    """

    backend: Backend = "Vitis"
    part: str = "xcvu13p-flga2577-2-e"
    clock_period_ns: float = 5.0
    clock_uncertainty_percent: float = 27.0
    strategy: Strategy = "Latency"
    reuse_factor: int = 1
    project_name: str = "l1network"

    def __post_init__(self) -> None:
        for name, value, known in (
            ("backend", self.backend, get_args(Backend)),
            ("strategy", self.strategy, get_args(Strategy)),
        ):
            if value not in known:
                msg = f"unknown {name} {value!r}; known: {', '.join(known)}"
                raise SettingsError(msg)
        if not self.clock_period_ns > 0:
            msg = f"clock_period_ns must be positive, got {self.clock_period_ns}"
            raise SettingsError(msg)
        if not 0 <= self.clock_uncertainty_percent < 100:
            msg = (
                f"clock_uncertainty_percent must be 0 to 100, got {self.clock_uncertainty_percent}"
            )
            raise SettingsError(msg)
        if self.reuse_factor < 1:
            msg = f"reuse_factor must be at least 1, got {self.reuse_factor}"
            raise SettingsError(msg)
        if not re.fullmatch(r"[A-Za-z]\w*", self.project_name, re.ASCII):
            msg = f"project_name must be a C identifier, got {self.project_name!r}"
            raise SettingsError(msg)
