"""What a user chooses about the RTL, beside the network."""

from __future__ import annotations

import re
from dataclasses import dataclass

from emulator.errors import SettingsError


@dataclass(frozen=True, slots=True)
class RtlSettings:
    """Settings of the RTL; none of them changes a bit of the results.

    Parameters
    ----------
    clock_period_ns
        Target period of the clock; decides, with the uncertainty, how many stages the pipeline has.
    clock_uncertainty_percent
        Part of the period that no stage may use.
    part
        Name of the FPGA in the constraints; the default is the VU13P of the CMS Level-1 trigger's
        boards.
    project_name
        Name of the top module; a C identifier.

    Raises
    ------
    SettingsError
        If a value is impossible.

    Examples
    --------
    >>> RtlSettings(clock_period_ns=2.5, clock_uncertainty_percent=20.0).stage_ns
    2.0
    """

    clock_period_ns: float = 5.0
    clock_uncertainty_percent: float = 10.0
    part: str = "xcvu13p-flga2577-2-e"
    project_name: str = "l1network"

    def __post_init__(self) -> None:
        if not 0 < self.clock_period_ns < float("inf"):
            msg = f"clock_period_ns must be positive, got {self.clock_period_ns}"
            raise SettingsError(msg)
        if not 0 <= self.clock_uncertainty_percent < 100:
            msg = (
                f"clock_uncertainty_percent must be 0 to 100, got {self.clock_uncertainty_percent}"
            )
            raise SettingsError(msg)
        # Two underscores would be spelled differently in the names that Verilator makes.
        if not re.fullmatch(r"[A-Za-z](_?[A-Za-z0-9])*", self.project_name, re.ASCII):
            msg = (
                "project_name must be a C identifier without double or final underscores, got "
                f"{self.project_name!r}"
            )
            raise SettingsError(msg)

    @property
    def stage_ns(self) -> float:
        """Longest delay of one pipeline stage."""
        return self.clock_period_ns * (1 - self.clock_uncertainty_percent / 100)
