"""The stores of common face software are known by their schemas, whatever their tables hold."""

# ruff: noqa: E501 - declarations of tables

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from detectors.column_facts import ColumnClass
from detectors.column_products import PRODUCTS
from plugins.discover import Finding, Target, discover

# Declared as the products do, as far as SQLite takes it; the versions and sources stand in column_products.py.
SCHEMAS: dict[str, tuple[list[str], dict[str, str]]] = {
    "Immich": (
        [
            'CREATE TABLE face_search ("faceId" uuid primary key, embedding vector(512))',
            'CREATE TABLE smart_search ("assetId" uuid primary key, embedding vector(512))',
            'CREATE TABLE asset_face (id uuid primary key, "assetId" uuid, "personId" uuid, "imageWidth" integer, "imageHeight" integer, '
            '"boundingBoxX1" integer, "boundingBoxY1" integer, "boundingBoxX2" integer, "boundingBoxY2" integer, "sourceType" text, '
            '"deletedAt" timestamp)',
            'CREATE TABLE person (id uuid primary key, "createdAt" timestamp, "updatedAt" timestamp, "ownerId" uuid, name varchar, '
            '"thumbnailPath" varchar, "isHidden" boolean, "birthDate" date, "faceAssetId" uuid)',
        ],
        {
            "face_search.embedding": "template",
            "face_search.faceId": "other",
            "smart_search.embedding": "other",
            "asset_face.personId": "person_id",
            "person.id": "person_id",
            "person.name": "person_name",
            "person.thumbnailPath": "image_ref",
            "person.birthDate": "birth_date",
        },
    ),
    "CompreFace": (
        [
            "CREATE TABLE embedding (id uuid primary key, subject_id uuid, embedding float8, calculator varchar, img_id uuid)",
            "CREATE TABLE img (id uuid primary key, content bytea)",
            "CREATE TABLE subject (id uuid primary key, api_key varchar, subject_name varchar)",
        ],
        {
            "embedding.embedding": "template",
            "embedding.subject_id": "person_id",
            "img.content": "image_blob",
            "subject.subject_name": "person_name",
            "subject.id": "person_id",
            "subject.api_key": "other",
        },
    ),
    "Frigate": (
        [
            "CREATE TABLE event (id varchar primary key, label varchar, sub_label varchar, camera varchar, start_time datetime, "
            "end_time datetime, top_score real, false_positive integer, zones json, thumbnail text, has_clip integer, "
            "has_snapshot integer, plus_id varchar, data json)",
            "CREATE TABLE reviewsegment (id varchar primary key, camera varchar, start_time datetime, end_time datetime, "
            "severity varchar, thumb_path varchar, data json)",
        ],
        {"event.thumbnail": "image_base64", "event.sub_label": "person_name", "reviewsegment.thumb_path": "image_ref"},
    ),
    "Double Take": (
        [
            "CREATE TABLE file (id integer primary key, name, filename, meta json, isActive integer, createdAt timestamp)",
            "CREATE TABLE train (id integer primary key, fileId integer, name, filename, detector, meta json, createdAt timestamp)",
            'CREATE TABLE "match" (id integer primary key, filename, event json, response json, createdAt timestamp)',
        ],
        {
            "train.name": "person_name",
            "train.filename": "image_ref",
            "match.filename": "image_ref",
            "match.createdAt": "created_at",
        },
    ),
    "DeepFace": (
        [
            "CREATE TABLE embeddings (id integer primary key, img_name text, face blob, face_shape text, model_name text, "
            "detector_backend text, aligned integer, l2_normalized integer, embedding blob, created_at timestamp, face_hash text, "
            "embedding_hash text)",
        ],
        {
            "embeddings.embedding": "template",
            "embeddings.face": "image_blob",
            "embeddings.img_name": "image_ref",
            "embeddings.face_hash": "other",
        },
    ),
    "PhotoPrism": (
        [
            "CREATE TABLE markers (marker_uid varbinary(42) primary key, file_uid varbinary(42), marker_type varbinary(8), "
            "marker_src varbinary(8), marker_name varchar(160), subj_uid varbinary(42), face_id varbinary(64), face_dist double, "
            "embeddings_json mediumblob, landmarks_json mediumblob, x float, y float, w float, h float, q integer, size integer, "
            "score smallint, thumb varbinary(128), created_at datetime, updated_at datetime)",
            "CREATE TABLE faces (id varbinary(64) primary key, face_src varbinary(8), subj_uid varbinary(42), samples int, "
            "embedding_json mediumblob, created_at datetime)",
            "CREATE TABLE subjects (subj_uid varbinary(42) primary key, subj_type varbinary(8), subj_name varchar(160), subj_src varbinary(8), subj_slug varbinary(160), subj_bio varchar(2048), subj_notes varchar(1024), thumb varbinary(128), thumb_src varbinary(8), created_at datetime)",
        ],
        {
            "markers.embeddings_json": "template",
            "faces.embedding_json": "template",
            "faces.subj_uid": "person_id",
            "subjects.subj_name": "person_name",
        },
    ),
    "LibrePhotos": (
        [
            "CREATE TABLE api_face (id integer primary key, photo_id char(32), image varchar(100), person_id integer, cluster_id integer, "
            "classification_person_id integer, cluster_person_id integer, location_top integer, location_bottom integer, "
            "location_left integer, location_right integer, encoding text, deleted bool)",
            "CREATE TABLE api_person (id integer primary key, name varchar(128), kind varchar(10), face_count integer)",
            "CREATE TABLE api_cluster (id integer primary key, person_id integer, mean_face_encoding text, cluster_id integer, name text)",
        ],
        {
            "api_face.encoding": "template",
            "api_face.image": "image_ref",
            "api_face.person_id": "person_id",
            "api_cluster.mean_face_encoding": "template",
        },
    ),
    "Nextcloud Recognize": (
        [
            "CREATE TABLE oc_recognize_face_detections (id bigint primary key, user_id varchar(64), file_id bigint, x float, y float, "
            "height float, width float, vector text, face_vector text, cluster_id bigint)",
            "CREATE TABLE oc_recognize_face_clusters (id bigint primary key, title varchar(4000), user_id varchar(64))",
        ],
        {
            "oc_recognize_face_detections.face_vector": "template",
            "oc_recognize_face_detections.cluster_id": "person_id",
            "oc_recognize_face_clusters.title": "person_name",
        },
    ),
    "ZKTeco time and access software (ZKTime, ZKAccess)": (
        [
            "CREATE TABLE FaceTemp (TEMPLATEID integer primary key, USERNO varchar(24), SIZE int, pin int, FACEID int, VALID int, "
            "RESERVE int, ACTIVETIME int, VFCOUNT int, TEMPLATE image)",
            "CREATE TABLE TEMPLATE (TEMPLATEID integer primary key, USERID int, FINGERID int, TEMPLATE image)",
        ],
        {
            "FaceTemp.TEMPLATE": "template",
            "FaceTemp.USERNO": "person_id",
            "TEMPLATE.TEMPLATE": "other",
            "TEMPLATE.USERID": "person_id",
        },
    ),
    "ZKTeco BioTime": (
        [
            "CREATE TABLE iclock_biophoto (id integer primary key, create_time datetime, first_name varchar(100), last_name varchar(100), "
            "email varchar(254), enroll_sn varchar(50), register_photo varchar(100), register_time datetime, approval_photo varchar(100), "
            "approval_state smallint, employee_id integer)",
            "CREATE TABLE iclock_biodata (id integer primary key, bio_tmp text, bio_no integer, bio_index integer, bio_type integer, "
            "major_ver varchar(30), valid integer, employee_id integer)",
        ],
        {
            "iclock_biophoto.register_photo": "image_ref",
            "iclock_biophoto.employee_id": "person_id",
            "iclock_biodata.bio_tmp": "template",
        },
    ),
}


