"""
### Work orders from IDS, for ProResponse.

Each dealer's files of service work orders, collected from the server to which IDS delivers them, and written into the
customers' history as Work Order activities on the right contact. Which files are whose, where they lie and how they are
written says the dealer's feed: `make feeds ARGS="list --interface proresponse_service"`.

**Path** `sftp <feed>` → archive → row check, gate (Great Expectations) → `crm.activity`, `crm.contact`; then the file
is removed at the partner, if its feed says so and it is still the file that was read

**When** Half a minute after new files stand still, by a watch that holds no worker, and every hour for what the watch
missed. A file that is still being written is taken by the next run.

**When it is red** `collect`: the ledger does not answer; a partner that does not answer costs its own feeds only, and
`conclude` says which. `check`, `apply`: ours or the database's; clear the task, each goes on where it stopped.
`remove`: the import stands, the next run tries again. `conclude`: names each file that is held or rejected and why,
each feed that could not be looked into, and each file that has not come; the other files are imported. A run is red for
what is new; what waits from before is told in its log.

**By hand** Trigger without parameters: a run takes whatever is there, and nothing twice. There is nothing to backfill:
files are told apart by what they are, not by days. Held and rejected files wait for `make feeds ARGS="release …"`,
`reject` or `reopen`; rejected rows for `make crm ARGS="correct …"` or `discard`; doubts about whose an activity is for
`make crm ARGS="review …"`.
"""

from airflow.sdk import Asset, AssetOrTimeSchedule, AssetWatcher, CronTriggerTimetable, dag
from pendulum import datetime, duration

from include.contract import load_contract
from include.dag_defaults import ARCHIVE, DEFAULT_ARGS, REPORTS, STABLE_SECONDS, STAGING
from plugins.operators.apply_files import ApplyFilesOperator
from plugins.operators.build_report import BuildReportOperator
from plugins.operators.check_files import CheckFilesOperator
from plugins.operators.collect_files import CollectFilesOperator
from plugins.operators.conclude_imports import ConcludeImportsOperator
from plugins.operators.remove_files import RemoveFilesOperator
from plugins.triggers.new_files import NewFilesTrigger

contract = load_contract("proresponse_service")
new_files = Asset(
    "proresponse_service_files",
    watchers=[AssetWatcher(name="proresponse_service_watch", trigger=NewFilesTrigger(interface="proresponse_service"))],
)


@dag(
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("10 * * * *", timezone="America/New_York"), assets=[new_files]
    ),
    start_date=datetime(2026, 1, 1, tz="America/New_York"),
    description=contract.summary,
    catchup=False,
    # A run takes whatever waits: a second one beside it would find nothing to do.
    max_active_runs=1,
    dagrun_timeout=duration(hours=3),
    default_args=DEFAULT_ARGS,
    doc_md=__doc__,
    tags=["partner:proresponse", "direction:inbound", "tier:2"],
)
def proresponse_service() -> None:
    collect = CollectFilesOperator(
        task_id="collect",
        interface=contract.id,
        stable_seconds=STABLE_SECONDS,
        archive_url=ARCHIVE,
        pool="proresponse_sftp",
    )
    check = CheckFilesOperator(
        task_id="check", contract=contract, staging_url=STAGING, archive_url=ARCHIVE, reports_url=REPORTS
    )
    apply = ApplyFilesOperator(task_id="apply", contract=contract, staging_url=STAGING)
    remove = RemoveFilesOperator(task_id="remove", interface=contract.id, archive_url=ARCHIVE, pool="proresponse_sftp")
    conclude = ConcludeImportsOperator(
        task_id="conclude", contract=contract, run=collect.output, trigger_rule="all_done", retries=0
    )
    report = BuildReportOperator(task_id="report", contract=contract, reports_url=REPORTS)

    collect >> check >> apply >> remove >> conclude >> report.as_teardown()


proresponse_service()
