"""The settings of one organisation: one frozen, typed object per file; unknown keys are refused.

Every key is explained in ``docs/settings.md``; a test holds the two together.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)

from detectors.column_facts import ColumnClass
from expectations.venues import Venue
from plugins.encoder_settings import EncoderSettings
from plugins.settings_file import SettingsProblem, nearest, problem_lines, read_mapping
from plugins.stores.capture import pattern_regex
from plugins.stores.scrubbing import redact, scrub

__all__ = [
    "ApiSettings",
    "ConsentColumns",
    "ConsentSettings",
    "Controller",
    "DatabaseSettings",
    "EncoderSettings",
    "GroundSettings",
    "InventorySettings",
    "ManifestSettings",
    "MoveSettings",
    "PolicySettings",
    "PurposeSettings",
    "Retention",
    "ScanSettings",
    "Settings",
    "SettingsProblem",
    "SidecarSettings",
    "StoreSettings",
    "TableSettings",
    "VectorSettings",
    "load_settings",
]


@lru_cache
def _timezone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"no time zone {name!r}{nearest(name, available_timezones())}")
    return name


def _policy(name: str) -> str:
    from expectations.policy import is_policy_file, policy_names

    if not is_policy_file(name) and name not in policy_names():
        raise ValueError(f"no policy {name!r}{nearest(name, policy_names())}")
    return name


def _capture_pattern(pattern: str) -> str:
    pattern_regex(pattern)
    return pattern


def _subject_pattern(pattern: str) -> str:
    try:
        groups = re.compile(pattern).groupindex
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    if "subject" not in groups:
        raise ValueError("has no group `subject`; write the person's id as (?P<subject>...)")
    return pattern


def _several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Text = Annotated[str, Field(min_length=1)]
# A name becomes part of paths and addresses of evidence: no slash, no space.
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^\w[\w.-]*$")]
Zone = Annotated[str, AfterValidator(_timezone)]
Address = Annotated[str, Field(min_length=1)]
Country = Annotated[str, Field(pattern="^[A-Z]{2}$")]
Columns = Annotated[tuple[Text, ...], BeforeValidator(_several), Field(min_length=1)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Controller(_Frozen):
    """Who answers for the data."""

    name: Text
    contact: str | None = None
    timezone: Zone

    @property
    def zone(self) -> ZoneInfo:
        """The controller's clock: days of reports and clocks without a zone are read in it."""
        return ZoneInfo(self.timezone)


class Retention(_Frozen):
    """How long the data may and must be kept, in days after capture or storage."""

    max_days: int | None = Field(default=None, ge=0)
    min_days: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.max_days is not None and self.max_days < self.min_days:
            raise ValueError(f"max_days {self.max_days} is below min_days {self.min_days}; swap or correct them")
        return self


class VectorSettings(_Frozen):
    """Where sealed face vectors are kept, apart from the evidence, and for how long."""

    url: Address = Field(default="./vectors", repr=False)
    keep_days: int = Field(default=90, ge=0)


class ScanSettings(_Frozen):
    """How much one task takes on, and where it gives up on one picture."""

    chunk_objects: int = Field(default=300, ge=1)
    task_seconds: float = Field(default=300, gt=0)
    save_seconds: float = Field(default=20, gt=0)
    workers: int = Field(default=0, ge=0)
    max_pixels: int = Field(default=200_000_000, ge=1)
    max_seconds: float = Field(default=20, gt=0)
    max_memory_mb: int = Field(default=1200, ge=1)
    max_failed_share: float = Field(default=0.25, ge=0, le=1)
    min_failed: int = Field(default=20, ge=2)
    still_seconds: float = Field(default=1, gt=0)
    cost_per_core_hour: float | None = Field(default=None, ge=0)


class _Holding(_Frozen):
    """What a store of files and a database have in common: where it is and what it is held for."""

    name: Name
    url: Address | None = Field(default=None, repr=False)  # may carry a password
    conn_id: Text | None = None
    zone: str | None = None
    public_place: bool = False
    venue: Venue | None = None
    country: Country | None = None
    purpose: Text
    owner: str | None = None
    retention: Retention = Retention()


class SidecarSettings(_Frozen):
    """A JSON file beside each picture that says whose it is: ``a.jpg.json`` or ``a.json``."""

    suffix: Text = ".json"
    field: Text


