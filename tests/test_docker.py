"""The files in docker/ are held to what docs/docker.md promises of them; nothing here needs a Docker engine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugins.keys import KEY_FILE
from plugins.schedule import SETTINGS_VARIABLE
from plugins.settings import load_settings

ROOT = Path(__file__).resolve().parent.parent
DOCKER = ROOT / "docker"
DOCKERFILE = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
JOBS = {"migrate", "buckets"}
BY_DIGEST = re.compile(r"^[\w./-]+:(?!latest)[\w.-]+@sha256:[0-9a-f]{64}$")
# Names of variables that hold a secret, not of those that say where one is read from.
SECRET_NAME = re.compile(r"(PASSWORD|SECRET|KEY|TOKEN|CONN|BROKER_URL|RESULT_BACKEND|CREDENTIALS)$")

every_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)


def mounted_secrets(service: dict[str, Any]) -> set[str]:
    """Name the files that a service finds in /run/secrets."""
    return {entry if isinstance(entry, str) else entry["target"] for entry in service.get("secrets", [])}


def tool(name: str) -> str:
    """Find a program beside this Python or on the path; skip the test when there is none."""
    found = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def pins(lock: Path) -> dict[str, str]:
    """Read ``name==version`` out of a lock file."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", lock.read_text(encoding="utf-8"), re.MULTILINE))


# --- the compose file ------------------------------------------------------------------------------------------------


@every_service
def test_every_image_is_pinned_by_digest_or_is_our_own(service: dict[str, Any]) -> None:
    image = service["image"]
    assert BY_DIGEST.match(image) or image == "facewarden:0.1.0"


def test_our_own_image_has_the_version_of_the_package() -> None:
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert version
    ours = {service["image"] for service in SERVICES.values() if service["image"].startswith("facewarden:")}
    assert ours == {f"facewarden:{version[1]}"}


def test_our_own_image_is_built_by_one_service_and_pulled_by_none() -> None:
    ours = {name: service for name, service in SERVICES.items() if service["image"].startswith("facewarden:")}
    assert [name for name, service in ours.items() if "build" in service] == ["migrate"]
    assert {service["pull_policy"] for service in ours.values()} == {"build", "never"}


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - JOBS))
def test_every_lasting_service_has_a_health_check(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries", "start_period"} <= check.keys()


@every_service
def test_every_service_is_hardened(service: dict[str, Any]) -> None:
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["cap_drop"] == ["ALL"]
    assert service["read_only"] is True
    assert not {"privileged", "cap_add", "network_mode", "pid"} & service.keys()


@every_service
def test_every_service_has_limits(service: dict[str, Any]) -> None:
    assert {"cpus", "memory", "pids"} == service["deploy"]["resources"]["limits"].keys()


@every_service
def test_no_service_takes_a_secret_from_its_environment(service: dict[str, Any]) -> None:
    assert "env_file" not in service
    held = [name for name in service.get("environment", {}) if SECRET_NAME.search(name)]
    assert not held, f"{held} hold secrets; give them as files, by {held[0]}_CMD or {held[0]}_FILE"


def test_no_secret_is_written_in_the_file() -> None:
    text = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
    written = re.sub(r"sha256:[0-9a-f]{64}", "", text)
    assert not re.search(r"://[^/\s:]*:(?!\$\$\()[^@\s]+@", written), "an address with a password"
    assert not re.search(r"[0-9a-f]{32}|[A-Za-z0-9+/]{40}", written), "a long random value"
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())


@every_service
def test_a_service_mounts_just_the_secrets_it_reads(service: dict[str, Any]) -> None:
    said = json.dumps([service.get(part) for part in ("environment", "command", "healthcheck")])
    read = set(re.findall(r"/run/secrets/([\w.]+)", said))
    # The key file is found through `secrets:` in facewarden.yaml.
    assert mounted_secrets(service) - {KEY_FILE} == read


def test_workers_hold_no_key_of_the_metadata_database() -> None:
    worker = SERVICES["worker"]
    assert not mounted_secrets(worker) & {"sql_alchemy_conn", "fernet_key", "jwt_secret", "api_secret_key"}
    assert worker["networks"] == ["work"]
    assert "work" not in SERVICES["postgres"]["networks"]


@every_service
def test_published_ports_are_of_this_machine_only(service: dict[str, Any]) -> None:
    assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", []))


