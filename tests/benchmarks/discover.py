"""Discovery of facial data in databases, against the labelled corpus of schemas in tests/corpus.

Builds every schema in SQLite, and in PostgreSQL and MariaDB where they answer, runs ``facewarden discover`` on each
as a user would, and prints precision and recall by class, then a line for each column that was classed wrongly.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from measuring import Figures

sys.path.append(str(Path(__file__).resolve().parents[2]))
from tests.corpus.build import build
from tests.corpus.schemas import CLASSES, schemas

COMMAND = (str(Path(sys.executable).with_name("facewarden")), "discover")
POSTGRES = os.environ.get("FACEWARDEN_TEST_POSTGRES", "postgresql://root@127.0.0.1:5432/test")
MARIADB = os.environ.get("FACEWARDEN_TEST_MARIADB", "mariadb://root@127.0.0.1:3306/test")
# What the issue asks of: 0.98 precision and 0.95 recall over the columns that hold or name a picture, or a template.
FACIAL = frozenset({"image_blob", "image_base64", "image_ref", "template"})

Place = tuple[str, str, str]  # schema of the corpus, table, column


@dataclass(frozen=True, slots=True)
class Built:
    """The corpus in one kind of database."""

    urls: tuple[str, ...]
    names: Mapping[str, str]  # what the command calls a database or schema -> the schema of the corpus


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the command said of one column."""

    label: str
    confidence: float


def measure() -> Figures:
    figures: Figures = {}
    for backend, made in (("sqlite", in_sqlite), ("postgres", in_postgres), ("mariadb", in_mariadb)):
        with made() as built:
            if built is None:
                print(f"{backend}: no server answers, left out")
                continue
            start = time.perf_counter()
            said = discover(built)
            seconds = time.perf_counter() - start
        scored = score(backend, expected(), said)
        figures |= {f"discover_{backend}_{name}": value for name, value in scored.items()}
        figures[f"discover_{backend}_seconds"] = seconds
    return figures


def expected() -> dict[Place, str]:
    return {
        (schema.name, table.name, column.name): column.label
        for schema in schemas()
        for table in schema.tables
        for column in table.columns
    }


def discover(built: Built) -> dict[Place, Verdict]:
    """Run the command on all databases at once and give its verdicts by place in the corpus."""
    done = subprocess.run([*COMMAND, *built.urls, "--format", "json"], capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["nothing on standard error"])[-1]
        sys.exit(f"facewarden discover ended with exit code {done.returncode}: {last}")
    return {
        (name, row["table"], row["column"]): Verdict(row["class"], row["confidence"])
        for row in json.loads(done.stdout)
        if (name := built.names.get(row["schema"] or "") or built.names.get(row["database"]))
    }


def score(backend: str, want: Mapping[Place, str], said: Mapping[Place, Verdict]) -> Figures:
    """Print precision and recall by class and every mistake, and give the figures."""
    got = {place: said[place].label if place in said else "missing" for place in want}
    print(f"{backend}: {len(want)} columns, {len(set(said) - set(want))} more than were built")
    for label in CLASSES:
        print(f"  {label:15}" + _line(*_counts(want, got, frozenset({label}))))
    for place, label in want.items():
        if got[place] != label:
            sure = f", confidence {said[place].confidence:.2f}" if place in said else ""
            print(f"  {'.'.join(place)} {label} -> {got[place]}{sure}")
    right, claimed, there = _counts(want, got, FACIAL)
    return {
        "facial_precision": right / claimed if claimed else 0.0,
        "facial_recall": right / there,
        "person_ids_missed_beside_templates": float(_missed_people(want, got)),
        "accuracy": sum(got[place] == label for place, label in want.items()) / len(want),
    }


def _counts(want: Mapping[Place, str], got: Mapping[Place, str], labels: frozenset[str]) -> tuple[int, int, int]:
    """Count the columns rightly given one of these classes, those given one, and those that are of one."""
    tally = Counter((label in labels, got[place] in labels, got[place] == label) for place, label in want.items())
    right = tally[True, True, True]
    claimed = sum(count for (_, said, _), count in tally.items() if said)
    there = sum(count for (is_one, _, _), count in tally.items() if is_one)
    return right, claimed, there


