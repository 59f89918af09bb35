"""Where trials lie: an Optuna storage that outlives the process, so that a killed search goes on."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

from emulator.errors import SettingsError
from firmware.errors import MissingToolError

if TYPE_CHECKING:
    from optuna import Study

    from distill.search.settings import SearchSettings

# A trial whose process sends no sign of life for three of these is lost.
_HEARTBEAT_SECONDS = 20


def open_search(url: str, name: str, settings: SearchSettings, identity: str) -> Study:
    """Open the Optuna study of a search, or begin it.

    Parameters
    ----------
    url
        Any Optuna storage, for example ``sqlite:///search.db``.
    name
        Of the study in it.
    settings
        How to search.
    identity
        Hash of what the trials are trained and judged on.

    Raises
    ------
    MissingToolError
        If Optuna is not installed.
    SettingsError
        If the storage cannot be opened, or holds a search under this name with other settings.
    """
    optuna = require_optuna()
    from sqlalchemy.exc import SQLAlchemyError

    options = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {}
    try:
        with warnings.catch_warnings():
            # Heartbeats and names of objectives are called experimental since 2021 and 2023.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            storage = optuna.storages.RDBStorage(
                url,
                engine_kwargs=options,
                heartbeat_interval=_HEARTBEAT_SECONDS,
                grace_period=3 * _HEARTBEAT_SECONDS,
            )
            study: Study = optuna.create_study(
                study_name=name,
                storage=storage,
                directions=["maximize", "minimize", "minimize"],
                load_if_exists=True,
            )
            study.set_metric_names(["agreement", "luts", "latency_ns"])
    except (ImportError, ValueError, SQLAlchemyError, optuna.exceptions.OptunaError) as error:
        reason = " ".join(str(error).split())
        msg = f"search: the storage {_hidden(url)} cannot be opened: {reason:.200}"
        raise SettingsError(msg) from error
    mine = {"settings": settings.as_dict(), "identity": identity}
    stored = study.user_attrs.get("search")
    if stored is None:
        study.set_user_attr("search", mine)
    elif stored != json.loads(json.dumps(mine)):
        msg = (
            f"search: {_hidden(url)} holds a search {name!r} with other settings or samples; give another "
            "storage, or delete it"
        )
        raise SettingsError(msg)
    return study


def _hidden(url: str) -> str:
    """Return a storage URL without a password in it."""
    head, separator, tail = url.rpartition("@")
    return f"{head.split('://')[0]}://...{separator}{tail}" if separator else url


def require_optuna() -> Any:
    """Return Optuna, its chatter silenced.

    Raises
    ------
    MissingToolError
        If it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        msg = "a search needs Optuna; install l1distill[search]"
        raise MissingToolError(msg) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