def findings(path: Path, statements: list[str]) -> dict[str, Finding]:
    made = sqlite3.connect(path)
    for statement in statements:
        made.execute(statement)
    made.close()
    outcome = discover([Target(f"sqlite:///{path}")], lambda total: lambda done: None, print)
    assert outcome.problems == []
    return {f"{f.table}.{f.column}": f for f in outcome.findings}


@pytest.mark.parametrize("product", SCHEMAS)
def test_a_product_is_known_by_its_empty_schema(product: str, tmp_path: Path) -> None:
    statements, expected = SCHEMAS[product]
    found = findings(tmp_path / "a.db", statements)
    assert {place: str(found[place].found) for place in expected} == expected
    known = [place for place in expected if found[place].because.startswith(f"{product} keeps this")]
    assert known == list(expected)
    assert "(schema of " in found[known[0]].because


def test_every_product_is_tested_and_says_version_and_source() -> None:
    assert {product.name for product in PRODUCTS} == set(SCHEMAS)
    assert all(product.version and product.source for product in PRODUCTS)
    assert all(isinstance(cls, ColumnClass) for p in PRODUCTS for t in p.tables for cls in t.columns.values())


def test_a_table_that_is_only_called_like_one_of_a_product_is_judged_like_any_other(tmp_path: Path) -> None:
    found = findings(tmp_path / "a.db", ["CREATE TABLE person (id integer primary key, name text, birthDate date)",
                                         "CREATE TABLE img (id integer primary key, content blob)"])  # fmt: skip
    assert not [f for f in found.values() if "keeps this" in f.because]
