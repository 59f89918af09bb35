"""Which object, slot and field becomes which network input, and by the rules of which era."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, cast, get_args

import yaml

from emulator.errors import InputFileError, MissingNameError, SettingsError
from emulator.fixed import FixedFormat
from emulator.objects import REQUIRED_FIELDS, known_fields, load_scales
from emulator.objects.reader import Order

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.objects import FileSummary

T = TypeVar("T")
PtRule = Literal["hardware", "halved", "exact_half"]
MuonPosition = Literal["measured", "vertex"]

#: A field that is the constant 0 (the place of an eta that a sum does not have).
ZERO: Final = "zero"


@dataclass(frozen=True, slots=True)
class Feature:
    """One input: a field of the object in a slot; slot 0 is the first object of its collection.

    ``field`` is a field of the events array, or ``zero``. Of a muon, ``eta`` is the one at the
    vertex and ``phi`` the one that the era names.

    Examples
    --------
    >>> str(Feature("jet", 2, "pt"))
    'jet[2].pt'
    """

    object: str
    slot: int
    field: str

    def __str__(self) -> str:
        return f"{self.object}[{self.slot}].{self.field}"


@dataclass(frozen=True, slots=True)
class Era:
    """How the experiment filled the inputs at the time.

    Attributes
    ----------
    pt
        ``hardware``: the hardware integer. ``halved``: integer half of it, the last bit is lost
        (CMS's emulator until January 2026). ``exact_half``: half of it, the last bit kept (its emulator
        since then, and its firmware): all features are then counted in halves. The muon's +1 stays
        in: 23 becomes 11, or 11.5.
    muon_position
        Which phi a muon has: ``measured`` in the muon system (CMS until cmssw#47564), or
        extrapolated to the ``vertex``.
    muon_eta
        Which eta it has. The one at the vertex in every era that is known; the Global Trigger's
        words hold no other.
    """

    pt: PtRule = "hardware"
    muon_position: MuonPosition = "vertex"
    muon_eta: MuonPosition = "vertex"

    @property
    def fraction(self) -> int:
        """Fraction bits of the features: the rows hold ``value * 2**fraction``."""
        return 1 if self.pt == "exact_half" else 0

    def source_field(self, feature: Feature) -> str:
        """Return the field of the events array that a feature reads (not for ``zero``).

        Examples
        --------
        >>> Era(muon_position="measured").source_field(Feature("mu", 0, "phi"))
        'phi'
        >>> Era().source_field(Feature("mu", 0, "phi"))
        'phi_vtx'
        """
        positions = {"phi": self.muon_position, "eta": self.muon_eta}
        if feature.object == "mu" and positions.get(feature.field) == "vertex":
            return f"{feature.field}_vtx"
        return feature.field

    def as_dict(self) -> dict[str, str]:
        """Return the rules as plain values, as model files hold them."""
        plain = asdict(self)
        if self.muon_eta == "vertex":  # said only where needed, so that older hashes hold
            del plain["muon_eta"]
        return plain


@dataclass(frozen=True, slots=True)
class FeatureLayout:
    """The inputs of a network, in order.

    ``order`` says how the objects must stand in the events: in falling ``pt``, or in ``readout``
    order, as the trigger sends them to the network (its muons are not always in falling pt).

    Raises
    ------
    SettingsError
        If an object or field does not exist, a slot is beyond the trigger's multiplicity, a feature
        comes twice, or there is none.

    Examples
    --------
    >>> layout = FeatureLayout("two", (Feature("htt", 0, "pt"), Feature("mu", 0, "phi")))
    >>> FeatureLayout.from_dict(layout.as_dict()) == layout
    True
    """

    name: str
    features: tuple[Feature, ...]
    era: Era = Era()
    order: Order = "pt"

    def __post_init__(self) -> None:
        where = f"layout {self.name!r}"
        _check_choice(self.order, Order, f"{where}: order")
        _check_choice(self.era.pt, PtRule, f"{where}: era.pt")
        _check_choice(self.era.muon_position, MuonPosition, f"{where}: era.muon_position")
        _check_choice(self.era.muon_eta, MuonPosition, f"{where}: era.muon_eta")
        if not self.features:
            msg = f"{where}: it has no features"
            raise SettingsError(msg)
        seen: set[Feature] = set()
        for number, feature in enumerate(self.features):
            _check_feature(feature, f"{where}: features[{number}]")
            if feature in seen and feature.field != ZERO:
                msg = f"{where}: features[{number}]: {feature} comes twice"
                raise SettingsError(msg)
            seen.add(feature)

    def __len__(self) -> int:
        return len(self.features)

    @property
    def inputs(self) -> tuple[tuple[str, str], ...]:
        """Pairs (collection, field) of the events array that are read, each once, in order."""
        pairs = [(f.object, self.era.source_field(f)) for f in self.features if f.field != ZERO]
        return tuple(dict.fromkeys(pairs))

    @property
    def format(self) -> FixedFormat:
        """The narrowest signed type that holds every feature of every crossing.

        Examples
        --------
        >>> FeatureLayout("one", (Feature("jet", 0, "pt"),), Era(pt="exact_half")).format
        fixed<12,11>
        """
        lowest = min(low for low, _ in self.ranges)
        highest = max(high for _, high in self.ranges)
        width = 1 + max((~lowest).bit_length(), highest.bit_length())
        return FixedFormat(width, width - self.era.fraction)

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """The lowest and the highest raw of each feature of any crossing; 0, of a missing object, is one.

        Examples
        --------
        >>> FeatureLayout("one", (Feature("jet", 0, "eta"),)).ranges
        ((-128, 127),)
        """
        found = []
        for feature in self.features:
            low, high = 0, 0
            if feature.field != ZERO:
                scale = load_scales().field(feature.object, self.era.source_field(feature))
                down, up = self.steps(feature.field)
                low = min(low, (scale.minimum << up) >> down)
                high = max(high, (scale.maximum << up) >> down)
            found.append((low, high))
        return tuple(found)

    def steps(self, field: str) -> tuple[int, int]:
        """Return by how many bits a field is shifted right, and left, to become a feature."""
        down = int(field == "pt" and self.era.pt == "halved")
        return down, int(field != "pt") * self.era.fraction

    def missing_in(self, summary: FileSummary) -> tuple[str, ...]:
        """Return the fields, as ``mu.phi``, that a file would need but does not have."""
        present = {(part.name, field.name) for part in summary.collections for field in part.fields}
        return tuple(
            f"{name}.{field}" for name, field in self.inputs if (name, field) not in present
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the layout as plain values, as model files hold it."""
        plain: dict[str, Any] = {"name": self.name, "era": self.era.as_dict()}
        if self.order != "pt":  # said only where needed, so that the hashes of older files hold
            plain["order"] = self.order
        return {**plain, "features": [asdict(feature) for feature in self.features]}

    @classmethod
    def from_dict(cls, content: Any, *, where: str = "layout") -> FeatureLayout:
        """Build a layout from plain values.

        Parameters
        ----------
        content
            ``name``, ``era``, ``order``, and either ``features`` (as `as_dict` gives them) or ``blocks``: each
            an ``object``, a number of ``slots`` and the ``fields`` of each slot.
        where
            Where the content comes from, for messages.

        Raises
        ------
        SettingsError
            If a key is missing, unknown or of the wrong type; the message names its place.
        """
        top = _mapping(content, where, {"name", "era", "order", "features", "blocks"}, {"name"})
        if ("features" in top) == ("blocks" in top):
            msg = f"{where}: one of the keys 'features' and 'blocks' is needed, and not both"
            raise SettingsError(msg)
        if "blocks" in top:
            features = tuple(_block_features(top["blocks"], f"{where}: blocks"))
        else:
            features = tuple(_listed_features(top["features"], f"{where}: features"))
        name = _typed(top["name"], str, f"{where}: name")
        era = _era(top.get("era", {}), f"{where}: era")
        order = _typed(top.get("order", "pt"), str, f"{where}: order")
        return cls(name, features, era, cast("Order", order))


def load_layout(name_or_path: str | Path) -> FeatureLayout:
    """Load a layout by name, or from a YAML file.

    Parameters
    ----------
    name_or_path
        Name of a packaged layout, or path of a file that ends in ``.yaml`` or ``.yml``.

    Raises
    ------
    InputFileError
        If the file is missing or no YAML.
    SettingsError
        If there is no packaged layout of that name, or its content is wrong.

    Examples
    --------
    >>> layout = load_layout("axol1tl_57")
    >>> len(layout), str(layout.features[15])
    (57, 'mu[0].pt')
    """
    folder = files("emulator.features") / "data"
    if isinstance(name_or_path, Path) or str(name_or_path).endswith((".yaml", ".yml")):
        path = Path(name_or_path)
        if not path.is_file():
            raise InputFileError(path, "there is no such file")
        where, text = str(path), path.read_bytes()
    else:
        known = sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir())
        if name_or_path not in known:
            msg = (
                f"no feature layout named {name_or_path!r}; there are: {', '.join(known)} "
                "(a file of your own ends in .yaml)"
            )
            raise SettingsError(msg)
        where, text = name_or_path, (folder / f"{name_or_path}.yaml").read_bytes()
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputFileError(where, f"is no valid YAML ({' '.join(str(error).split())})") from error
    return FeatureLayout.from_dict(content, where=where)


