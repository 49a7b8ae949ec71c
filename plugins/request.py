"""What one run is asked to do: small and JSON-able, so that a scheduler can pass it from task to task."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Literal

Reprocess = Literal["none", "failed", "completed"]


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What one run is asked to do.

    Attributes:
        settings_path: the settings file.
        run_id: name of the run; the same name again continues it.
        as_of: the day the run judges by.
        store: only this store or database; empty for all.
        since: with ``until``, only what was captured or changed in these days (both included).
        until: see ``since``.
        prefix: only what lies below a store's root at an address that begins so.
        camera: only what lies in a folder of this name, at any depth of a store.
        reprocess: of what is known and unchanged, look again at ``none``, at what ``failed`` (could not be read), or at
            all that was ``completed``; Airflow's words for its backfills.
        stop_at: no object is begun after this time; what is left is skipped, and looked at by the next run.
        max_bytes: objects are looked at until so many bytes are planned for; the others likewise. What alone is more is
            passed over.
    """

    settings_path: str
    run_id: str
    as_of: date
    store: str | None = None
    since: date | None = None
    until: date | None = None
    stop_at: datetime | None = None
    max_bytes: int | None = None
    prefix: str | None = None
    camera: str | None = None
    reprocess: Reprocess = "none"

    def to_json(self) -> str:
        """Write it as JSON."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> RunRequest:
        """Read what ``to_json`` wrote."""
        read = json.loads(text)
        days = {k: date.fromisoformat(read[k]) for k in ("as_of", "since", "until") if read[k]}
        stop_at = datetime.fromisoformat(read["stop_at"]) if read["stop_at"] else None
        return cls(**{**read, **days, "stop_at": stop_at})

    @property
    def is_over(self) -> bool:
        """Say whether the time to begin with objects is over."""
        return self.stop_at is not None and datetime.now(UTC) >= self.stop_at

    @property
    def scope(self) -> str:
        """Say in words what is looked at."""
        where = self.store or "everything"
        parts = [f"{where}, {self.since} to {self.until}" if self.since else where]
        parts += [f"prefix {self.prefix}"] if self.prefix else []
        parts += [f"camera {self.camera}"] if self.camera else []
        return ", ".join(parts)
