"""A night with and without matching: only when asked is a stranger's face linked to the enrolled person it shows."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from detectors.look import Looker
from plugins import nightly, tasks
from plugins.run import Run
from plugins.subject import Subject, find_subject
from tests.organisation import Organisation

CLOCK = datetime(2026, 10, 20, 18, tzinfo=UTC)


@pytest.fixture
def enrolled(organisation: Organisation) -> Organisation:
    """SECRET-ID-2, who withdrew consent, is enrolled with the face that two pictures of the gate show."""
    seen = Looker().look((organisation.folder / "stores/gate/cam1_20261001T090000.jpg").read_bytes()).faces[0]
    with closing(sqlite3.connect(organisation.folder / "access.db")) as db, db:
        db.execute("update people set template = ? where id = 'SECRET-ID-2'", (seen.vector.tobytes(),))
    return organisation


def night(organisation: Organisation, name: str, match: bool) -> tuple[dict[str, Any], Subject]:
    settings = yaml.safe_load(organisation.settings.read_text()) | {"match_enrolled": match}
    organisation.settings.write_text(yaml.safe_dump(settings))
    request = organisation.request(name)
    nightly.scan(request, lambda: CLOCK, lambda n: lambda k: None)
    return json.loads(tasks.report_text(request, "json")), find_subject(Run(request), "SECRET-ID-2", "person")


def test_a_match_links_pictures_and_its_absence_links_none(enrolled: Organisation) -> None:
    without, subject = night(enrolled, "night-1", match=False)
    assert {place.what for place in subject.places} == {"template"}
    with_it, subject = night(enrolled, "night-2", match=True)
    pictures = [place for place in subject.places if place.what == "picture by likeness"]
    assert sorted(place.where.rsplit("/", 1)[-1] for place in pictures) == [
        "cam1_20261001T090000.jpg",
        "cam1_20261015T090000.jpg",
    ]
    assert with_it["consent"]["unlinked_faces"] == without["consent"]["unlinked_faces"] - 2
    again, subject = night(enrolled, "night-3", match=False)
    assert again["consent"] == without["consent"], "switched off, a match counts for nothing"
    assert {place.what for place in subject.places} == {"template"}