def _check_feature(feature: Feature, where: str) -> None:
    if feature.object not in REQUIRED_FIELDS:
        raise MissingNameError("object", feature.object, REQUIRED_FIELDS, where)
    fields = (*known_fields(feature.object), ZERO)
    if feature.field not in fields:
        kind = f"field of {feature.object!r}"
        raise MissingNameError(kind, feature.field, fields, where)
    limit = load_scales().multiplicity(feature.object)
    if not 0 <= feature.slot < limit:
        msg = (
            f"{where}: slot {feature.slot} of {feature.object!r}; the trigger sends at most {limit}, "
            f"so slots are 0 to {limit - 1}"
        )
        raise SettingsError(msg)


def _check_choice(value: str, choices: Any, where: str) -> None:
    if value not in get_args(choices):
        msg = f"{where} must be one of {', '.join(get_args(choices))}, not {value!r}"
        raise SettingsError(msg)


def _mapping(content: Any, where: str, known: set[str], needed: set[str]) -> Mapping[str, Any]:
    if not isinstance(content, Mapping):
        msg = f"{where}: must be a mapping with the keys {', '.join(sorted(known))}"
        raise SettingsError(msg)
    for key in content:
        if key not in known:
            raise MissingNameError("key", str(key), sorted(known), where)
    absent = sorted(needed - set(content))
    if absent:
        msg = f"{where}: the key {absent[0]!r} is missing"
        raise SettingsError(msg)
    return content