def test_only_the_api_server_is_reachable_and_only_its_network_leads_out() -> None:
    assert [name for name, service in SERVICES.items() if service.get("ports")] == ["api-server"]
    open_networks = {name for name, network in COMPOSE["networks"].items() if not network.get("internal")}
    assert [name for name, service in SERVICES.items() if open_networks & set(service["networks"])] == ["api-server"]


def test_there_are_two_workers_with_celery_and_fab() -> None:
    environment = SERVICES["worker"]["environment"]
    assert SERVICES["worker"]["deploy"]["replicas"] == 2
    assert environment["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
    assert environment["AIRFLOW__CORE__AUTH_MANAGER"].endswith(".FabAuthManager")


def test_mounted_files_and_shared_things_are_all_declared_and_used() -> None:
    for kind in ("configs", "secrets", "volumes", "networks"):
        used = set()
        for service in SERVICES.values():
            for entry in service.get(kind, []):
                used.add(entry["source"] if isinstance(entry, dict) else str(entry).split(":")[0])
        assert used == set(COMPOSE[kind]), kind
    assert all((DOCKER / config["file"]).is_file() for config in COMPOSE["configs"].values())


def test_the_settings_of_the_containers_are_valid_and_mounted_where_airflow_looks() -> None:
    settings = load_settings(DOCKER / "facewarden.yaml")
    worker = SERVICES["worker"]
    assert settings.secrets == "/run/secrets"
    assert KEY_FILE in mounted_secrets(worker)
    assert worker["configs"] == [{"source": "settings", "target": worker["environment"][SETTINGS_VARIABLE]}]


def test_the_storage_policy_covers_the_buckets_of_the_settings() -> None:
    settings = load_settings(DOCKER / "facewarden.yaml")
    policy = json.loads((DOCKER / "minio-policy.json").read_text(encoding="utf-8"))
    may = {
        (action.removeprefix("s3:"), resource.removeprefix("arn:aws:s3:::").removesuffix("/*"))
        for statement in policy["Statement"]
        for action in statement["Action"]
        for resource in statement["Resource"]
    }
    scanned = {str(store.url).removeprefix("s3://").split("/")[0] for store in settings.stores}
    written = {
        url.removeprefix("s3://").split("/")[0] for url in (settings.evidence, settings.reports, settings.vectors.url)
    }
    assert may >= {(action, bucket) for action in ("GetObject", "ListBucket") for bucket in scanned | written}
    assert {bucket for action, bucket in may if action in {"PutObject", "DeleteObject"}} == written
    made = SERVICES["buckets"]["command"][0]
    assert all(f"minio/{bucket}" in made for bucket in scanned | written)


def test_the_page_makes_every_secret_and_ours_are_kept_out_of_git() -> None:
    page = (ROOT / "docs" / "docker.md").read_text(encoding="utf-8")
    files = [Path(secret["file"]) for secret in COMPOSE["secrets"].values()]
    assert {file.parent for file in files} == {Path("secrets")}
    silent = [file.name for file in files if not re.search(rf"\b{re.escape(file.name)}\b", page)]
    assert not silent, f"docs/docker.md does not make {silent}"
    assert "/secrets/" in (DOCKER / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_the_commands_of_the_page_make_secrets_that_fit(tmp_path: Path) -> None:
    tool("openssl")
    page = (ROOT / "docs" / "docker.md").read_text(encoding="utf-8")
    (commands,) = [block for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) if "openssl" in block]
    (tmp_path / "docker").mkdir()
    subprocess.run(["sh", "-euc", commands], cwd=tmp_path, check=True, capture_output=True)
    made = {file.name: file.read_bytes() for file in (tmp_path / "docker" / "secrets").iterdir()}
    assert set(made) == {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()}
    assert len(made[KEY_FILE]) == 32
    assert len(made["jwt_secret"]) >= 64
    assert re.fullmatch(rb"[\w-]{43}=", made["fernet_key"])
    assert made["redis_password"] in made["celery_broker_url"]
    assert made["postgres_password"] in made["sql_alchemy_conn"]
    assert oct((tmp_path / "docker" / "secrets").stat().st_mode)[-3:] == "700"


def test_docker_compose_accepts_the_file() -> None:
    subprocess.run([tool("docker-compose"), "--file", str(DOCKER / "compose.yaml"), "config", "--quiet"], check=True)


# --- the image -------------------------------------------------------------------------------------------------------


def instructions(word: str) -> list[str]:
    """Give what follows an instruction of the Dockerfile, continued lines joined."""
    return re.findall(rf"^{word} (.+)$", DOCKERFILE.replace("\\\n", " "), re.MULTILINE)


def test_the_image_starts_from_a_pinned_slim_python_and_ends_as_an_unprivileged_user() -> None:
    stages = {line.split(" AS ")[-1] for line in instructions("FROM")}
    outside = [line.split(" AS ")[0] for line in instructions("FROM") if line.split(" AS ")[0] not in stages]
    assert [bool(BY_DIGEST.match(image)) and "-slim-" in image for image in outside] == [True]
    assert instructions("USER") == ["10001:10001"]
    last_stage = DOCKERFILE.rsplit("\nFROM ", 1)[1]
    assert "USER 10001:10001" in last_stage


def test_the_image_installs_by_hash_and_compiles() -> None:
    install = next(line for line in instructions("RUN") if "requirements.lock" in line)
    assert all(flag in install for flag in ("--no-deps", "--require-hashes", "--compile-bytecode"))
    assert any("facewarden models install" in line for line in instructions("RUN"))


def test_debian_packages_are_those_two() -> None:
    (line,) = [line for line in instructions("RUN") if "apt-get install" in line]
    installed = re.search(r"apt-get install --yes --no-install-recommends ([^&]+)&&", line)
    assert installed
    assert installed[1].split() == ["libegl1", "libgles2"]


def test_the_docker_folder_is_left_out_of_the_image() -> None:
    copied = [part for line in instructions("COPY") for part in line.split()]
    assert not [part for part in copied if part.startswith("docker")]
    kept = [line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")]
    assert [line for line in kept if line.startswith("!docker")] == ["!docker/requirements.lock"]


def test_the_build_gets_only_what_is_listed() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    sources = {part for line in instructions("COPY") if "--from" not in line for part in line.split()[:-1]}
    sources |= set(re.findall(r"source=([\w./-]+)", DOCKERFILE))
    assert {rule.removeprefix("!") for rule in rules if rule.startswith("!")} == sources
    assert not [source for source in sources if not (ROOT / source).exists()]


def test_airflow_finds_its_folders_where_the_image_has_them() -> None:
    said = dict(re.findall(r"(\w+)=(\S+)", " ".join(instructions("ENV"))))
    app = Path("/opt/facewarden/app")
    assert said["AIRFLOW__CORE__DAGS_FOLDER"] == str(app / "dags")
    assert said["AIRFLOW__CORE__PLUGINS_FOLDER"] == str(app / "plugins")
    assert instructions("WORKDIR")[-1] == str(app)


def test_hadolint_finds_nothing() -> None:
    subprocess.run([tool("hadolint"), str(DOCKER / "Dockerfile")], check=True)


# --- the folder and its lock -----------------------------------------------------------------------------------------


def test_there_is_no_python_in_docker() -> None:
    # With the project's root on the path an `import docker` would find it instead of Docker's own package.
    assert not [path for path in DOCKER.rglob("*") if path.suffix in {".py", ".pyc"}]


def test_the_lock_of_the_image_agrees_with_the_lock_of_the_project() -> None:
    project, image = pins(ROOT / "requirements.lock"), pins(DOCKER / "requirements.lock")
    differ = {name: (version, image.get(name)) for name, version in project.items() if image.get(name) != version}
    assert not differ, "make docker/requirements.lock anew (docs/docker.md)"
    wanted = ("celery", "postgres", "redis", "fab")
    assert {f"apache-airflow-providers-{name}" for name in wanted} <= image.keys()


def test_celery_is_one_that_its_airflow_provider_can_import() -> None:
    image = pins(DOCKER / "requirements.lock")
    assert image["apache-airflow-providers-celery"] == "3.26.0", (
        "look whether `celery<5.7` in pyproject.toml is still needed"
    )
    assert image["celery"] == "5.6.3"


def test_every_requirement_has_hashes_and_no_index_is_named() -> None:
    text = (DOCKER / "requirements.lock").read_text(encoding="utf-8")
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", text)
    blocks = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    assert blocks
    assert not [block.split()[0] for block in blocks if "--hash=sha256:" not in block]