class ManifestSettings(_Frozen):
    """A list (CSV, JSON Lines or Parquet) of a store's pictures and whose they are."""

    path: Address = Field(repr=False)
    file: Text = "file"
    subject: Text = "person_id"


class InventorySettings(_Frozen):
    """S3 Inventory reports, read instead of listing the bucket."""

    manifest: Annotated[Address, Field(pattern="^s3://")]
    max_age_days: int = Field(default=8, ge=1)


class MoveSettings(_Frozen):
    """A folder of a store that was moved as it is: from where, and to where (the store's url when it does not say)."""

    old: Address = Field(repr=False)
    new: Address | None = Field(default=None, repr=False)


SLOWEST_BYTES_PER_SECOND = 4_000_000
"""At a slower pace a film would time out while the next object, of up to 64 MiB, is read ahead of its next piece."""


class StoreSettings(_Holding):
    """A folder or a bucket of pictures."""

    options: dict[str, Any] = Field(default={}, repr=False)
    inventory: InventorySettings | None = None
    moved: tuple[MoveSettings, ...] = ()
    include: Columns = ("*",)
    exclude: Annotated[tuple[Text, ...], BeforeValidator(_several)] = ()
    hidden: Literal["look", "skip"] = "look"
    links: Literal["skip", "inside", "follow"] = "inside"
    same_frames: Literal["skip", "look"] = "skip"
    max_requests_per_second: float | None = Field(default=None, gt=0)
    max_bytes_per_second: float | None = Field(default=None, ge=SLOWEST_BYTES_PER_SECOND)
    captured_pattern: Annotated[str, AfterValidator(_capture_pattern)] | None = None
    captured_timezone: Zone | None = None
    subject_pattern: Annotated[str, AfterValidator(_subject_pattern)] | None = None
    subject_sidecar: SidecarSettings | None = None
    subject_manifest: ManifestSettings | None = None
    id_namespace: Text = "person"

    @property
    def clock(self) -> ZoneInfo | None:
        """The clock that names and pictures without a zone were written by; None when it is the controller's."""
        return ZoneInfo(self.captured_timezone) if self.captured_timezone else None

    @model_validator(mode="after")
    def _has_address(self) -> Self:
        if self.url is None and self.conn_id is None:
            raise ValueError("has no address; give `url` (a path or fsspec URL) or `conn_id` (an Airflow connection)")
        if self.inventory and not (self.url or "").startswith("s3://"):
            raise ValueError("has `inventory`, which lists an S3 bucket; give its `url` as s3://bucket/folder")
        ways = ("subject_pattern", "subject_sidecar", "subject_manifest")
        if len(given := [name for name in ways if getattr(self, name) is not None]) > 1:
            raise ValueError(f"has {' and '.join(given)}; one of them says whose a picture is: remove the others")
        return self


class TableSettings(_Frozen):
    """One database table with facial data, and what its columns mean."""

    table: Text
    key: Columns | None = None
    person_id: Text | None = "person_id"
    id_namespace: Text = "person"
    image_blob: Text | None = None
    image_path: Text | None = None
    image_root: Address | None = Field(default=None, repr=False)
    template: Text | None = None
    template_encoding: Literal["float32", "float64", "json"] = "float32"
    template_encoder: Text = "own"
    stored_at: Text | None = None
    last_interaction_at: Text | None = None
    born_on: Text | None = None
    minor: Text | None = None
    updated_at: Text | None = None

    @property
    def key_columns(self) -> tuple[str, ...]:
        """The columns that tell one row from every other; the person's id when nothing else is said."""
        return self.key or ((self.person_id,) if self.person_id else ())

    @model_validator(mode="after")
    def _holds_faces(self) -> Self:
        if not (self.image_blob or self.image_path or self.template):
            raise ValueError("holds no facial data; name at least one column: image_blob, image_path or template")
        if self.image_root and not self.image_path:
            raise ValueError("has image_root without image_path; name the column that holds the paths")
        return self


class DatabaseSettings(_Holding):
    """A database with tables that hold facial data."""

    tables: tuple[TableSettings, ...] = ()
    discover: bool = True
    column_classes: dict[Text, ColumnClass] = {}

    @model_validator(mode="after")
    def _has_address(self) -> Self:
        _exactly_one(url=self.url, conn_id=self.conn_id)
        if not self.tables and not self.discover:
            raise ValueError("names no table and is not discovered either; list its `tables`, or leave `discover` on")
        _without_twins([table.table for table in self.tables], "table")
        return self


