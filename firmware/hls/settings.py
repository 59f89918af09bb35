"""What a user chooses about an hls4ml project, beside the network."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from emulator.errors import SettingsError

Backend = Literal["Vitis", "Vivado"]
Strategy = Literal["Latency", "Resource", "distributed_arithmetic"]

#: hls4ml's name for weights as shifts and additions; needs the package da4ml.
DISTRIBUTED_ARITHMETIC: Strategy = "distributed_arithmetic"


@dataclass(frozen=True, slots=True)
class Board:
    """Where a network runs: what differs between projects for it.

    Parameters
    ----------
    part
        Name of the FPGA.
    clock_period_ns, clock_uncertainty_percent
        Clock of the logic, and the part of its period that synthesis keeps free.
    """

    part: str
    clock_period_ns: float
    clock_uncertainty_percent: float


#: VU13P: the boards of the CMS Level-1 trigger for the HL-LHC. uGT: the Global Trigger of Run 3, whose
#: networks are synthesised at the clock of the crossings, 25 ns.
BOARDS = {
    "VU13P": Board("xcvu13p-flga2577-2-e", 5.0, 27.0),
    "uGT": Board("xc7vx690t-ffg1927-2", 25.0, 0.0),
}


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
        hls4ml's strategy for dense layers and convolutions.
    reuse_factor
        How many multiplications share a multiplier.
    project_name
        Name of the top function; a C identifier.
    namespace
        C++ namespace of the network, whose weights then stand in the code; none if empty.

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
    namespace: str = ""

    @classmethod
    def for_board(cls, board: str, **chosen: Any) -> HlsSettings:
        """Return the settings for a board of `BOARDS`; what is chosen wins, None is not chosen.

        Raises
        ------
        SettingsError
            If the board is not known, or a value is impossible.

        Examples
        --------
        >>> HlsSettings.for_board("uGT", clock_period_ns=None).clock_period_ns
        25.0
        """
        if board not in BOARDS:
            msg = f"unknown board {board!r}; known: {', '.join(BOARDS)}"
            raise SettingsError(msg)
        given = {name: value for name, value in chosen.items() if value is not None}
        return cls(**{**asdict(BOARDS[board]), **given})

    def __post_init__(self) -> None:
        for name, value, known in (
            ("backend", self.backend, get_args(Backend)),
            ("strategy", self.strategy, get_args(Strategy)),
        ):
            if value not in known:
                msg = f"unknown {name} {value!r}; known: {', '.join(known)}"
                raise SettingsError(msg)
        if not 0 < self.clock_period_ns < float("inf"):
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
        if self.strategy == DISTRIBUTED_ARITHMETIC and self.reuse_factor != 1:
            msg = f"distributed_arithmetic shares no multipliers: reuse_factor must be 1, got {self.reuse_factor}"
            raise SettingsError(msg)
        self._check_names()

    def _check_names(self) -> None:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9.-]*", self.part):
            msg = f"part must be the name of an FPGA like {BOARDS['VU13P'].part}, got {self.part!r}"
            raise SettingsError(msg)
        for name, value in (("project_name", self.project_name), ("namespace", self.namespace)):
            identifier = re.fullmatch(r"[A-Za-z]\w*", value, re.ASCII)
            if not identifier and (value or name == "project_name"):
                msg = f"{name} must be a C identifier, got {value!r}"
                raise SettingsError(msg)
