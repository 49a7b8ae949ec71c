"""What each task's pod is given by the KubernetesExecutor; nothing at all under any other executor.

Imported while DAG files are parsed: the Kubernetes client is loaded only where it is the executor's.
"""

from __future__ import annotations

import json
import os
from typing import Any

PODS_VARIABLE = "FACEWARDEN_PODS"


class BadPods(Exception):
    """What tasks' pods are to be given cannot be read."""


def pod_of(task: str) -> dict[str, Any]:
    """Give the ``executor_config`` of a task: CPU and memory of its pod.

    They stand in ``FACEWARDEN_PODS`` as JSON: ``{"look": {"cpu": "1", "memory": "2Gi"}}``. A task that is not named
    there has what the pod template gives. A pod asks for as much memory as it may take: what is lent may be taken back.

    Raises:
        BadPods: the variable holds something else.
    """
    from airflow.sdk.configuration import conf

    asked = _read(os.environ.get(PODS_VARIABLE, "{}")).get(task)
    if not asked or "Kubernetes" not in conf.get("core", "executor"):
        return {}
    from kubernetes.client import models as k8s

    resources = k8s.V1ResourceRequirements(requests=asked, limits={"memory": asked["memory"]})
    container = k8s.V1Container(name="base", resources=resources)
    return {"pod_override": k8s.V1Pod(spec=k8s.V1PodSpec(containers=[container]))}


def _read(text: str) -> dict[str, dict[str, str]]:
    allowed = 'tasks with cpu and memory, like {"look": {"cpu": "1", "memory": "2Gi"}}'
    try:
        read = json.loads(text)
    except ValueError as error:
        raise BadPods(f"{PODS_VARIABLE} is no JSON: {error}; give {allowed}") from error
    if not isinstance(read, dict) or any(not _is_pod(pod) for pod in read.values()):
        raise BadPods(f"{PODS_VARIABLE} names no pods; give {allowed}")
    return read


def _is_pod(pod: Any) -> bool:
    return isinstance(pod, dict) and set(pod) == {"cpu", "memory"} and all(isinstance(v, str) for v in pod.values())
