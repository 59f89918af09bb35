"""Runs a scan: plan, work on pieces, keep each result, merge, and go on where it was interrupted."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from emulator.errors import L1Error
from emulator.files import replace_file
from emulator.rates.tails import floor_for
from emulator.scan.engines import Serial
from emulator.scan.errors import ScanError
from emulator.scan.plan import SETTING, Piece, ScanPlan
from emulator.scan.results import LostFile, ScanResult, evaluate, files_listed_twice
from emulator.scan.store import PieceFiles, StoredPiece, load_piece, save_piece
from emulator.scan.work import LostPiece, chunks_of, prepared

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from emulator.scan.engines import Engine
    from emulator.scan.plan import Condition, Counting, Floors

    # (pieces done, pieces in all, file)
    Report = Callable[[int, int, str], None]

SCHEMA: Final = "l1distill-scan-manifest/2"


@dataclass(frozen=True)
class Scan:
    """What a scan did.

    Attributes
    ----------
    plan
        The plan, with the floors that were used.
    result
        What was found; the same to the last bit for every engine and after any interruption.
    n_worked, n_kept
        Pieces that were worked on now, and results of an earlier run that were used again.
    seconds
        Wall time of the work on pieces.
    """

    plan: ScanPlan
    result: ScanResult
    n_worked: int
    n_kept: int
    seconds: float


def run_scan(
    plan: ScanPlan,
    folder: Path,
    *,
    engine: Engine | None = None,
    resume: bool = False,
    report: Report | None = None,
) -> Scan:
    """Scan everything that a plan names, and keep the result of each file in a run folder.

    Parameters
    ----------
    plan
        What to do; floors are found from the first chunk of each condition.
    folder
        The run folder: ``manifest.json`` and ``pieces/``.
    engine
        Where pieces are worked on; here if None.
    resume
        Go on with what is in the folder. Without it, a folder that holds a scan is refused.
    report
        Told about each piece that is done.

    Raises
    ------
    ScanError
        If the folder holds a scan and `resume` is not set, or another scan; if a file is lost and the
        plan says that this ends the scan; or if the engine fails.
    L1Error
        If the samples cannot give what was asked for.
    """
    if twice := files_listed_twice(plan):
        msg = f"{twice[0]}: is listed twice in one condition; sets of crossings must be disjoint"
        raise ScanError(msg)
    manifest = _Manifest(folder, plan)
    plan = manifest.start(resume=resume)
    results: dict[Piece, StoredPiece] = {}
    lost: dict[Piece, LostPiece] = {}
    sha256 = plan.counting.sha256()
    pieces = plan.pieces()
    places = {piece: PieceFiles(folder, number) for number, piece in enumerate(pieces)}
    if resume:
        for piece, files in places.items():
            if (kept := load_piece(files, _piece_key(sha256, piece))) is not None:
                results[piece] = kept
    n_kept = len(results)
    waiting = [piece for piece in pieces if piece not in results]
    begin = time.perf_counter()
    for piece, result in (engine or Serial()).run(waiting, plan.counting):
        if isinstance(result, LostPiece):
            lost[piece] = result
            if plan.unreadable == "fail":
                raise ScanError(_lost_sentence(result))
        else:
            results[piece] = save_piece(places[piece], result, _piece_key(sha256, piece))
        if report is not None:
            report(len(results) + len(lost), len(pieces), piece.path)
    seconds = time.perf_counter() - begin
    manifest.finish(plan, results, lost, seconds)
    gone = {piece.file: (piece, lost[piece].problem) for piece in reversed(pieces) if piece in lost}
    listed = [
        LostFile(piece.condition, piece.sample, piece.path, problem)
        for piece, problem in reversed(gone.values())
    ]
    # A file of which a part is lost counts in no part: what is left out can then be named.
    whole = {piece: result for piece, result in results.items() if piece.file not in gone}
    found = evaluate(plan, whole, listed)
    return Scan(plan, found, len(waiting), n_kept, seconds)


def _piece_key(sha256: str, piece: Piece) -> str:
    return f"{sha256} {piece.stream} {piece.path} {piece.part}/{piece.n_parts}"


def _lost_sentence(lost: LostPiece) -> str:
    return (
        f"{lost.problem}; finished files are kept: put it right and go on with --resume, or write "
        "'unreadable: skip' to leave such files out and list them"
    )


class _Manifest:
    """``manifest.json`` of a run folder: the plan, its floors, and the state of each piece."""

    def __init__(self, folder: Path, plan: ScanPlan) -> None:
        self._folder = folder
        self._plan = plan
        self._path = folder / "manifest.json"

    def start(self, *, resume: bool) -> ScanPlan:
        """Return the plan with its floors, from the folder if it holds this scan."""
        if self._path.exists():
            floors, pure = self._kept_floors(resume=resume)
        else:
            if self._folder.exists() and any(self._folder.iterdir()):
                msg = f"{self._folder}: is not empty and holds no scan; give another folder"
                raise ScanError(msg)
            floors = find_floors(self._plan)
            pure = {} if self._plan.counting.menu is None else find_floors(self._plan, pure=True)
        counting = replace(self._plan.counting, floors=floors, pure_floors=pure)
        plan = replace(self._plan, counting=counting)
        self._write(plan, {}, {}, 0.0)
        return plan

    def finish(
        self,
        plan: ScanPlan,
        results: Mapping[Piece, StoredPiece],
        lost: Mapping[Piece, LostPiece],
        seconds: float,
    ) -> None:
        """Write the states of all pieces."""
        self._write(plan, results, lost, seconds)

    def _kept_floors(self, *, resume: bool) -> tuple[Floors, Floors]:
        if not resume:
            msg = f"{self._folder}: holds a scan; go on with --resume, or give another folder"
            raise ScanError(msg)
        try:
            plain = json.loads(self._path.read_text(encoding="utf-8"))
            same = (plain["schema"], plain["plan_sha256"]) == (SCHEMA, self._plan.sha256())
            floors: tuple[Floors, Floors] = plain["floors"], plain["pure_floors"]
        except (ValueError, KeyError, TypeError) as error:
            msg = f"{self._path}: is damaged; give another folder"
            raise ScanError(msg) from error
        if not same:
            msg = (
                f"{self._folder}: was made by another scan (other files, models, targets or bootstrap); "
                "give another folder"
            )
            raise ScanError(msg)
        return floors

    def _write(
        self,
        plan: ScanPlan,
        results: Mapping[Piece, StoredPiece],
        lost: Mapping[Piece, LostPiece],
        seconds: float,
    ) -> None:
        plain: dict[str, Any] = {
            "schema": SCHEMA,
            "plan_sha256": self._plan.sha256(),
            "floors": plan.counting.floors,
            "pure_floors": plan.counting.pure_floors,
            "seconds": round(seconds, 3),
            "pieces": [
                {
                    **asdict(piece),
                    "result": f"pieces/{number:06}.npz",
                    "state": _state(piece, results, lost),
                    "n_events": results[piece].n_events if piece in results else None,
                    "problem": lost[piece].problem if piece in lost else None,
                }
                for number, piece in enumerate(plan.pieces())
            ],
        }
        with replace_file(self._path) as temporary:
            temporary.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")


def _state(
    piece: Piece, results: Mapping[Piece, StoredPiece], lost: Mapping[Piece, LostPiece]
) -> str:
    if piece in results:
        return "done"
    return "lost" if piece in lost else "waiting"


def find_floors(plan: ScanPlan, *, pure: bool = False) -> Floors:
    """Choose the lowest score that each scorer resolves in each condition.

    From the first chunk of the first file of the setting sample that can be read: low enough for ten
    times the highest target rate, so that what is dropped is never asked for.

    Parameters
    ----------
    plan
        What will be scanned.
    pure
        Whether the rates are those of what the menu leaves.
    """
    return {
        condition.name: _floors(plan, condition, pure=pure) if plan.resolve == "tail" else {}
        for condition in plan.conditions
    }


def _floors(plan: ScanPlan, condition: Condition, *, pure: bool) -> dict[str, int | None]:
    fraction = max(plan.targets_khz) / condition.scenario.crossing_rate_khz
    scorers, menu = prepared(plan.counting), plan.counting.menu
    for piece in (each for each in condition.pieces() if each.sample == SETTING):
        try:
            chunk = next(iter(chunks_of(piece, _without_cache(plan.counting))), None)
        except (L1Error, OSError):
            continue  # the work on this file will say so, after trying again
        if chunk is None:
            continue  # a part without an entry
        weights, scores = chunk.crossings.weights, dict(scorers.scores(chunk))
        kept = None
        if pure and menu is not None and chunk.decisions is not None:
            kept = menu.column.none_accepts(menu.rules.with_scores(chunk.decisions, scores))
        return {name: floor_for(each, weights, fraction, kept) for name, each in scores.items()}
    return {}


def _without_cache(counting: Counting) -> Counting:
    return replace(counting, cache="")
