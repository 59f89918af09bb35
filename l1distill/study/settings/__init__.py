"""The study file: what a user writes, checked before anything runs.

Unknown keys and wrong types are refused with their place in the YAML.
"""

from __future__ import annotations

from l1distill.study.settings.evaluation import Comparison, Rates
from l1distill.study.settings.file import load_study
from l1distill.study.settings.samples import FileSet, Samples
from l1distill.study.settings.search import Search, Space
from l1distill.study.settings.study import Study
from l1distill.study.settings.teacher import GivenScores
from l1distill.study.settings.training import Training
from l1distill.study.settings.values import FileName

__all__ = [
    "Comparison",
    "FileName",
    "FileSet",
    "GivenScores",
    "Rates",
    "Samples",
    "Search",
    "Space",
    "Study",
    "Training",
    "load_study",
]
