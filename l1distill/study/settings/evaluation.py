"""How the networks are judged: rates, and the executions that must agree."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, field_validator, model_validator

from emulator.errors import L1Error, SettingsError
from emulator.objects.quantities import Binning
from firmware.hls.settings import HlsSettings, Strategy
from firmware.rtl.settings import RtlSettings
from l1distill.menu_file import MINI
from l1distill.settings_file import Section
from l1distill.study.roles import MEASURING, SETTING


class Rates(Section):
    """Working points and errors."""

    targets_khz: Annotated[list[PositiveFloat], Field(min_length=1)] = Field(
        default_factory=lambda: [1.0, 5.0, 10.0]
    )
    replicas: Annotated[int, Field(ge=20, le=2000)] = 200
    float_fraction_bits: Annotated[int, Field(ge=0, le=30)] = 12
    menu: str = MINI
    by: list[str] = Field(default_factory=list)
    turn_on: list[str] = Field(default_factory=list)

    def binnings(self, sample: str) -> tuple[Binning, ...]:
        """Return the quantities in whose bins a sample is rated."""
        if sample == SETTING:
            return ()
        texts = self.by if sample == MEASURING else self.turn_on
        return tuple(Binning.parse(text) for text in texts)

    @field_validator("by", "turn_on")
    @classmethod
    def _quantities(cls, texts: list[str]) -> list[str]:
        try:
            names = [Binning.parse(text).name for text in texts]
        except SettingsError as error:
            raise ValueError(str(error)) from error
        if twice := {name for name in names if names.count(name) > 1}:
            msg = f"two quantities are called {min(twice)!r}"
            raise ValueError(msg)
        return texts

    @model_validator(mode="after")
    def _each_target_once(self) -> Rates:
        # Thresholds are named after their targets.
        names = [f"{target:g}" for target in self.targets_khz]
        if len(set(names)) < len(names):
            msg = f"two of the targets {', '.join(names)} kHz have the same name"
            raise ValueError(msg)
        return self


class Comparison(Section):
    """Which executions the engine is compared with, on all measuring crossings or the first ones.

    ``estimates`` asks further programs what the student costs, beside the quick estimate. The rest is of
    the HLS project; ``part`` and ``clock_period_ns`` are those of ``board`` if omitted.
    """

    n_crossings: PositiveInt | None = None
    against: list[Literal["reference", "csim", "rtl"]] = ["reference", "csim"]  # noqa: RUF012
    estimates: list[Literal["alkaid", "yosys"]] = []  # noqa: RUF012
    backend: Literal["Vitis", "Vivado"] = "Vitis"
    strategy: Strategy = "Latency"
    reuse_factor: PositiveInt = 1
    board: Literal["VU13P", "uGT"] = "VU13P"
    part: str | None = None
    clock_period_ns: PositiveFloat | None = None

    @model_validator(mode="after")
    def _possible(self) -> Comparison:
        try:
            self.hls_settings()
        except L1Error as error:
            raise ValueError(str(error)) from error
        return self

    def hls_settings(self) -> HlsSettings:
        """Return the settings of the HLS project."""
        return HlsSettings.for_board(
            self.board,
            backend=self.backend,
            strategy=self.strategy,
            reuse_factor=self.reuse_factor,
            part=self.part,
            clock_period_ns=self.clock_period_ns,
        )

    def rtl_settings(self) -> RtlSettings:
        """Return the settings of the RTL, for the same part and clock."""
        hls = self.hls_settings()
        return RtlSettings(part=hls.part, clock_period_ns=hls.clock_period_ns)
