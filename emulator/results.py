"""Base of the records that commands return and that ``results.json`` holds.

A record is a frozen dataclass of plain values (numbers, text, tuples, other records). Lists of
records become a pandas table with one row per record.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd


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
    import pandas as pd  # 40 MB, which processes that only decode do not need

    return pd.DataFrame([record.as_dict() for record in records])


def plain_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as plain values; what a row does not have (NaN) is left out.

    Examples
    --------
    >>> import pandas as pd
    >>> plain_rows(pd.DataFrame({"run": [1, 2], "rate_khz": [0.5, float("nan")]}))
    [{'run': 1, 'rate_khz': 0.5}, {'run': 2}]
    """
    return [
        {
            str(name): value.item() if hasattr(value, "item") else value
            for name, value in row.items()
            if value == value  # noqa: PLR0124 - NaN
        }
        for row in frame.to_dict("records")
    ]