def _typed(value: Any, kind: type[T], where: str) -> T:
    if not isinstance(value, kind) or isinstance(value, bool):
        msg = f"{where} must be {kind.__name__}, not {value!r}"
        raise SettingsError(msg)
    return value


def _era(content: Any, where: str) -> Era:
    choices_of = {"pt": PtRule, "muon_position": MuonPosition, "muon_eta": MuonPosition}
    given = _mapping(content, where, set(choices_of), set())
    for key, choices in choices_of.items():
        if key in given:
            _check_choice(given[key], choices, f"{where}.{key}")
    return Era(**given)


def _block_features(blocks: Any, where: str) -> Iterable[Feature]:
    keys = {"object", "slots", "fields"}
    for number, block in enumerate(_typed(blocks, list, where)):
        place = f"{where}[{number}]"
        given = _mapping(block, place, keys, keys)
        name = _typed(given["object"], str, f"{place}.object")
        fields = _typed(given["fields"], list, f"{place}.fields")
        slots = _typed(given["slots"], int, f"{place}.slots")
        if slots < 1 or not fields:
            msg = f"{place}: needs at least one slot and one field"
            raise SettingsError(msg)
        for slot in range(slots):
            for field in fields:
                feature = Feature(name, slot, _typed(field, str, f"{place}.fields"))
                _check_feature(feature, place)
                yield feature


def _listed_features(features: Any, where: str) -> Iterable[Feature]:
    keys = {"object", "slot", "field"}
    for number, entry in enumerate(_typed(features, list, where)):
        place = f"{where}[{number}]"
        given = _mapping(entry, place, keys, keys)
        yield Feature(
            _typed(given["object"], str, f"{place}.object"),
            _typed(given["slot"], int, f"{place}.slot"),
            _typed(given["field"], str, f"{place}.field"),
        )
