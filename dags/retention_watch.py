"""Re-judges the evidence every morning, and whenever it changes: what was in time yesterday may be overdue today."""

from __future__ import annotations

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, Param, dag, get_current_context, task

from plugins.pods import pod_of
from plugins.schedule import EVIDENCE_ASSET, controller_timezone, first_night, request_for, retry_delay


@dag(
    dag_id="retention_watch",
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 6 * * *", timezone=controller_timezone()), assets=[EVIDENCE_ASSET]
    ),
    start_date=first_night(),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": retry_delay()},
    params={
        "as_of": Param(None, type=["null", "string"], format="date", description="Judge as of this day; empty: today."),
        "policy": Param(None, type=["null", "string"], description="Judge by this policy; empty: the settings'."),
    },
    tags=["facewarden"],
    doc_md=__doc__,
)
def retention_watch() -> None:
    """Judge the evidence as it stands; open no image."""

    @task(executor_config=pod_of("judge"))
    def judge() -> str:
        """Judge, commit the findings, write the report."""
        from plugins import tasks

        context = get_current_context()
        request = request_for(context)
        verdict = tasks.rejudge(request, context["dag_run"].start_date, policy=context["params"]["policy"])
        tasks.write_report(request)
        return verdict

    judge()


retention_watch()
