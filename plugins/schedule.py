"""What the DAGs need before any work: the settings' place, the controller's time zone, and the request of one run.

Imported while DAG files are parsed: it opens no connection and imports nothing heavy.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import Asset

from plugins.request import RunRequest

SETTINGS_VARIABLE = "FACEWARDEN_SETTINGS"

REQUEST_KEY = "request"
"""Under which the first task leaves the request of its run for the others."""

EVIDENCE_ASSET = Asset(name="facewarden_evidence", uri="facewarden://evidence")


class BadRequest(Exception):
    """A run was triggered with parameters that make no sense."""


def settings_path() -> Path:
    """Give the settings file: ``FACEWARDEN_SETTINGS``, else ``facewarden.yaml`` in Airflow's home."""
    default = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "facewarden.yaml"
    return Path(os.environ.get(SETTINGS_VARIABLE, default))


def controller_timezone() -> str:
    """Give the controller's time zone; UTC while there is no readable settings file: the first task then says so."""
    import yaml

    try:
        read = yaml.safe_load(settings_path().read_text(encoding="utf-8"))
        return str(ZoneInfo(read["controller"]["timezone"]).key)
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError):
        return "UTC"


def request_for(context: Mapping[str, Any]) -> RunRequest:
    """Turn a DAG run into a request.

    A scheduled run looks at everything and speaks of its partition's day. A backfill looks at what was captured or
    changed on the partition's day. A run started by new evidence speaks of the day of that evidence. A triggered run
    does as its parameters say, of the day it was triggered when they do not. The same run gives the same request.

    Raises:
        BadRequest: an unknown parameter, or one end of a span without the other.
    """
    run, params, allowed = context["dag_run"], context["params"], sorted(context["dag"].params)
    # Airflow takes any key of a run's conf into its parameters.
    unknown = sorted(set(run.conf or {}) - set(allowed))
    if unknown:
        raise BadRequest(f"unknown parameters: {', '.join(unknown)}; allowed are {', '.join(allowed)}")
    days = {name: _day(params.get(name)) for name in ("as_of", "since", "until")}
    key = _day(context.get("partition_key") or run.partition_key)
    if key and getattr(run.run_type, "value", run.run_type) == "backfill":
        days["since"] = days["until"] = key
    if (days["since"] is None) != (days["until"] is None):
        raise BadRequest("since and until go together; give both or neither")
    if days["since"] and days["until"] and days["until"] < days["since"]:
        raise BadRequest(f"since {days['since']} is after until {days['until']}; give the earlier day as since")
    # The day the run was asked for, not the day a retry happens to run on.
    asked_on: date = run.run_after.astimezone(ZoneInfo(controller_timezone())).date()
    as_of = days["as_of"] or key or _announced(context) or asked_on
    return RunRequest(
        settings_path=str(settings_path()),
        run_id=_named(context["dag"].dag_id, run),
        as_of=as_of,
        store=params.get("store"),
        since=days["since"],
        until=days["until"],
        stop_at=run.start_date + timedelta(minutes=minutes) if (minutes := params.get("max_minutes")) else None,
        max_bytes=params.get("max_bytes"),
        prefix=params.get("prefix"),
        camera=params.get("camera"),
        reprocess=params.get("reprocess") or "none",
    )


def _named(dag_id: str, run: Any) -> str:
    """Name a run; one that was cleared is another one: what it made is kept."""
    return f"{dag_id}-{run.run_id}" + (f"-again{run.clear_number}" if run.clear_number else "")


def planned_request(context: Mapping[str, Any]) -> RunRequest:
    """Give the request that the first task of this run has planned for.

    Raises:
        BadRequest: the first task has left none.
    """
    text = context["ti"].xcom_pull(task_ids="plan", key=REQUEST_KEY)
    if text is None:
        raise BadRequest("the task `plan` of this run has left no request; clear it, and with it what follows")
    return RunRequest.from_json(text)


def asked_day(context: Mapping[str, Any]) -> str | None:
    """Give what the ids of all runs of a backfilled day have in common; None when ``reprocess`` says what to do.

    Airflow makes a second run of a day only when a backfill asks for it (``--reprocess-behavior``), beside the first.
    """
    run = context["dag_run"]
    is_backfill = getattr(run.run_type, "value", run.run_type) == "backfill"
    key = context.get("partition_key") or run.partition_key
    return f"__{key}__" if is_backfill and key and not context["params"].get("reprocess") else None


def map_limit() -> int:
    """Give how many tasks Airflow lets one task be mapped to (``core.max_map_length``)."""
    from airflow.sdk.configuration import conf

    return int(conf.getint("core", "max_map_length"))


def _announced(context: Mapping[str, Any]) -> date | None:
    """Give the latest day that the asset events which started this run speak of."""
    events = (context.get("triggering_asset_events") or {}).get(EVIDENCE_ASSET, [])
    return max((date.fromisoformat(e.extra["as_of"]) for e in events if "as_of" in e.extra), default=None)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def retry_delay() -> timedelta:
    """Give the wait before a task's first retry: ``FACEWARDEN_RETRY_SECONDS``, else 30 seconds."""
    return timedelta(seconds=float(os.environ.get("FACEWARDEN_RETRY_SECONDS", "30")))


def first_night() -> datetime:
    """Give the day from which the DAGs run by themselves: ``FACEWARDEN_FIRST_NIGHT`` (YYYY-MM-DD).

    Triggered runs and backfills do not ask for it; the demo and the tests set it far ahead to have only those.
    """
    first = date.fromisoformat(os.environ.get("FACEWARDEN_FIRST_NIGHT", "2020-01-01"))
    return datetime(first.year, first.month, first.day, tzinfo=ZoneInfo(controller_timezone()))
