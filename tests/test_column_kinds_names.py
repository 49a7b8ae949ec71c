"""What columns are said to be by name, type and neighbours: English, hanzi, pinyin, and the twins of face templates."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest

from detectors.column_facts import ColumnFacts, Reference, Storage, TableFacts, Value, Verdict
from detectors.columns import classify

BINARY, TEXT, TIME, DATE = Storage.BINARY, Storage.TEXT, Storage.TIME, Storage.DATE
INTEGER, BOOLEAN, VECTOR = Storage.INTEGER, Storage.BOOLEAN, Storage.VECTOR


def column(name: str, storage: Storage = TEXT, values: Sequence[bytes | str] = (), **more) -> ColumnFacts:
    made = tuple(Value(value, len(value)) for value in values)
    return ColumnFacts(name, storage=storage, values=made, rows=len(made), **more)


def judge(
    table: str, *columns: ColumnFacts, database: str = "db", near: Sequence[TableFacts] = ()
) -> dict[str, Verdict]:
    judged = classify(database, [TableFacts("s", table, columns), *near])
    return {one.column.name: one.verdict for one in judged if one.table.name == table}


def embeddings(dim: int, rows: int = 20) -> list[str]:
    rng = np.random.default_rng(dim)
    vectors = rng.normal(size=(rows, dim))
    return [json.dumps((v / np.linalg.norm(v)).round(6).tolist()) for v in vectors]


def key(name: str = "id") -> ColumnFacts:
    return column(name, INTEGER, [str(n) for n in range(20)], primary=True)


@pytest.mark.parametrize(
    ("name", "storage", "found"),
    [
        ("face_encoding", BINARY, "template"),
        ("FACEFEATURE", BINARY, "template"),
        ("faceTemplate", TEXT, "template"),
        ("face_vec", VECTOR, "template"),
        ("biometric_template", BINARY, "template"),
        ("人脸特征值", BINARY, "template"),
        ("人脸特征向量", TEXT, "template"),
        ("renlian_tezheng", BINARY, "template"),
        ("face_template_version", TEXT, "other"),
        ("face_feature_count", INTEGER, "other"),
        ("face_embedding_model", TEXT, "other"),
        ("face_id", TEXT, "other"),
        ("face_quality", Storage.NUMBER, "other"),
        ("fingerprint_template", BINARY, "other"),
        ("email_template", TEXT, "other"),
        ("photo", BINARY, "image_blob"),
        ("IMG_DATA", BINARY, "image_blob"),
        ("avatarUrl", TEXT, "image_ref"),
        ("face_image_path", TEXT, "image_ref"),
        ("headPicUrl", TEXT, "image_ref"),
        ("照片", BINARY, "image_blob"),
        ("头像地址", TEXT, "image_ref"),
        ("抓拍图片路径", TEXT, "image_ref"),
        ("photo_base64", TEXT, "image_base64"),
        ("photo_id", INTEGER, "other"),
        ("photo_count", INTEGER, "other"),
        ("employeeNo", TEXT, "person_id"),
        ("STAFF_ID", INTEGER, "person_id"),
        ("personid", INTEGER, "person_id"),
        ("id_card_no", TEXT, "person_id"),
        ("身份证号码", TEXT, "person_id"),
        ("工号", TEXT, "person_id"),
        ("学号", TEXT, "person_id"),
        ("created_by_user_id", INTEGER, "other"),
        ("user_type", TEXT, "other"),
        ("full_name", TEXT, "person_name"),
        ("lastName", TEXT, "person_name"),
        ("姓名", TEXT, "person_name"),
        ("device_name", TEXT, "other"),
        ("date_of_birth", DATE, "birth_date"),
        ("DOB", DATE, "birth_date"),
        ("出生年月", TEXT, "birth_date"),
        ("birth_place", TEXT, "other"),
        ("consent_given", BOOLEAN, "consent_flag"),
        ("isAgreed", BOOLEAN, "consent_flag"),
        ("是否同意", INTEGER, "consent_flag"),
        ("consented_at", TIME, "consent_date"),
        ("agreement_signed_on", DATE, "consent_date"),
        ("同意时间", TIME, "consent_date"),
        ("consent_withdrawn_at", TIME, "withdrawn_date"),
        ("撤回同意时间", TIME, "withdrawn_date"),
        ("captured_at", TIME, "captured_at"),
        ("抓拍时间", TIME, "captured_at"),
        ("createTime", TIME, "created_at"),
        ("enrolled_on", DATE, "created_at"),
        ("注册时间", TIME, "created_at"),
        ("updated_at", TIME, "other"),
        ("lastSeenAt", TIME, "last_seen_at"),
        ("last_login_time", TIME, "last_seen_at"),
        ("最后通行时间", TIME, "last_seen_at"),
        ("expires_at", TIME, "expires_at"),
        ("valid_until", DATE, "expires_at"),
        ("有效期至", DATE, "expires_at"),
        ("password_expires_at", TIME, "other"),
        ("purpose", TEXT, "purpose"),
        ("处理目的", TEXT, "purpose"),
        ("quantity", INTEGER, "other"),
    ],
)
def test_an_empty_column_is_judged_by_name_and_type(name: str, storage: Storage, found: str) -> None:
    assert judge("t_data", key("pk"), column(name, storage))[name].found == found


PINYIN = {
    "rybh": ("person_id", TEXT),
    "xm": ("person_name", TEXT),
    "sfzh": ("person_id", TEXT),
    "csrq": ("birth_date", DATE),
    "zp": ("image_blob", BINARY),
    "zplj": ("image_ref", TEXT),
    "rltz": ("template", BINARY),
    "cjsj": ("created_at", TIME),
    "zpsj": ("captured_at", TIME),
    "zhtxsj": ("last_seen_at", TIME),
    "yxqz": ("expires_at", DATE),
    "sfty": ("consent_flag", INTEGER),
    "tysj": ("consent_date", TIME),
    "chsj": ("withdrawn_date", TIME),
    "yt": ("purpose", TEXT),
}


@pytest.mark.parametrize("upper", [False, True])
def test_initials_of_pinyin_are_read_where_a_table_is_written_in_them(upper: bool) -> None:
    def spell(name: str) -> str:
        return name.upper() if upper else name

    found = judge("t_ryxx", *(column(spell(name), storage) for name, (_, storage) in PINYIN.items()))
    assert {name: found[spell(name)].found for name in PINYIN} == {name: cls for name, (cls, _) in PINYIN.items()}


def test_initials_alone_are_not_believed() -> None:
    found = judge("jobs", key(), column("tz", TEXT), column("tx", BINARY), column("title"), column("state"))
    assert found["tz"].found == "other"
    assert found["tx"].undecided


def test_a_comment_speaks_for_a_name_that_says_nothing() -> None:
    found = judge("a01", key("f0"), column("f1", BINARY, comment="人脸特征"), column("f2", TEXT, comment="员工编号"))
    assert (found["f1"].found, found["f2"].found) == ("template", "person_id")


# -- twins -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "siblings", "name", "dim"),
    [
        ("documents", ["title", "content"], "embedding", 1536),
        ("doc_chunks", ["chunk_text"], "vec", 768),
        ("tracks", ["artist", "title"], "audio_features", 128),
        ("products", ["sku", "description"], "image_embedding", 512),
        ("faq", ["question", "answer"], "vector", 384),
        ("users", ["username"], "preference_vector", 64),
        ("employees", ["full_name"], "resume_embedding", 768),
        ("speakers", ["full_name"], "voiceprint", 256),
        ("person_fingerprints", ["person_id"], "template", 256),
        ("smart_search", ["asset_id"], "embedding", 512),
    ],
)
def test_embeddings_of_other_things_are_no_face_templates(table: str, siblings: list[str], name: str, dim: int) -> None:
    found = judge(table, key(), *map(column, siblings), column(name, TEXT, embeddings(dim)))
    assert found[name].found == "other", found[name].because


@pytest.mark.parametrize(
    ("table", "siblings", "name", "dim"),
    [
        ("face_features", ["user_id"], "data", 512),
        ("employees", ["emp_no", "photo"], "embedding", 512),
        ("students", ["student_no", "name"], "feature", 128),
        ("people", ["name"], "vec", 512),
        ("gallery", ["subject", "face_box"], "descriptor", 128),
        ("enrolments", ["member_id", "image_path"], "encoding", 128),
        ("t_person", ["person_code"], "features", 256),
    ],
)
def test_embeddings_beside_people_or_faces_are_templates(table: str, siblings: list[str], name: str, dim: int) -> None:
    found = judge(table, key(), *map(column, siblings), column(name, TEXT, embeddings(dim)))
    assert found[name].found == "template", found[name].because
    assert not found[name].undecided


def test_a_column_that_names_a_model_decides_in_either_direction() -> None:
    for model, cls in (("ArcFace", "template"), ("text-embedding-3-small", "other")):
        values = column("model_name", TEXT, [model] * 20)
        assert judge("vectors", key(), values, column("v", TEXT, embeddings(512)))["v"].found == cls


def test_nothing_but_numbers_is_left_to_the_officer() -> None:
    assert judge("vectors", key(), column("v", TEXT, embeddings(300)))["v"].undecided


def test_a_foreign_key_to_faces_tells_what_a_vector_stands_for() -> None:
    reference = Reference("s", "detected_face", "id")
    vectors = [column("fid", INTEGER, ["1"], reference=reference), column("v", TEXT, embeddings(512))]
    near = [TableFacts("s", "detected_face", (key(),))]
    assert judge("search", *vectors, near=near)["v"].found == "template"


def test_what_a_column_holds_goes_before_what_it_is_called() -> None:
    values = ["1", "0"] * 10
    found = judge("people", key(), column("face_template", TEXT, values), column("photo", TEXT, values))
    assert (found["face_template"].found, found["photo"].found) == ("other", "other")
    jpeg = [b"\xff\xd8\xff\xe0" + b"x" * 400] * 20
    assert judge("t", key(), column("remarks", BINARY, jpeg))["remarks"].found == "image_blob"


def test_a_closed_form_under_a_telling_name_is_still_a_template() -> None:
    rng = np.random.default_rng(2)
    found = judge("users", key(), column("face_template", BINARY, [rng.bytes(1404) for _ in range(20)]))
    assert found["face_template"].found == "template"
    assert "encrypted" in found["face_template"].because


# -- whose template it is ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *(
            "person_id",
            "employee_no",
            "user_id",
            "uid",
            "subject",
            "card_no",
            "工号",
            "face_name",
            "member_code",
            "pin",
        ),
        *(
            "badge_number",
            "identity",
            "label",
            "studentNo",
            "passport",
            "USERNO",
            "rybh",
            "openid",
            "who",
            "login",
            "email",
        ),
        *("customer_ref", "visitorId", "emp_id", "ID_CARD", "卡号", "人员编号", "matricule", "subj_uid", "ref"),
    ],
)
def test_the_key_of_a_templates_person_is_not_missed(name: str) -> None:
    people = [f"P-{n:05d}" for n in range(20)]
    table = [
        key(),
        column(name, TEXT, people),
        column("face_embedding", TEXT, embeddings(512)),
        column("created_at", TIME),
    ]
    found = judge("face_features", *table)
    assert found[name].found == "person_id", found[name]
    assert found["face_embedding"].found == "template"


def test_a_table_of_names_and_templates_has_its_own_key_as_persons() -> None:
    found = judge("known_faces", key(), column("name", TEXT, ["Ann"] * 20), column("encoding", TEXT, embeddings(128)))
    assert found["id"].found == "person_id" or found["name"].found == "person_id"


def test_a_foreign_key_to_people_names_the_person() -> None:
    link = column("r1", INTEGER, ["1"], reference=Reference("s", "staff", "id"))
    near = [TableFacts("s", "staff", (key(), column("full_name")))]
    found = judge("face_features", key(), link, column("v", TEXT, embeddings(512)), near=near)
    assert found["r1"].found == "person_id"


def test_no_reason_holds_a_value() -> None:
    found = judge(
        "people", key(), column("full_name", TEXT, ["Zebedee Quux"] * 20), column("photo", TEXT, ["/p/zebedee.jpg"] * 9)
    )
    assert not [v for v in found.values() if "ebedee" in v.because]
