"""The settings file: what it says, what it refuses and how, and that its page tells of every key."""

from __future__ import annotations

import pickle
import re
import typing
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from plugins.settings import Settings, SettingsProblem, load_settings
from tests.encoders import settings_of

ROOT = Path(__file__).parents[1]
SMALL = """
controller: {name: Town, timezone: Asia/Shanghai}
policy: cn-draft-2023
stores:
  - {name: station, url: ./station, purpose: security}
"""


@pytest.fixture
def load(tmp_path: Path):
    def loading(text: str) -> Settings:
        (tmp_path / "facewarden.yaml").write_text(text, encoding="utf-8")
        return load_settings(tmp_path / "facewarden.yaml")

    return loading


@pytest.fixture
def problems_of(load):
    def of(text: str) -> list[str]:
        with pytest.raises(SettingsProblem) as caught:
            load(text)
        lines = str(caught.value).splitlines()
        assert all(line.startswith("facewarden.yaml: ") for line in lines)
        return [line.removeprefix("facewarden.yaml: ") for line in lines]

    return of


def changed(**changes: Any) -> str:
    """Write the small settings with places changed; ``__`` in a name goes down a level, a number into a list."""
    content = yaml.safe_load(SMALL)
    for name, value in changes.items():
        *way, last = name.split("__")
        here = content
        for step in way:
            here = here[int(step)] if step.isdigit() else here.setdefault(step, {})
        here[last] = value
    return yaml.safe_dump(content, allow_unicode=True)


# -- what it says ------------------------------------------------------------------------------------------------------


def test_the_example_loads():
    settings = load_settings(ROOT / "facewarden.example.yaml")
    assert [s.name for s in settings.stores] == ["station-cameras", "visitor-badges"]
    assert settings.databases[0].tables[0].key_columns == ("person_id",)
    assert settings.databases[0].tables[1].key_columns == ("site", "number")


def test_little_is_enough(load, tmp_path):
    settings = load(SMALL)
    assert settings.folder == tmp_path
    assert settings.coverage_floor == 0.95
    assert settings.stores[0].include == ("*",)
    assert settings.stores[0].retention.max_days is None


def test_relative_paths_are_taken_from_the_file_and_urls_are_left_alone(load, tmp_path):
    settings = load(SMALL)
    assert settings.resolved(settings.evidence) == str(tmp_path / "evidence")
    assert settings.resolved("s3://bucket/x") == "s3://bucket/x"
    assert settings.resolved("/data") == "/data"
    assert settings.resolved("~/x") == str(Path.home() / "x")


def test_settings_are_frozen_and_travel_between_processes(load):
    settings = load(SMALL)
    with pytest.raises(ValueError, match="frozen"):
        settings.policy = "other"  # type: ignore[misc]
    again = pickle.loads(pickle.dumps(settings))
    assert (again, again.folder) == (settings, settings.folder)


def test_one_store_is_chosen_by_name_or_several_by_what_names_begin_with(load):
    names = ["gate", "gate-2", "hall"]
    settings = load(changed(stores=[{"name": n, "url": n, "purpose": "p"} for n in names]))
    assert [s.name for s in settings.only("gate").stores] == ["gate"]
    assert [s.name for s in settings.only("gate-").stores] == ["gate-2"]
    assert settings.only("hall").folder == settings.folder
    with pytest.raises(SettingsProblem, match=r"no store or database 'hal1'; did you mean `hall`?"):
        settings.only("hal1")


# -- what it refuses ---------------------------------------------------------------------------------------------------

TABLE = {"table": "t", "template": "v"}
COLUMNS = {"subject": "a", "purpose": "b", "kind": "c", "granted_at": "d"}
ENCODER = settings_of("models/own.onnx")