class ConsentColumns(_Frozen):
    """Which column (or field) of a consent registry means what."""

    subject: Text
    purpose: Text
    kind: Text
    granted_at: Text
    withdrawn_at: Text | None = None
    expires_at: Text | None = None
    guardian: Text | None = None
    bundled: Text | None = None
    unlimited: Text | None = None
    notice_version: Text | None = None
    evidence_link: Text | None = None


class ApiSettings(_Frozen):
    """An HTTP API that gives a consent registry as JSON, page by page."""

    url: Address = Field(repr=False)
    records: str = ""
    paging: Literal["none", "next_link", "cursor", "page"] = "none"
    next: Text | None = None
    parameter: Text | None = None
    first_page: int = Field(default=1, ge=0)
    total: Text | None = None
    token_variable: Text | None = None
    conn_id: Text | None = None
    timeout_seconds: float = Field(default=30, gt=0)

    @model_validator(mode="after")
    def _can_turn_pages(self) -> Self:
        needs = {"next_link": ("next",), "cursor": ("next", "parameter"), "page": ("parameter",)}
        missing = [name for name in needs.get(self.paging, ()) if getattr(self, name) is None]
        if missing:
            raise ValueError(f"has paging `{self.paging}` without {' and '.join(missing)}; give it")
        if self.token_variable and self.conn_id:
            raise ValueError("has both token_variable and conn_id; give one of them")
        return self


class ConsentSettings(_Frozen):
    """A consent registry: a database table or query, a file, or an HTTP API."""

    name: Name
    url: Address | None = Field(default=None, repr=False)
    conn_id: Text | None = None
    path: Address | None = Field(default=None, repr=False)
    api: ApiSettings | None = None
    table: Text | None = None
    query: Text | None = None
    sheet: Text | None = None
    id_namespace: Text = "person"
    columns: ConsentColumns
    kinds: dict[Text, Text] = {}
    purposes: dict[Text, Text] = {}

    @model_validator(mode="after")
    def _has_address(self) -> Self:
        _exactly_one(url=self.url, conn_id=self.conn_id, path=self.path, api=self.api)
        asked = [name for name in ("table", "query") if getattr(self, name) is not None]
        of_database = self.path is None and self.api is None
        if of_database and not asked:
            raise ValueError("has no `table`; name the table of the database that holds the consents, or a `query`")
        if len(asked) > 1:
            raise ValueError("has both `table` and `query`; remove one")
        if asked and not of_database:
            place = "path" if self.path is not None else "api"
            raise ValueError(f"has both `{place}` and `{asked[0]}`; only a database has tables: remove one")
        return self


class GroundSettings(_Frozen):
    """Another ground than consent, attested for a purpose: what it is, and who says so until when."""

    purpose: Text
    store: Text | None = None
    ground: Text
    article: Text
    attested_by: Text
    attested_on: date
    valid_until: date | None = None
    evidence_link: Text | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.valid_until is not None and self.valid_until < self.attested_on:
            raise ValueError(f"valid_until {self.valid_until} is before attested_on {self.attested_on}; correct them")
        return self


class PolicySettings(_Frozen):
    """A further policy that applies beside the main one, to all stores or to some."""

    policy: Annotated[Text, AfterValidator(_policy)]
    stores: Columns | None = None
    purposes: Columns | None = None


class PurposeSettings(_Frozen):
    """What is to be known of a purpose."""

    ended_on: date | None = None


