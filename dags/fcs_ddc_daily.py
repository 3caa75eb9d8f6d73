"""
### Daily DDC to FCS, for Stellantis.

What moved at each point of sale in a day: customers created, changed or erased, and the invoices and credits of
workshop, parts counter, new and used vehicle sales. One XML file per point of sale (RRDI code) to FCS, who keep it for
the point of sale and share with Stellantis' applications what the point of sale authorised.

**Path** `dms.v_ddc_…` → staging → row check → archive → gate (XML schema, Great Expectations) → `sftp
fcs:/inbound/ddc`, each file with a manifest for every application beside it

**Withheld** is not red: without both signatures (data processing agreement, service contract) nothing of a point of
sale leaves, and nobody can release it; `conclude` counts and names them. The day of the second signature is the first
that goes.

**When it is red** `extract`: the DMS does not answer, or the day is not over. `check`, `render`: ours; clear the task.
`publish`: a dropped line is tried again by itself; a changed host key is not, ring FCS before you touch the connection.
`conclude`: names each file that is held and why. A held file keeps the later ones of its point of sale waiting, since
movements must arrive in order; the other points of sale went.

**After an outage** nothing needs doing: each file begins where the last one ended, so the next run makes a file for
every day that was missed, and sends what still waited, oldest first.

**By hand** Trigger with `business_date` (a day that has ended) and, if you like, `dealers` (RRDI codes). With `mode`
preview nothing is sent. Held and proposed files wait for `make release`, `make reject` or `make redeliver`.
"""

from airflow.sdk import Param, dag
from pendulum import datetime, duration

from include.contract import load_contract
from include.dag_defaults import ARCHIVE, DEFAULT_ARGS, REPORTS, STAGING
from plugins.operators.build_report import BuildReportOperator
from plugins.operators.check_rows import CheckRowsOperator
from plugins.operators.conclude_run import ConcludeRunOperator
from plugins.operators.extract_rows import ExtractRowsOperator
from plugins.operators.publish_files import PublishFilesOperator
from plugins.operators.render_files import RenderFilesOperator
from plugins.timetables import BusinessDayTimetable

contract = load_contract("fcs_ddc_daily")


@dag(
    # Just after the day has ended in Paris: a window that closed in the evening would cut late invoices in two.
    schedule=BusinessDayTimetable("Europe/Paris", deliver_at="00:20"),
    start_date=datetime(2026, 1, 1, tz="Europe/Paris"),
    description=contract.summary,
    catchup=False,
    # Windows follow each other: two runs beside each other would both plan what was missed.
    max_active_runs=1,
    dagrun_timeout=duration(hours=3),
    default_args=DEFAULT_ARGS,
    params={
        "business_date": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Business date",
            description="The day to send, if not the run's own; it must have ended.",
        ),
        "dealers": Param(
            None,
            type=["null", "array"],
            items={"type": "string", "pattern": "^[0-9A-Za-z:]{1,20}$"},
            title="Points of sale",
            description="RRDI codes, one per line; empty means every point of sale.",
        ),
        "mode": Param(
            "deliver",
            type="string",
            enum=["deliver", "preview"],
            title="Mode",
            description="A preview does everything but send, and says what delivering would do.",
        ),
    },
    doc_md=__doc__,
    tags=["partner:fcs", "direction:outbound", "tier:1"],
)
def fcs_ddc_daily() -> None:
    extract = ExtractRowsOperator(task_id="extract", contract=contract, staging_url=STAGING)
    check = CheckRowsOperator(
        task_id="check",
        contract=contract,
        run=extract.output,
        staging_url=STAGING,
        archive_url=ARCHIVE,
    )
    render = RenderFilesOperator(
        task_id="render",
        contract=contract,
        run=extract.output,
        staging_url=STAGING,
        archive_url=ARCHIVE,
        reports_url=REPORTS,
    )
    publish = PublishFilesOperator(
        task_id="publish",
        contract=contract,
        run=extract.output,
        sftp_conn_id="fcs_sftp",
        archive_url=ARCHIVE,
        pool="fcs_sftp",
    )
    conclude = ConcludeRunOperator(
        task_id="conclude",
        contract=contract,
        run=extract.output,
        staging_url=STAGING,
        archive_url=ARCHIVE,
        trigger_rule="all_done",
        retries=0,
    )
    report = BuildReportOperator(task_id="report", contract=contract, reports_url=REPORTS)

    extract >> check >> render >> publish >> conclude >> report.as_teardown()


fcs_ddc_daily()
