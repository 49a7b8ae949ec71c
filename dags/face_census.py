"""The nightly census: list, look, count, judge, report. One mapped task per batch of chunks, minutes of work each."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import CronPartitionTimetable, Param, dag, get_current_context, task

from plugins.pods import pod_of
from plugins.request import RunRequest
from plugins.schedule import (
    EVIDENCE_ASSET,
    REQUEST_KEY,
    asked_day,
    controller_timezone,
    first_night,
    map_limit,
    planned_request,
    request_for,
    retry_delay,
)

_DAY = {"type": ["null", "string"], "format": "date"}
_TEXT = {"type": ["null", "string"], "minLength": 1}
_NUMBER = {"type": ["null", "integer"], "minimum": 1}


@task(retries=0, executor_config=pod_of("failures"))
def failures() -> None:
    """End red when too many objects could not be looked at; by now everything is committed and reported."""
    from plugins import tasks

    tasks.check_failures(_request())


@dag(
    dag_id="face_census",
    # Midnight, because the partition is the day that has just ended, and so that `airflow backfill create
    # --from-date A --to-date B` takes in day B: its bounds are compared with this hour.
    schedule=CronPartitionTimetable("0 0 * * *", timezone=controller_timezone(), run_offset=-1, key_format="%Y-%m-%d"),
    start_date=first_night(),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": retry_delay(), "retry_exponential_backoff": True},
    params={
        "as_of": Param(None, **_DAY, description="Judge as of this day; empty: the partition's day, or today."),
        "store": Param(None, type=["null", "string"], description="Scan only this store or database; empty: all."),
        "since": Param(None, **_DAY, description="Only what was captured or changed from this day on."),
        "until": Param(None, **_DAY, description="... up to and including this day."),
        "prefix": Param(None, **_TEXT, description="Only what lies below a store's root at a path that begins so."),
        "camera": Param(None, **_TEXT, description="Only what lies in a folder of this name, at any depth."),
        "reprocess": Param(
            None,
            enum=[None, "none", "failed", "completed"],
            description="Of what is known and unchanged, look again at nothing, at what failed, or at everything.",
        ),
        "max_minutes": Param(None, **_NUMBER, description="Begin with no object after so many minutes."),
        "max_bytes": Param(None, **_NUMBER, description="Look at no more bytes; the rest is for the next run."),
    },
    tags=["facewarden"],
    doc_md=__doc__,
)
def face_census() -> None:
    """Scan the stores of facewarden.yaml, count people, judge, report."""

    @task(executor_config=pod_of("plan"))
    def plan() -> list[list[str]]:
        """List the stores and publish the chunks that must be looked at; refuse unknown parameters."""
        from plugins import tasks

        context = get_current_context()
        request = request_for(context)
        if day := asked_day(context):
            request = tasks.done_again(request, day)
        context["ti"].xcom_push(key=REQUEST_KEY, value=request.to_json())
        return tasks.batches(request, tasks.plan(request), map_limit())

    @task(executor_config=pod_of("look"))
    def look(batch: list[str]) -> dict[str, int]:
        """Look at some chunks; a retry goes on where the last try was."""
        from plugins import tasks

        return dict(tasks.look(_request(), batch))

    @task(executor_config=pod_of("registers"))
    def registers() -> None:
        """Read person records and consents."""
        from plugins import tasks

        tasks.registers(_request())

    # Nothing to look at leaves `look` skipped, which is no reason not to count and judge.
    @task(trigger_rule="none_failed", executor_config=pod_of("identities"))
    def identities() -> None:
        """Count people."""
        from plugins import tasks

        tasks.identities(_request())

    @task(executor_config=pod_of("judge"))
    def judge() -> str:
        """Judge the evidence by the policy and commit the run, whole."""
        from plugins import tasks

        return tasks.judge_and_commit(_request(), get_current_context()["dag_run"].start_date, datetime.now(UTC))

    @task(outlets=[EVIDENCE_ASSET], executor_config=pod_of("report"))
    def report() -> dict[str, str]:
        """Write the report and announce the new evidence, and of which day it speaks."""
        from plugins import tasks

        request = _request()
        get_current_context()["outlet_events"][EVIDENCE_ASSET].extra = {"as_of": request.as_of.isoformat()}
        return tasks.write_report(request)

    batches = plan()
    read = registers()
    batches >> read
    [look.expand(batch=batches), read] >> identities() >> judge() >> report() >> failures()


def _request() -> RunRequest:
    return planned_request(get_current_context())


face_census()
