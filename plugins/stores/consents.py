"""Reads consent registries, wherever they are kept, into one table; bad rows are set aside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from expectations.columns import CONSENTS
from plugins.keys import Keyring
from plugins.settings import ConsentSettings
from plugins.stores.consent_api import api_pages
from plugins.stores.consent_files import file_pages
from plugins.stores.consent_rows import Page, RowProblem, believed
from plugins.stores.consent_sql import query_pages, table_pages

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["RowProblem", "read_consents"]


def read_consents(
    registries: Sequence[ConsentSettings], keyring: Keyring, timezone: tzinfo, base: Path
) -> tuple[pa.Table, list[RowProblem]]:
    """Read all consent registries.

    Args:
        registries: what the settings file says of them.
        keyring: makes ids of people into pseudonyms.
        timezone: clock of times without a zone.
        base: folder of the settings file.

    Returns:
        The consents in the schema of ``CONSENTS``, and the rows that were set aside.

    Raises:
        StoreProblem: a registry cannot be read to its end. There is no half answer: a consent that was not read would
            make a lawful record look groundless.
    """
    import pyarrow as pa

    problems: list[RowProblem] = []
    batches = [
        believed(registry, page, keyring, problems)
        for registry in registries
        for page in _pages(registry, timezone, base)
    ]
    return pa.Table.from_batches(batches, schema=CONSENTS.arrow_schema()), problems


def _pages(registry: ConsentSettings, timezone: tzinfo, base: Path) -> Iterator[Page]:
    if registry.api is not None:
        return api_pages(registry, timezone)
    if registry.path is not None:
        return file_pages(registry, timezone, base)
    if registry.query is not None:
        return query_pages(registry, timezone, base)
    return table_pages(registry, timezone, base)