def without(content: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name != key}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(
            {"stores__0__retention": {"max_dais": 3}},
            "stores[0].retention.max_dais: unknown key; did you mean `max_days`?",
            id="unknown key",
        ),
        pytest.param({"polici": "x"}, "polici: unknown key; did you mean `policies`?", id="unknown key at the top"),
        pytest.param(
            {"scan": {"zzz": 1}}, "scan.zzz: unknown key; known: chunk_objects, cost_per_core_hour", id="nothing near"
        ),
        pytest.param({"controller__name": None}, "controller.name: should be text", id="no text"),
        pytest.param({"stores__0__name": 7}, "stores[0].name: should be text; put the value in quotes", id="a number"),
        pytest.param({"stores__0__name": "a/b"}, "stores[0].name: ", id="a slash in a name"),
        pytest.param({"controller": "Town"}, "controller: should hold keys of its own", id="no mapping"),
        pytest.param(
            {"controller__timezone": "Asia/Shangai"},
            "controller.timezone: no time zone 'Asia/Shangai'; did you mean `Asia/Shanghai`?",
            id="time zone",
        ),
        pytest.param({"stores__0__captured_timezone": "Mars"}, "captured_timezone: no time zone 'Mars'", id="zone"),
        pytest.param({"coverage_floor": 95}, "coverage_floor: input should be less than or equal to 1", id="a share"),
        pytest.param({"policy": ""}, "policy: ", id="no policy"),
        pytest.param(
            {"policy": "cn-draft"}, "no policy 'cn-draft'; did you mean `cn-draft-2023`?", id="unknown policy"
        ),
        pytest.param(
            {"databases": [{"name": "d", "url": "sqlite:///x", "purpose": "p", "tables": [], "discover": False}]},
            "databases[0]: names no table and is not discovered either; list its `tables`, or leave `discover` on",
            id="no table",
        ),
        pytest.param(
            {"stores__0__captured_pattern": "%Y%b%d"}, "captured_pattern: `%b` is not allowed", id="a month's name"
        ),
        pytest.param({"stores__0__captured_pattern": "%H%M"}, "captured_pattern: does not fix a day", id="no day"),
        pytest.param(
            {"stores__0__captured_pattern": "%Y%m%d%"},
            "captured_pattern: ends in a single %",
            id="a percent sign at the end",
        ),
        pytest.param(
            {"stores__0__captured_pattern": "%Y%m%d%H%d"}, "captured_pattern: `%d` stands twice", id="a day twice"
        ),
        pytest.param({"stores__0__subject_pattern": "("}, "subject_pattern: is not a regular expression", id="regex"),
        pytest.param({"stores__0__subject_pattern": "x"}, "subject_pattern: has no group `subject`", id="group"),
        pytest.param(
            {"stores__0__retention": {"max_days": 3, "min_days": 5}},
            "stores[0].retention: max_days 3 is below min_days 5",
            id="retention",
        ),
        pytest.param({"stores__0__retention": {"max_days": -1}}, "retention.max_days: ", id="negative days"),
        pytest.param({"stores__0__url": None}, "stores[0]: has no address; give `url`", id="no address"),
        pytest.param({"stores": []}, "names nothing to scan", id="nothing to scan"),
        pytest.param(
            {"databases": [{"name": "Station", "url": "sqlite:///x", "purpose": "p", "tables": [TABLE]}]},
            "name under stores and databases is not unique: Station, station; rename one",
            id="the same name twice",
        ),
        pytest.param(
            {"databases": [{"name": "d", "url": "sqlite:///x", "conn_id": "x", "purpose": "p", "tables": [TABLE]}]},
            "databases[0]: has url and conn_id; give exactly one of url, conn_id",
            id="two addresses",
        ),
        pytest.param(
            {"databases": [{"name": "d", "url": "sqlite:///x", "purpose": "p", "tables": [{"table": "t"}]}]},
            "databases[0].tables[0]: holds no facial data; name at least one column",
            id="no facial data",
        ),
        pytest.param(
            {
                "databases": [
                    {"name": "d", "url": "x", "purpose": "p", "tables": [{**TABLE, "template_encoding": "f16"}]}
                ]
            },
            "tables[0].template_encoding: input should be 'float32', 'float64' or 'json'",
            id="encoding",
        ),
        pytest.param(
            {"consents": [{"name": "r", "url": "sqlite:///x", "columns": COLUMNS}]},
            "consents[0]: has no `table`",
            id="no table of consents",
        ),
        pytest.param(
            {"consents": [{"name": "r", "path": "x.csv", "table": "t", "columns": COLUMNS}]},
            "consents[0]: has both `path` and `table`",
            id="a file with a table",
        ),
        pytest.param(
            {"consents": [{"name": "r", "columns": COLUMNS}]},
            "consents[0]: has no address; give exactly one of url, conn_id, path",
            id="a registry nowhere",
        ),
        pytest.param(
            {"consents": [{"name": "r", "path": "x", "columns": {**COLUMNS, "grantedat": "x"}}]},
            "consents[0].columns.grantedat: unknown key; did you mean `granted_at`?",
            id="unknown column",
        ),
        pytest.param(
            {"encoder": {**ENCODER, "sizepx": 3}},
            "encoder.sizepx: unknown key; did you mean `size_px`?",
            id="encoder's key",
        ),
        pytest.param(
            {"encoder": without(ENCODER, "licence")}, "encoder.licence: is missing; it must be given", id="licence"
        ),
        pytest.param({"encoder": {**ENCODER, "licence": " "}}, "encoder: licence is empty", id="empty licence"),
        pytest.param({"encoder": {**ENCODER, "sha256": "abc"}}, "encoder.sha256: string should match", id="no hash"),
        pytest.param(
            {"encoder": {**ENCODER, "colours": "grb"}}, "encoder.colours: input should be 'rgb' or 'bgr'", id="colours"
        ),
        pytest.param({"encoder": {**ENCODER, "mean": [1, 2]}}, "encoder.mean[2]: is missing", id="two means"),
        pytest.param(
            {"encoder": {**ENCODER, "scale": 0}},
            "encoder: mean and scale must be finite numbers, and scale not 0",
            id="scale 0",
        ),
        pytest.param(
            {"encoder": {**ENCODER, "template": ENCODER["template"][:3]}},
            "encoder.template[3]: is missing",
            id="three points",
        ),
        pytest.param(
            {"encoder": {**ENCODER, "template": ENCODER["template"][::-1]}},
            "encoder: template is no upright face",
            id="upside down",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(problems_of, change, says):
    [line] = problems_of(changed(**change))
    assert says in line


def test_all_mistakes_are_told_at_once_with_their_lines(problems_of):
    text = SMALL.replace("Asia/Shanghai", "Nowhere") + "    retention: {max_dais: 1}\nvectors: {keep_days: -1}\n"
    text = text.replace(
        "  - {name: station, url: ./station, purpose: security}", "  - name: station\n    url: ./station"
    )
    lines = problems_of(text)
    assert [line.partition(":")[0] for line in lines] == [
        "controller.timezone",
        "vectors.keep_days",
        "stores[0].purpose",
        "stores[0].retention.max_dais",
    ]
    assert [int(line.rpartition("(line ")[2].rstrip(")")) for line in lines] == [2, 8, 5, 7]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(SMALL + "policy: other\n", "line 6: `policy` stands twice (first on line 3)", id="twice"),
        pytest.param(
            SMALL + "scan: {workers: 1, workers: 2}\n", "line 6: `workers` stands twice", id="twice in one line"
        ),
        pytest.param(SMALL + "scan: {workers: 1\n", "line 7: ", id="a bracket left open"),
        pytest.param(SMALL + "\tscan: 1\n", "line 6: ", id="a tab"),
        pytest.param(SMALL + "scan: !!python/object:os.system {}\n", "line 6: ", id="code"),
        pytest.param("", "is empty; it must hold keys", id="empty"),
        pytest.param("- a\n- b\n", "holds a list; it must hold keys", id="a list"),
        pytest.param("a: 1\n---\nb: 2\n", "line 2: ", id="two documents"),
    ],
)
def test_what_is_not_yaml_is_told_with_the_line(problems_of, text, says):
    [line] = problems_of(text)
    assert says in line


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(SettingsProblem, match=re.escape("none.yaml: cannot be read (No such file or directory)")):
        load_settings(tmp_path / "none.yaml")
    (tmp_path / "x.yaml").write_bytes("名: 1".encode("gb18030"))
    with pytest.raises(SettingsProblem, match="save it as UTF-8"):
        load_settings(tmp_path / "x.yaml")


