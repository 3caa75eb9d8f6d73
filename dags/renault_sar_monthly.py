"""
### Monthly SAR to Renault.

Trade parts sales of every Renault and Dacia dealer, one file per dealer and calendar month, to Renault: the standard
monthly version, whether or not the dealer takes part in the trade-partner scheme. The month is the one that the
documents are dated in, by the dealer's own clock. A month without sales is said with an empty file.

**Path** `dms.v_parts_documents`, `dms.v_parts_document_lines` → staging → row check → archive → gate (Great
Expectations) → reconciliation with the daily files to Merkle → `sftp renault:/inbound/sar`

**Why it differs from the daily files** Those go by the day of posting. A late credit, a back-dated invoice or a line
corrected since is explained, listed and sent; a difference that nothing explains, or a daily file still held, holds the
dealer's month. `make reconciliation MONTH=2026-10` shows both sides; the quality report has a page for each month.

**When it is red** `extract`: the DMS does not answer, the month is not over, or `dealers` names nobody; the log says
which. `check`, `render`, `reconcile`: ours; clear the task, it works on the same rows. `publish`: a dropped line is
tried again by itself; a changed host key is not, ring Renault before you touch the connection. `conclude`: names each
file that is held and why; the other dealers' files went. Nothing is ever sent twice: clearing any task is safe. After
an outage of more than a month only the last one is sent by itself: backfill the months between.

**By hand** Trigger with `month` (one that has ended, as 2026-10) and, if you like, `dealers`; or start a Backfill over
past months. A month already delivered is compared: same content, nothing happens; other content, a correction is
proposed. With `mode` preview all of it is done but nothing is sent: `conclude` says what delivering would do. Held and
proposed files wait for `make release`, `make reject` or `make redeliver`.
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
from plugins.operators.reconcile_files import ReconcileFilesOperator
from plugins.operators.render_files import RenderFilesOperator
from plugins.timetables import WorkingDayOfMonthTimetable

contract = load_contract("renault_sar_monthly")


@dag(
    schedule=WorkingDayOfMonthTimetable("Europe/Paris", country="FR", working_day=2, deliver_at="05:00"),
    start_date=datetime(2026, 1, 1, tz="Europe/Paris"),
    description=contract.summary,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=duration(hours=3),
    default_args=DEFAULT_ARGS,
    params={
        "month": Param(
            None,
            type=["null", "string"],
            pattern="^[0-9]{4}-(0[1-9]|1[0-2])$",
            title="Month",
            description="The month to send as YYYY-MM, if not the run's own; it must have ended.",
        ),
        "dealers": Param(
            None,
            type=["null", "array"],
            items={"type": "string", "pattern": "^[0-9A-Za-z:]{1,20}$"},
            title="Dealers",
            description="Dealer codes, one per line; empty means every Renault and Dacia dealer.",
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
    tags=["partner:renault", "direction:outbound", "tier:1"],
)
def renault_sar_monthly() -> None:
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
    reconcile = ReconcileFilesOperator(
        task_id="reconcile",
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
        sftp_conn_id="renault_sftp",
        archive_url=ARCHIVE,
        pool="renault_sftp",
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

    extract >> check >> render >> reconcile >> publish >> conclude >> report.as_teardown()


renault_sar_monthly()
