"""Menus of the Global Trigger: their seeds, parsed and evaluated on hardware integers."""

from __future__ import annotations

from emulator.menu.agreement import (
    AgreementSummary,
    MenuAgreement,
    SeedAgreement,
    summarize,
)
from emulator.menu.cuts import AbsentInputError, UnsupportedSeedError
from emulator.menu.evaluate import SeedEvaluator
from emulator.menu.grammar import ExpressionError, parse_expression
from emulator.menu.menu import Menu, Seed, load_menu
from emulator.menu.rules import SeedRules

__all__ = [
    "AbsentInputError",
    "AgreementSummary",
    "ExpressionError",
    "Menu",
    "MenuAgreement",
    "Seed",
    "SeedAgreement",
    "SeedEvaluator",
    "SeedRules",
    "UnsupportedSeedError",
    "load_menu",
    "parse_expression",
    "summarize",
]