def _line(right: int, claimed: int, there: int) -> str:
    precision = f"{right / claimed:.3f}" if claimed else "  -  "
    recall = f"{right / there:.3f}" if there else "  -  "
    return f" precision {precision}  recall {recall}  of {there:4}, claimed {claimed:4}"


def _missed_people(want: Mapping[Place, str], got: Mapping[Place, str]) -> int:
    with_template = {place[:2] for place, label in want.items() if label == "template"}
    return sum(
        label == "person_id" and got[place] != label and place[:2] in with_template for place, label in want.items()
    )


@contextmanager
def in_sqlite() -> Iterator[Built | None]:
    with tempfile.TemporaryDirectory(prefix="facewarden-corpus-") as folder:
        urls = {schema.name: f"sqlite:///{folder}/{schema.name}.db" for schema in schemas()}
        _fill(urls)
        yield Built(tuple(urls.values()), {name: name for name in urls})


@contextmanager
def in_postgres() -> Iterator[Built | None]:
    """Make one database with a schema for each of the corpus, and pgvector where it can be had."""
    database, server = f"facewarden_{uuid.uuid4().hex[:8]}", sa.make_url(POSTGRES).set(drivername="postgresql+psycopg")
    with ExitStack() as stack:
        run = _server(server, stack)
        if run is None:
            yield None
            return
        _made(run, f"CREATE DATABASE {database}", f"DROP DATABASE {database} WITH (FORCE)", stack)
        inside = _server(server.set(database=database), stack)
        assert inside is not None
        try:
            inside("CREATE EXTENSION vector")
        except sa.exc.DBAPIError:
            print("postgres: no pgvector here, vectors are texts")
        for schema in schemas():
            inside(f"CREATE SCHEMA {schema.name}")
        there = server.set(database=database)
        _fill(
            {
                schema.name: there.update_query_dict({"options": f"-csearch_path={schema.name}"}).render_as_string(
                    hide_password=False
                )
                for schema in schemas()
            }
        )
        url = there.set(drivername="postgresql").render_as_string(hide_password=False)
        yield Built((url,), {schema.name: schema.name for schema in schemas()})


@contextmanager
def in_mariadb() -> Iterator[Built | None]:
    """Make one database for each schema of the corpus."""
    prefix, server = f"facewarden_{uuid.uuid4().hex[:8]}_", sa.make_url(MARIADB).set(drivername="mariadb+pymysql")
    with ExitStack() as stack:
        run = _server(server, stack)
        if run is None:
            yield None
            return
        for schema in schemas():
            name = prefix + schema.name
            _made(run, f"CREATE DATABASE {name} CHARACTER SET utf8mb4", f"DROP DATABASE {name}", stack)
        there = {schema.name: server.set(database=prefix + schema.name) for schema in schemas()}
        _fill({name: url.render_as_string(hide_password=False) for name, url in there.items()})
        urls = [url.set(drivername="mariadb").render_as_string(hide_password=False) for url in there.values()]
        yield Built(tuple(urls), {prefix + name: name for name in there})


def _fill(urls: Mapping[str, str]) -> None:
    for schema in schemas():
        engine = sa.create_engine(urls[schema.name])
        build(schema, engine)
        engine.dispose()


def _server(url: sa.URL, stack: ExitStack) -> Callable[[str], None] | None:
    """Give a function that runs a statement there; None where no server answers."""
    engine = sa.create_engine(url, connect_args={"connect_timeout": 3}, isolation_level="AUTOCOMMIT")
    stack.callback(engine.dispose)

    def run(statement: str) -> None:
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)

    try:
        run("SELECT 1")
    except sa.exc.OperationalError:
        return None
    return run


def _made(run: Callable[[str], None], make: str, drop: str, stack: ExitStack) -> None:
    run(make)
    stack.callback(run, drop)