class Settings(_Frozen):
    """Everything one organisation says about its stores, from one file."""

    controller: Controller
    policy: Annotated[Text, AfterValidator(_policy)]
    policies: tuple[PolicySettings, ...] = ()
    purposes: dict[Text, PurposeSettings] = {}
    decisions: Address = Field(default="sqlite:///./decisions.db", repr=False)
    evidence: Address = Field(default="./evidence", repr=False)
    reports: Address = Field(default="./reports", repr=False)
    secrets: Text = "./secrets"
    coverage_floor: float = Field(default=0.95, ge=0, le=1)
    match_enrolled: bool = False
    vectors: VectorSettings = VectorSettings()
    scan: ScanSettings = ScanSettings()
    encoder: EncoderSettings | None = None
    calibration: Text | None = None
    stores: tuple[StoreSettings, ...] = ()
    databases: tuple[DatabaseSettings, ...] = ()
    consents: tuple[ConsentSettings, ...] = ()
    grounds: tuple[GroundSettings, ...] = ()
    _folder: Path = PrivateAttr(default=Path())

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        if not self.stores and not self.databases:
            raise ValueError("names nothing to scan; list at least one entry under `stores` or `databases`")
        _without_twins([held.name for held in (*self.stores, *self.databases)], "name under stores and databases")
        _without_twins([registry.name for registry in self.consents], "name under consents")
        known = {held.name for held in (*self.stores, *self.databases)}
        for further in self.policies:
            for name in further.stores or ():
                if name not in known:
                    raise ValueError(f"policies: no store or database {name!r}{nearest(name, known)}")
        _without_twins([self.policy, *(further.policy for further in self.policies)], "policy")
        for ground in self.grounds:
            if ground.store is not None and ground.store not in known:
                raise ValueError(f"grounds: no store or database {ground.store!r}{nearest(ground.store, known)}")
        return self

    @property
    def folder(self) -> Path:
        """The folder of the settings file: what relative paths are relative to."""
        return self._folder

    def resolved(self, address: str) -> str:
        """Give a path as an absolute one, relative ones taken from the settings file's folder; a URL stays as it is."""
        return resolve(address, self._folder)

    def policy_path(self, name: str) -> str:
        """Give a policy as ``load_policy`` takes it: a name stays, a file's path is made absolute."""
        from expectations.policy import is_policy_file

        return self.resolved(name) if is_policy_file(name) else name

    def digest(self) -> str:
        """Hash what decides the outcome of scanning and judging; addresses enter without their credentials.

        Where results go, how the work is cut up and who answers for it leave the hash alone. SHA-256, 64 hex digits.
        """
        outside = dict.fromkeys(("evidence", "reports", "secrets", "vectors", "decisions"), True)
        content = self.model_dump(mode="json", exclude={**outside, "encoder": {"licence"}})
        content["controller"] = self.controller.timezone
        content["scan"] = self.scan.model_dump(mode="json", include={"max_pixels", "max_seconds", "still_seconds"})
        for entry in (*content["stores"], *content["databases"], *content["consents"]):
            entry["url"] = scrub(entry["url"]) if entry["url"] else None
            entry["options"] = redact(entry.get("options", {}))
            if api := entry.get("api"):
                api["url"] = scrub(api["url"])
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def only(self, name: str) -> Settings:
        """Keep the store or database called ``name``, or, when none is, those whose names begin with it.

        Raises:
            SettingsProblem: no name fits.
        """
        names = [held.name for held in (*self.stores, *self.databases)]
        kept = {name} & set(names) or {known for known in names if name and known.startswith(name)}
        if not kept:
            raise SettingsProblem("--store", (f"no store or database {name!r}{nearest(name, names)}",))
        stores = tuple(store for store in self.stores if store.name in kept)
        databases = tuple(database for database in self.databases if database.name in kept)
        return self.model_copy(update={"stores": stores, "databases": databases})


def resolve(address: str, folder: Path) -> str:
    """Give a path as an absolute one, relative ones taken from ``folder``; what has a scheme stays as it is."""
    if "://" in address:
        return address
    return str((folder / Path(address).expanduser()).absolute())


def load_settings(path: Path | str) -> Settings:
    """Read and check a settings file.

    Raises:
        SettingsProblem: the file cannot be read or does not say what is needed; all problems at once.
    """
    path = Path(path)
    content, node = read_mapping(path)
    try:
        settings = Settings.model_validate(content)
    except ValidationError as error:
        raise SettingsProblem(path.name, problem_lines(error, Settings, node)) from None
    settings._folder = path.absolute().parent
    return settings


def _exactly_one(**addresses: object) -> None:
    given = [name for name, address in addresses.items() if address is not None]
    if len(given) != 1:
        came = " and ".join(given) or "no address"
        raise ValueError(f"has {came}; give exactly one of {', '.join(addresses)}")


def _without_twins(names: list[str], what: str) -> None:
    # Without regard to case: names become folders, and some file systems do not tell `A` from `a`.
    counts = Counter(name.casefold() for name in names)
    twins = sorted({name for name in names if counts[name.casefold()] > 1})
    if twins:
        raise ValueError(f"{what} is not unique: {', '.join(twins)}; rename one")
