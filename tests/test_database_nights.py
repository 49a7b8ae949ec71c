"""Nights over a database whose rows change: only those are looked at again, and the census is of what is stored now."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from PIL import Image

from plugins import nightly, tasks
from tests.databases import Database
from tests.organisation import Organisation, jpeg, shrunk

pytest_plugins = ("tests.databases",)

CLOCK = datetime(2026, 10, 20, 18, tzinfo=UTC)
Night = Callable[[str], dict[str, Any]]


@pytest.fixture
def faces(pictures: Path) -> dict[str, bytes]:
    found = {name: jpeg(shrunk(Image.open(pictures / f"{name}.jpg"))) for name in ("obama", "biden")}
    return found | {"astronaut": jpeg(Image.open(pictures / "astronaut.png"))}


def table(with_time: bool) -> sa.Table:
    columns = [
        sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("person_id", sa.String(20)),
        sa.Column("photo", sa.LargeBinary(2**20)),
    ]
    columns += [sa.Column("changed_at", sa.DateTime)] if with_time else []
    return sa.Table("badges", sa.MetaData(), *columns)


@pytest.fixture(params=[pytest.param(True, id="updated-at"), pytest.param(False, id="digest")])
def with_time(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def night(organisation: Organisation, database: Database, with_time: bool) -> Night:
    settings = yaml.safe_load(organisation.settings.read_text())
    badges = {"table": "badges", "key": "n", "image_blob": "photo"}
    settings["databases"] = [
        {"name": "badges", "url": database.url, "purpose": "gate",
         "tables": [badges | ({"updated_at": "changed_at"} if with_time else {})]}
    ]  # fmt: skip
    settings["stores"], settings["consents"] = [], []
    organisation.settings.write_text(yaml.safe_dump(settings))

    def run(name: str) -> dict[str, Any]:
        request = organisation.request(name)
        nightly.scan(request, lambda: CLOCK, lambda n: lambda k: None)
        report: dict[str, Any] = json.loads(tasks.report_text(request, "json"))
        return report

    return run


def test_changed_new_refiled_and_deleted_rows(
    database: Database, night: Night, faces: dict[str, bytes], with_time: bool
) -> None:
    badges = table(with_time)
    when = {"changed_at": datetime(2026, 10, 1, 9)} if with_time else {}  # noqa: DTZ001 - as databases hold it
    later = {"changed_at": datetime(2026, 10, 19, 9)} if with_time else {}  # noqa: DTZ001
    rows = [("ann", "obama"), ("bob", "biden"), ("cid", "astronaut"), ("dan", "astronaut"), ("eve", "biden")]
    database.fill(badges, [{"n": n, "person_id": p, "photo": faces[f], **when} for n, (p, f) in enumerate(rows, 1)])
    first = night("night-1")
    assert (first["coverage"]["scanned"], first["coverage"]["unchanged"]) == (5, 0)
    assert first["people"]["split"]["linked"] == 5

    second = night("night-2")
    assert (second["coverage"]["scanned"], second["coverage"]["unchanged"]) == (0, 5)

    with database.engine.begin() as connection:
        connection.execute(badges.update().where(badges.c.n == 1).values(photo=faces["biden"], **later))
        connection.execute(badges.update().where(badges.c.n == 2).values(person_id="ann"))
        connection.execute(badges.delete().where(badges.c.n == 3))
        connection.execute(badges.insert(), [{"n": 9, "person_id": "fay", "photo": faces["obama"], **later}])
    third = night("night-3")
    coverage = third["coverage"]
    assert (coverage["scanned"], coverage["unchanged"], coverage["gone"]) == (3, 2, 1)
    assert third["people"]["split"]["linked"] == 4, "ann (twice), dan, eve, fay"
    [store] = third["stores"]
    assert (store["coverage"]["seen"], store["faces"]) == (5, 5)

    with database.engine.begin() as connection:
        connection.execute(badges.delete())
    fourth = night("night-4")
    assert (fourth["coverage"]["seen"], fourth["coverage"]["gone"]) == (0, 5)
    assert (fourth["people"]["low"], fourth["people"]["high"]) == (0, 0)
