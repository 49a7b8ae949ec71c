"""docker/values.yaml and what it gives each task's pod; nothing here needs a cluster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugins.pods import PODS_VARIABLE, BadPods, pod_of

ROOT = Path(__file__).resolve().parent.parent
VALUES: dict[str, Any] = yaml.safe_load((ROOT / "docker" / "values.yaml").read_text(encoding="utf-8"))
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8"))
ENV = {entry["name"]: entry["value"] for entry in VALUES["env"]}
PODS: dict[str, dict[str, str]] = json.loads(ENV[PODS_VARIABLE])
TASKS = {"plan", "look", "registers", "identities", "judge", "report", "failures"}

SHOW = """
import json, sys
from dags.face_census import face_census
from kubernetes.client import ApiClient
found = {t.task_id: t for t in face_census().tasks}
pods = {name: (getattr(task, "executor_config", None) or {}).get("pod_override") for name, task in found.items()}
print(json.dumps(ApiClient().sanitize_for_serialization(pods)))
"""


def pods(executor: str) -> dict[str, Any]:
    """Give the pods of the DAG's tasks as the API server of Kubernetes would get them."""
    env = os.environ | {"AIRFLOW__CORE__EXECUTOR": executor, PODS_VARIABLE: ENV[PODS_VARIABLE]}
    done = subprocess.run([sys.executable, "-c", SHOW], env=env, cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def test_every_task_has_a_pod_of_its_own_size_under_kubernetes() -> None:
    found = pods("KubernetesExecutor")
    assert set(found) == set(PODS) == TASKS
    for task, pod in found.items():
        (container,) = pod["spec"]["containers"]
        assert container["name"] == "base", "the name by which Airflow fits it into the pod template"
        asked = container["resources"]
        assert asked == {"requests": PODS[task], "limits": {"memory": PODS[task]["memory"]}}


def test_airflow_fits_the_pod_of_a_task_into_its_template(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
    from kubernetes.client import models as k8s

    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "KubernetesExecutor")
    monkeypatch.setenv(PODS_VARIABLE, ENV[PODS_VARIABLE])
    template = k8s.V1Pod(spec=k8s.V1PodSpec(containers=[k8s.V1Container(name="base", image="facewarden:0.1.0")]))
    (container,) = PodGenerator.reconcile_pods(template, pod_of("look")["pod_override"]).spec.containers
    assert container.image == "facewarden:0.1.0"
    assert container.resources.requests == PODS["look"]


def test_other_executors_are_asked_for_nothing() -> None:
    assert set(pods("LocalExecutor").values()) == {None}


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"look": {"cpu": 1}}', '{"look": {"cpu": 1, "memory": "2Gi"}}'],
    ids=["cut", "list", "half", "number"],
)
def test_pods_that_make_no_sense_are_refused_in_one_line(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PODS_VARIABLE, text)
    with pytest.raises(BadPods, match="give tasks with cpu and memory"):
        pod_of("look")


def test_a_task_that_is_not_named_has_what_the_template_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "KubernetesExecutor")
    monkeypatch.delenv(PODS_VARIABLE, raising=False)
    assert pod_of("look") == {}


def test_kubernetes_runs_the_image_the_user_and_the_settings_of_the_compose_file() -> None:
    worker = COMPOSE["services"]["worker"]
    assert worker["image"] == f"facewarden:{VALUES['images']['airflow']['tag']}"
    assert VALUES["executor"] == "KubernetesExecutor"
    for name in ("AIRFLOW__CORE__AUTH_MANAGER", "FACEWARDEN_SETTINGS", "AWS_DEFAULT_REGION"):
        assert ENV[name] == worker["environment"][name], name
    assert f"USER {VALUES['uid']}:{VALUES['gid']}" in (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")


def test_airflow_of_the_values_is_the_one_that_is_locked() -> None:
    assert f"apache-airflow=={VALUES['airflowVersion']} " in (ROOT / "docker" / "requirements.lock").read_text()


def test_no_secret_is_in_the_values() -> None:
    named = [VALUES["data"]["metadataSecretName"], *(VALUES[n] for n in VALUES if n.endswith("SecretName"))]
    assert set(named) == {"facewarden-airflow"}
    assert not [name for name in ENV if name.endswith(("SECRET", "PASSWORD", "CONN", "KEY"))]


def test_only_who_reads_pictures_or_reports_holds_the_key() -> None:
    held = {part for part in VALUES if "secretName" in json.dumps(VALUES[part])}
    assert held == {"workers", "apiServer"}


def test_every_lasting_part_says_what_it_takes() -> None:
    for part in ("apiServer", "scheduler", "dagProcessor", "triggerer"):
        assert {"requests", "limits"} <= VALUES[part]["resources"].keys()
