"""Base of the records that commands return and that ``results.json`` holds.

A record is a frozen dataclass of plain values (numbers, text, tuples, other records). Lists of
records become a pandas table with one row per record.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Record:
    """A frozen result record.

    Examples
    --------
    >>> @dataclass(frozen=True, slots=True)
    ... class Rate(Record):
    ...     seed: str
    ...     rate_khz: float
    >>> Rate("L1_SingleMu22", 8.2).as_dict()
    {'seed': 'L1_SingleMu22', 'rate_khz': 8.2}
    """

    def as_dict(self) -> dict[str, Any]:
        """Return the record as nested dictionaries of plain values, ready for JSON."""
        return asdict(self)


def table(records: Iterable[Record]) -> pd.DataFrame:
    """Return records as a table, one row each.

    Parameters
    ----------
    records
        Records of one type.

    Returns
    -------
    A frame whose columns are the fields of the records, in their order.
    """
    return pd.DataFrame([record.as_dict() for record in records])
