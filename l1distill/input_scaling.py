"""How hardware integers become the numbers that a network of another program was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from distill.scaling import InputScaling
from emulator.errors import FormatError, InputFileError, SettingsError
from emulator.fixed import FixedFormat

if TYPE_CHECKING:
    from emulator.features import FeatureLayout

_KEYS = ("format", "offset", "shift")


def read_scaling(
    source: str | Path, layout: FeatureLayout, own_format: FixedFormat | None
) -> InputScaling:
    r"""Read a file of offsets and shifts: a network sees ``(integer - offset) / 2**shift``.

    Parameters
    ----------
    source
        YAML or JSON with ``offset`` and ``shift``, each one integer, a list with one for each feature, or a
        mapping from fields (``pt``) to integers, 0 for those that it leaves out; and ``format``, the type
        to which the scaled inputs are cast.
    layout
        The features.
    own_format
        Type of the network's own input, where its file states one; ``format`` may then be left out.

    Raises
    ------
    InputFileError
        If the file is missing or no YAML.
    SettingsError
        If a key or number is missing, unknown or impossible; the message names it.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from emulator.features import Feature, FeatureLayout
    >>> two = FeatureLayout("two", (Feature("jet", 0, "pt"), Feature("jet", 0, "eta")))
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "scaling.yaml"
    ...     _ = path.write_text("{format: 'fixed<10,7>', offset: {pt: 20}, shift: [4, 2]}")
    ...     read_scaling(path, two, None).offsets
    (20, 0)
    """
    path = Path(source)
    try:
        plain = yaml.safe_load(path.read_bytes())
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error})"
        raise InputFileError(path, problem) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InputFileError(path, f"is no valid YAML ({' '.join(str(error).split())})") from error
    if not isinstance(plain, dict) or not set(plain) <= set(_KEYS):
        found = ", ".join(map(str, plain)) if isinstance(plain, dict) else f"{plain!r:.40}"
        msg = f"{path}: takes the keys {', '.join(_KEYS)}, found {found}"
        raise SettingsError(msg)
    return InputScaling(
        _numbers(path, plain, "offset", layout),
        _numbers(path, plain, "shift", layout),
        _format(path, plain, own_format),
    )


def _format(path: Path, plain: dict[str, Any], own_format: FixedFormat | None) -> FixedFormat:
    if "format" not in plain:
        if own_format is None:
            msg = f"{path}: needs format, the network's file does not state the type of its inputs"
            raise SettingsError(msg)
        return own_format
    try:
        return FixedFormat.parse(str(plain["format"]))
    except FormatError as error:
        msg = f"{path}: format: {error}"
        raise SettingsError(msg) from error


def _numbers(path: Path, plain: dict[str, Any], key: str, layout: FeatureLayout) -> tuple[int, ...]:
    given = plain.get(key, 0)
    fields = [feature.field for feature in layout.features]
    if isinstance(given, dict):
        unknown = [name for name in given if name not in fields]
        if unknown:
            known = ", ".join(dict.fromkeys(fields))
            msg = f"{path}: {key}: the layout has no field {unknown[0]!r}; it has {known}"
            raise SettingsError(msg)
        numbers = [given.get(field, 0) for field in fields]
    else:
        numbers = given if isinstance(given, list) else [given] * len(fields)
    if len(numbers) != len(fields):
        msg = f"{path}: {key}: has {len(numbers)} numbers for {len(fields)} features"
        raise SettingsError(msg)
    wrong = [one for one in numbers if not isinstance(one, int) or isinstance(one, bool)]
    if wrong:
        msg = f"{path}: {key}: {wrong[0]!r} is no integer"
        raise SettingsError(msg)
    return tuple(numbers)