def test_problems_survive_pickling(problems_of, load):
    problem = SettingsProblem("x.yaml", ("a: b", "c: d"))
    assert str(pickle.loads(pickle.dumps(problem))) == "x.yaml: a: b\nx.yaml: c: d"


# -- what is secret ----------------------------------------------------------------------------------------------------


def test_a_password_in_an_address_shows_neither_in_repr_nor_in_problems(load, problems_of):
    secret = "pl4nted-s3cret"
    given = {"url": f"sftp://u:{secret}@h/x", "options": {"password": secret}}
    store = {"name": "station", "purpose": "p", **given}
    registry = {"name": "r", "path": f"sftp://u:{secret}@h/x.csv", "columns": COLUMNS}
    database = {"name": "d", "url": f"postgresql://u:{secret}@h/x", "purpose": "p", "tables": [TABLE]}
    text = changed(stores=[store], databases=[database], consents=[registry])
    settings = load(text)
    assert secret not in repr(settings) + str(settings) + repr(settings.stores[0])
    for mistake in ({"url": [secret]}, {"options": secret}, {"polcy": secret}, {"name": {"a": secret}}):
        assert secret not in "".join(problems_of(changed(stores=[{**store, **mistake}])))


def test_variables_stay_unread_until_a_store_is_opened(load, monkeypatch):
    monkeypatch.setenv("S3_SECRET", "pl4nted-s3cret")
    store = {"name": "s", "url": "s3://${BUCKET_NOT_SET}", "options": {"secret": "${S3_SECRET}"}, "purpose": "p"}
    settings = load(changed(stores=[store]))
    assert settings.stores[0].url == "s3://${BUCKET_NOT_SET}"
    assert "pl4nted" not in str(settings.model_dump())


