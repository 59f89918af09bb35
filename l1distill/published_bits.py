"""Which thresholds of a model belong to which published decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.errors import InputFileError, MissingNameError, SettingsError
from emulator.objects import expand_paths, open_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from os import PathLike

    import numpy as np
    from numpy.typing import NDArray

    from emulator.menu import Menu
    from emulator.model import Model, NamedThreshold
    from emulator.objects.chunks import Chunk, Order, Source
    from emulator.objects.decisions import SeedBits

    Paths = Sequence[str | PathLike[str]]


def chunks_with_bits(
    paths: Paths, *, source: Source = "unpacked", order: Order = "pt"
) -> Iterator[tuple[Chunk, SeedBits]]:
    """Yield the events of all files with the decisions that were published with them.

    Raises
    ------
    InputFileError
        If a file cannot be read, or holds no decisions.
    """
    for path in expand_paths(paths):
        for chunk in open_file(path, source=source, order=order).chunks(bits=True):
            if chunk.bits is None or not chunk.bits.names:
                raise InputFileError(chunk.path, "holds no decisions of the trigger")
            yield chunk, chunk.bits


def decisions_of(bits: SeedBits, bit: int | None, seed: str, where: str) -> NDArray[np.bool_]:
    """Return the published decisions of a seed, by its bit or else by its name.

    Raises
    ------
    MissingNameError
        If the file holds neither.
    """
    for name in (str(bit), seed):
        if name in bits.names:
            return bits.column(name)
    kind = "decision of seed"
    raise MissingNameError(kind, seed, bits.names, where)


def decisions_by_bit(bits: SeedBits, menu: Menu) -> dict[int, NDArray[np.bool_]]:
    """Return the published decisions of a menu's seeds by their bits, of those that the file holds."""
    found: dict[int, NDArray[np.bool_]] = {}
    for seed in menu.seeds:
        for name in (str(seed.bit), seed.name):
            if name in bits.names:
                found[seed.bit] = bits.column(name)
                break
    return found


def thresholds_of_menu(
    model: Model, *, menu: Menu | None = None, name: str | None = None
) -> tuple[NamedThreshold, ...]:
    """Return the thresholds of a model that one menu uses.

    Parameters
    ----------
    model
        The model; its thresholds may belong to several menus.
    menu
        The menu, read from a file of algorithms; it is found in the model by its name, else by its
        seeds, which must be those of the model.
    name
        The menu's name, where there is no file.

    Raises
    ------
    SettingsError
        If no threshold belongs to a menu, or it is not clear to which one.
    MissingNameError
        If the model has no thresholds of this menu.
    """
    by_menu: dict[str, tuple[NamedThreshold, ...]] = {}
    for threshold in model.thresholds:
        if threshold.menu:
            by_menu[threshold.menu] = (*by_menu.get(threshold.menu, ()), threshold)
    if not by_menu:
        msg = f"model {model.name!r}: no threshold belongs to a bit of a menu"
        raise SettingsError(msg)
    where = f"model {model.name!r}"
    if name is not None:
        if name not in by_menu:
            raise MissingNameError("menu", name, by_menu, where)
        if menu is not None:
            _check_seeds(by_menu[name], menu, where)
        return by_menu[name]
    if menu is not None:
        return _found_in(menu, by_menu, where)
    if len({_decisive(thresholds) for thresholds in by_menu.values()}) > 1:
        msg = (
            f"{where}: has thresholds of several menus ({', '.join(by_menu)}) that differ; name one "
            "with --menu, or give its algorithms with --algorithms"
        )
        raise SettingsError(msg)
    return next(iter(by_menu.values()))


def _decisive(thresholds: Sequence[NamedThreshold]) -> frozenset[tuple[int | None, str, int]]:
    return frozenset((each.bit, each.seed, each.threshold) for each in thresholds)


def _found_in(
    menu: Menu, by_menu: dict[str, tuple[NamedThreshold, ...]], where: str
) -> tuple[NamedThreshold, ...]:
    if menu.name in by_menu:
        _check_seeds(by_menu[menu.name], menu, where)
        return by_menu[menu.name]
    names = {seed.bit: seed.name for seed in menu.seeds}
    fitting = [
        thresholds
        for thresholds in by_menu.values()
        if all(names.get(each.bit, "") == each.seed for each in thresholds if each.bit is not None)
    ]
    if not fitting:
        raise MissingNameError("menu", menu.name, by_menu, where)
    if len({_decisive(thresholds) for thresholds in fitting}) > 1:
        fitted = ", ".join(thresholds[0].menu for thresholds in fitting)
        msg = (
            f"{where}: has no menu {menu.name!r}, and its seeds fit several ({fitted}); use --menu"
        )
        raise SettingsError(msg)
    return fitting[0]


def _check_seeds(thresholds: Sequence[NamedThreshold], menu: Menu, where: str) -> None:
    names = {seed.bit: seed.name for seed in menu.seeds}
    for each in thresholds:
        if each.bit is not None and names.get(each.bit) != each.seed:
            found = names.get(each.bit, "no seed")
            msg = (
                f"{where}: bit {each.bit} is {each.seed} there, but {found} in the algorithms of "
                f"{menu.name}"
            )
            raise SettingsError(msg)
