"""
### Daily SAR to Merkle.

Trade parts sales of each trade-partner dealer, one file per dealer and business day, to Merkle, who run the
trade-partner scheme for Renault aftersales. A day without sales is said with an empty file.

**Path** `dms.v_parts_documents`, `dms.v_parts_document_lines` → staging → row check → archive → gate (Great
Expectations) → `sftp merkle:/inbound/sar`

**When it is red** `extract`: the DMS does not answer, the day is not over, or `dealers` names nobody; the log says
which. `check`, `render`: ours; clear the task, it works on the same rows. `publish`: a dropped line is tried again by
itself; a changed host key is not, ring Merkle before you touch the connection. `conclude`: names each file that is held
and why; the other dealers' files went. Nothing is ever sent twice: clearing any task is safe. After an outage of some
days only the last one is sent by itself: backfill the days between.

**By hand** Trigger with `business_date` (a day that has ended) and, if you like, `dealers`; or start a Backfill over
past days. A day already delivered is compared: same content, nothing happens; other content, a revision is proposed.
With `mode` preview all of it is done but nothing is sent: `conclude` says what delivering would do. Held and proposed
files wait for `make release`, `make reject` or `make redeliver`.
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

contract = load_contract("merkle_sar_daily")


@dag(
    schedule=BusinessDayTimetable("Europe/London", deliver_at="02:30"),
    start_date=datetime(2026, 1, 1, tz="Europe/London"),
    description=contract.summary,
    catchup=False,
    max_active_runs=2,
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
            title="Dealers",
            description="Dealer codes, one per line; empty means every trade-partner dealer.",
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
    tags=["partner:merkle", "direction:outbound", "tier:1"],
)
def merkle_sar_daily() -> None:
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
        sftp_conn_id="merkle_sftp",
        archive_url=ARCHIVE,
        pool="merkle_sftp",
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


merkle_sar_daily()