# -- the digest --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "same"),
    [
        pytest.param({}, True, id="nothing"),
        pytest.param({"scan": {"workers": 7, "chunk_objects": 9}}, True, id="how the work is cut"),
        pytest.param({"evidence": "./other", "reports": "s3://x"}, True, id="where results go"),
        pytest.param({"controller__contact": "x@example.org"}, True, id="the contact"),
        pytest.param({"stores__0__url": "./other"}, False, id="another place"),
        pytest.param({"stores__0__exclude": ["x"]}, False, id="what is left out"),
        pytest.param({"stores__0__retention": {"max_days": 3}}, False, id="retention"),
        pytest.param({"policy": "cn-measures-2025"}, False, id="policy"),
        pytest.param({"controller__timezone": "Europe/Berlin"}, False, id="time zone"),
        pytest.param({"scan": {"max_pixels": 5}}, False, id="a limit"),
        pytest.param({"coverage_floor": 0.5}, False, id="the floor"),
        pytest.param({"encoder": ENCODER}, False, id="another encoder"),
    ],
)
def test_the_digest_changes_with_what_decides_the_outcome(load, change, same):
    assert (load(changed(**change)).digest() == load(SMALL).digest()) is same


@pytest.mark.parametrize(
    ("change", "same"),
    [
        pytest.param({"licence": "other"}, True, id="its licence"),
        pytest.param({"scale": 2}, False, id="its scale"),
        pytest.param({"sha256": "1" * 64}, False, id="its hash"),
    ],
)
def test_the_digest_changes_with_what_decides_the_vectors(load, change, same):
    assert (load(changed(encoder={**ENCODER, **change})).digest() == load(changed(encoder=ENCODER)).digest()) is same


def test_a_new_password_is_the_same_store(load):
    def of(secret: str) -> str:
        store = {"name": "s", "url": f"sftp://u:{secret}@h/x", "options": {"password": secret}, "purpose": "p"}
        return load(changed(stores=[store])).digest()

    assert of("one-s3cret") == of("another-s3cret")


# -- the page ----------------------------------------------------------------------------------------------------------


def keys_of(model: type[BaseModel]) -> set[str]:
    found = set()
    for name, field in model.model_fields.items():
        found.add(name)
        for part in (field.annotation, *typing.get_args(field.annotation)):
            if isinstance(part, type) and typing.get_origin(part) is None and issubclass(part, BaseModel):
                found |= keys_of(part)
    return found


def test_every_key_is_explained_on_the_page_and_nothing_else_is():
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `([a-z0-9_.]+)` \|", page, flags=re.MULTILINE))
    explained = {part for row in rows for part in row.split(".")} | {"retention", "scan", "vectors"}
    assert keys_of(Settings) - explained == set()
    assert explained - keys_of(Settings) == set()


def test_the_encoders_of_the_page_and_of_the_example_can_be_described(load):
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    [block] = re.findall(r"```yaml\n(encoder:.*?)```", page, flags=re.DOTALL)
    example = (ROOT / "facewarden.example.yaml").read_text(encoding="utf-8")
    [lines] = re.findall(r"^# encoder:.*?(?=^$)", example, flags=re.MULTILINE | re.DOTALL)
    for text in (block, re.sub(r"^# ", "", lines, flags=re.MULTILINE)):
        settings = load(SMALL + text.replace("64 hex digits, from sha256sum", "a" * 64))
        assert settings.encoder.mean == (127.5, 127.5, 127.5)
        assert settings.encoder.scale[0] == pytest.approx(1 / 127.5)


def test_every_key_stands_in_the_example_with_a_default_that_is_true():
    text = (ROOT / "facewarden.example.yaml").read_text(encoding="utf-8")
    absent = {key for key in keys_of(Settings) if not re.search(rf"\b{key}:", text)}
    assert absent == {"captured_timezone"}
    fields = {**Settings.model_fields}
    assert (fields["coverage_floor"].default, fields["evidence"].default) == (0.95, "./evidence")
