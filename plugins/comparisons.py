"""What one night's head-counts keep for the next: who was compared and who is alike; sealed, as vectors are.

Each run writes its own, and reads that of the last committed run: a run that is killed and begun again counts from the
same, and nothing counts until the run is committed. Faces that are gone are left out night by night.
"""

from __future__ import annotations

import io

import numpy as np

from detectors.cohort import Scale
from detectors.comparisons import Earlier
from detectors.lookalikes import Pairs
from plugins.evidence import Evidence, safe_name
from plugins.keys import Keyring

_FOLDER = "compared"


class ComparisonStore:
    """Sealed comparisons under one URL.

    Args:
        url: where vectors are.
        keyring: seals them.
        run_id: of the run that writes.
        committed: ids of the committed runs, newest first.
    """

    def __init__(self, url: str, keyring: Keyring, run_id: str, committed: list[str]) -> None:
        self._files, self._keyring = Evidence(url), keyring
        self._own = safe_name(run_id)
        folders = [name for name in map(safe_name, committed) if name != self._own]
        held = set(self._files.names(_FOLDER))
        self._last = next((name for name in folders if name in held), None)

    def read(self, scope: str) -> Earlier | None:
        """Give what the last committed run kept of a head-count; None when there is nothing.

        Raises:
            KeyProblem: it was sealed with another secret.
        """
        if self._last is None:
            return None
        try:
            sealed = self._files.read_bytes(f"{_FOLDER}/{self._last}/{safe_name(scope)}")
        except FileNotFoundError:
            return None
        with np.load(io.BytesIO(self._keyring.unseal(sealed)), allow_pickle=False) as found:
            pairs = Pairs(
                found["rows"].astype(np.int64),
                found["others"].astype(np.int64),
                found["likeness"],
                found["halvings"].astype(np.int64),
            )
            scale = Scale(found["level"], found["deviation"])
            plain = {name: found[name] for name in ("hashes", "filed", "cohort", "shares", "totals", "changed")}
            sample = found["sample"].astype(np.int64)
            return Earlier(made_with=str(found["made_with"]), scale=scale, pairs=pairs, sample=sample, **plain)

    def write(self, scope: str, kept: Earlier) -> None:
        """Keep what this run's head-count compared."""
        plain = io.BytesIO()
        np.savez(
            plain,
            made_with=np.array(kept.made_with),
            hashes=kept.hashes,
            filed=kept.filed,
            level=kept.scale.level,
            deviation=kept.scale.deviation,
            cohort=kept.cohort,
            shares=kept.shares,
            totals=kept.totals,
            changed=kept.changed,
            rows=kept.pairs.rows.astype(np.int32),
            others=kept.pairs.others.astype(np.int32),
            likeness=kept.pairs.likeness,
            halvings=kept.pairs.halvings.astype(np.uint8),
            sample=kept.sample.astype(np.int32),
        )
        self._files.publish(f"{_FOLDER}/{self._own}/{safe_name(scope)}", self._keyring.seal(plain.getvalue()))

    def keep_own(self) -> None:
        """Remove what other runs kept; this run is committed."""
        for name in self._files.names(_FOLDER):
            if name != self._own:
                self._files.remove(f"{_FOLDER}/{name}", recursive=True)
