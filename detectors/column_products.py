"""The tables of common face software: which column holds what, so that a store is known by its schema.

Read off the products' published sources, on the versions and at the paths named. Only names of tables and columns are
kept here. A column that is not listed is judged like any other.
"""

# ruff: noqa: E501 - a table of data

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from detectors.column_facts import ColumnClass, TableFacts, Verdict

# So much of a product's table must be there: versions add and drop columns.
_SHARE = 0.5
_CONFIDENCE = 0.97


@dataclass(frozen=True)
class ProductTable:
    """One table of a product.

    Attributes:
        name: regular expression for its whole name, without regard to case; installations put prefixes before it.
        columns: what its columns hold, by name in lower case. ``other`` is said of what would mislead.
        telling: columns that must all be there.
    """

    name: str
    columns: Mapping[str, ColumnClass]
    telling: frozenset[str]

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The expression, compiled."""
        return re.compile(self.name, re.IGNORECASE)

    def fits(self, table: TableFacts) -> bool:
        """Whether a table is this one."""
        there = {column.name.lower() for column in table.columns}
        known = len(there & set(self.columns))
        return (
            bool(self.pattern.fullmatch(table.name)) and self.telling <= there and known >= _SHARE * len(self.columns)
        )


@dataclass(frozen=True, slots=True)
class Product:
    """One product.

    Attributes:
        name: as people know it.
        version: what was looked at.
        source: repository and path that the schema was read from.
        tables: of which at least one must be there.
    """

    name: str
    version: str
    source: str
    tables: tuple[ProductTable, ...]


def _table(name: str, telling: str, **columns: str) -> ProductTable:
    """Describe a table: each class with its columns, separated by spaces."""
    found = {column: ColumnClass(cls) for cls, listed in columns.items() for column in listed.lower().split()}
    return ProductTable(name, found, frozenset(telling.lower().split()))


PRODUCTS: tuple[Product, ...] = (
    Product(
        "Immich",
        "server 2.2, commits 4211ce9, 1e65d6e, 0425fd9 and 07d2d7b",
        "immich-app/immich server/src/schema/tables/{face-search,asset-face,person,smart-search,asset,asset-file}.table.ts",
        (
            _table("face_search", "faceId embedding", template="embedding", other="faceId"),
            _table("smart_search", "assetId embedding", other="assetId embedding"),
            _table(
                "asset_faces?",
                "assetId boundingBoxX1 imageWidth",
                person_id="personId",
                other="id assetId imageWidth imageHeight boundingBoxX1 boundingBoxY1 boundingBoxX2 boundingBoxY2 sourceType "
                "deletedAt",
            ),
            _table(
                "person",
                "ownerId thumbnailPath isHidden",
                person_id="id",
                person_name="name",
                birth_date="birthDate",
                image_ref="thumbnailPath",
                created_at="createdAt",
                other="ownerId isHidden faceAssetId updatedAt",
            ),
            _table(
                "assets?",
                "originalPath deviceAssetId checksum",
                image_ref="originalPath",
                captured_at="localDateTime fileCreatedAt",
                created_at="createdAt",
                other="id ownerId deviceAssetId deviceId checksum encodedVideoPath thumbhash updatedAt",
            ),
            _table(
                "asset_files?",
                "assetId path type",
                image_ref="path",
                created_at="createdAt",
                other="id assetId type updatedAt",
            ),
        ),
    ),
    Product(
        "CompreFace",
        "commits 11419b8, 4e93a40 and 14e937e",
        "exadel-inc/CompreFace java/common/src/main/java/com/exadel/frs/commonservice/entity/{Embedding,Img,Subject,Face}.java",
        (
            _table(
                "embedding",
                "subject_id embedding calculator",
                template="embedding",
                person_id="subject_id",
                other="id calculator img_id",
            ),
            _table("img", "content subject_id", image_blob="content", person_id="subject_id", other="id"),
            _table("img", "content id", image_blob="content", other="id"),
            _table("subject", "api_key subject_name", person_id="id", person_name="subject_name", other="api_key"),
            _table(
                "face",
                "face_name api_key embeddings",
                template="embeddings",
                person_id="face_name",
                other="id api_key",
            ),
        ),
    ),
    Product(
        "Frigate",
        "commit 152e585",
        "blakeblackshear/frigate frigate/models.py",
        (
            _table(
                "event",
                "label sub_label camera thumbnail has_snapshot",
                image_base64="thumbnail",
                captured_at="start_time",
                person_name="sub_label",
                other="id label camera end_time false_positive zones has_clip has_snapshot plus_id data",
            ),
            _table(
                "reviewsegment",
                "camera severity thumb_path",
                image_ref="thumb_path",
                captured_at="start_time",
                other="id camera end_time severity data",
            ),
            _table(
                "export",
                "camera video_path thumb_path",
                image_ref="thumb_path",
                other="id camera name date video_path in_progress",
            ),
            _table(
                "trigger",
                "camera embedding threshold",
                other="camera name type data threshold model embedding triggering_event_id",
            ),
            _table("vec_thumbnails", "thumbnail_embedding", other="id thumbnail_embedding"),
            _table("vec_descriptions", "description_embedding", other="id description_embedding"),
        ),
    ),
    Product(
        "Double Take",
        "commit 01290b0",
        "jakowenko/double-take api/src/util/db.util.js",
        (
            _table(
                "train",
                "fileId filename detector meta",
                person_name="name",
                image_ref="filename",
                created_at="createdAt",
                other="id fileId detector meta",
            ),
            _table(
                "file",
                "name filename meta isActive",
                person_name="name",
                image_ref="filename",
                created_at="createdAt",
                other="id meta isActive",
            ),
            _table(
                "match",
                "filename event response",
                image_ref="filename",
                created_at="createdAt",
                other="id event response",
            ),
        ),
    ),
    Product(
        "DeepFace",
        "commits 0afb72a, 1e2f1a8 and 31cf970",
        "serengil/deepface deepface/modules/database/{postgres,pgvector,sqlite,mysql}.py",
        (
            _table(
                "embeddings(_.+)?",
                "img_name face model_name detector_backend embedding face_hash",
                template="embedding",
                image_blob="face",
                image_ref="img_name",
                created_at="created_at",
                other="id face_shape model_name detector_backend aligned l2_normalized face_hash embedding_hash",
            ),
            _table(
                "embeddings_index",
                "model_name detector_backend l2_normalized index_data",
                template="index_data",
                created_at="created_at",
                other="id model_name detector_backend align l2_normalized updated_at",
            ),
            _table("embeddings_index_chunks", "index_id chunk data", template="data", other="index_id chunk"),
        ),
    ),
    Product(
        "PhotoPrism",
        "commits 7a929c8, 06ee2bc and db9b33d",
        "photoprism/photoprism internal/entity/{marker,face,subject}.go",
        (
            _table(
                "markers(_dev\\d*)?",
                "marker_type embeddings_json landmarks_json",
                template="embeddings_json",
                person_id="subj_uid",
                person_name="marker_name",
                image_ref="thumb",
                created_at="created_at",
                other="marker_uid file_uid marker_type marker_src face_id face_dist landmarks_json x y w h q size score "
                "matched_at updated_at",
            ),
            _table(
                "faces(_dev\\d*)?",
                "face_src embedding_json samples",
                template="embedding_json",
                person_id="subj_uid",
                created_at="created_at",
                other="id face_src face_kind samples sample_radius collisions collision_radius matched_at updated_at",
            ),
            _table(
                "subjects(_dev\\d*)?",
                "subj_uid subj_type subj_name",
                person_id="subj_uid",
                person_name="subj_name subj_alias",
                image_ref="thumb",
                created_at="created_at",
                other="subj_type subj_src subj_slug subj_bio subj_notes subj_favorite subj_hidden thumb_src updated_at deleted_at",
            ),
        ),
    ),
    Product(
        "LibrePhotos",
        "commits 3e38a38, 003dd9d, d59a6ce and 0093cdc",
        "LibrePhotos/librephotos api/models/{face,person,cluster,photo}.py",
        (
            _table(
                "api_face",
                "photo_id image encoding location_top",
                template="encoding",
                image_ref="image image_path",
                person_id="person_id cluster_person_id classification_person_id",
                other="id photo_id cluster_id location_top location_bottom location_left location_right cluster_probability "
                "classification_probability person_label_is_inferred person_label_probability deleted",
            ),
            _table(
                "api_cluster",
                "mean_face_encoding cluster_id person_id",
                template="mean_face_encoding",
                person_id="person_id",
                person_name="name",
                other="id cluster_id std_dev_distance mean_distance",
            ),
            _table(
                "api_person",
                "name kind",
                person_id="id",
                person_name="name",
                template="mean_face_encoding",
                other="kind",
            ),
            _table(
                "api_photo",
                "image_hash exif_timestamp added_on",
                image_ref="image_path image thumbnail_big square_thumbnail square_thumbnail_small",
                captured_at="exif_timestamp",
                created_at="added_on",
                other="image_hash encoding",
            ),
            _table(
                "api_thumbnail",
                "photo_id thumbnail_big",
                image_ref="thumbnail_big square_thumbnail square_thumbnail_small",
                other="photo_id",
            ),
        ),
    ),
    Product(
        "Nextcloud Recognize",
        "migrations 2.2.0 to 10.0.1, commits 10e54e5 and 3ac45f5",
        "nextcloud/recognize lib/Migration/Version{002002000,010000001}*.php, lib/Db/FaceDetection.php",
        (
            _table(
                "(\\w*_)?recognize_face_detections",
                "user_id file_id cluster_id",
                template="vector face_vector",
                person_id="cluster_id user_id",
                other="id file_id x y height width",
            ),
            _table("(\\w*_)?recognize_face_clusters", "title user_id", person_id="id user_id", person_name="title"),
        ),
    ),
    Product(
        "ZKTeco time and access software (ZKTime, ZKAccess)",
        "commit 3694c9e",
        "carloscampos37/WinAppGym1 WinAppGym/Models/{FaceTemp,TEMPLATE,USERINFO}.cs, WinAppGym1/Models/FaceTempEx.cs",
        (
            _table(
                "facetemp(ex)?",
                "template pin faceid valid",
                template="TEMPLATE",
                person_id="USERNO pin",
                other="TEMPLATEID SIZE FACEID VALID RESERVE ACTIVETIME VFCOUNT FaceType",
            ),
            _table(
                "userinfo",
                "userid badgenumber name",
                person_id="USERID Badgenumber SSN",
                person_name="Name",
                birth_date="BIRTHDAY",
                image_blob="PHOTO",
            ),
            _table(
                "template",
                "templateid userid fingerid template",
                person_id="USERID",
                other="TEMPLATEID FINGERID TEMPLATE",
            ),
        ),
    ),
    Product(
        "ZKTeco BioTime",
        "8.5, as public models of it have it",
        "its Django tables, as reflected in public models of iclock_biophoto, iclock_biodata and personnel_employee",
        (
            _table(
                "iclock_biophoto",
                "register_photo register_time employee_id",
                image_ref="register_photo approval_photo",
                person_id="employee_id",
                person_name="first_name last_name",
                created_at="create_time register_time",
                other="id change_time status email enroll_sn approval_state",
            ),
            _table(
                "iclock_biodata",
                "bio_tmp bio_no bio_type employee_id",
                template="bio_tmp",
                person_id="employee_id",
                other="id bio_no bio_index bio_type major_ver bio_format valid duress update_time sn",
            ),
        ),
    ),
)


def product_verdicts(tables: Sequence[TableFacts]) -> dict[tuple[str, str, str], Verdict]:
    """Find the columns of known products, by schema, table and column.

    A table with few columns of its own kind (`img`, `match`) counts only beside another one of its product.
    """
    found: dict[tuple[str, str, str], Verdict] = {}
    for product in PRODUCTS:
        fitting = [(table, known) for table in tables if (known := _fitting(product, table))]
        schemas = [table.schema for table, _ in fitting]
        for table, known in fitting:
            if len(known.telling) >= 3 or schemas.count(table.schema) > 1:
                found |= _said(product, table, known)
    return found


def _fitting(product: Product, table: TableFacts) -> ProductTable | None:
    return next((known for known in product.tables if known.fits(table)), None)


def _said(product: Product, table: TableFacts, known: ProductTable) -> dict[tuple[str, str, str], Verdict]:
    reason = f"{product.name} keeps this in `{table.name}` (schema of {product.version})"
    return {
        (table.schema, table.name, column.name): Verdict(known.columns[column.name.lower()], _CONFIDENCE, reason)
        for column in table.columns
        if column.name.lower() in known.columns
    }
