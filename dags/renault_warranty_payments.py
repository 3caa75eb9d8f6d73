"""
### Warranty payments from Renault, into the dealers' warranty books.

The manufacturer's payment files (self-billed invoices, several retail dealers in each), collected from its server, each
line matched to the claim that it is for, and all of its money posted. Which files are taken says the feed:
`make feeds ARGS="list --interface renault_warranty_payments"`.

**Path** `sftp <feed>` → archive → row check, header totals, gate (Great Expectations) → match and post in one
transaction: `warranty.assessment`, `warranty.entry`; then the file is removed at the partner, if its feed says so and
it is still the file that was read

**When** Half a minute after new files stand still, by a watch that holds no worker, and every hour for what the watch
missed.

**When it is red** `collect`: the ledger does not answer; a partner that does not answer costs its own feeds only, and
`conclude` says which. `check`, `post`: ours or the database's; clear the task, each goes on where it stopped. `remove`:
the posting stands, the next run tries again. `conclude`: names each file that is refused (its totals, a row of it: ask
Renault for it again) or held (its document was posted with other content), money in suspense because a retail dealer
code is nobody's here, and each feed that could not be looked into or brought nothing in its week. A run is red for what
is new; what waits from before is told in its log.

**By hand** Trigger without parameters: a run takes whatever is there, and nothing twice. There is nothing to backfill:
files are told apart by what they are, not by days. Which lines are of no claim, what was paid too little or too much,
what people decide about it, and what to take up with Renault: *Plugins*, *Warranty*; or `make warranty ARGS="lines"`,
`differences`, `decide`, `move`, `reverse`, `disputes --to FILE`. The report has each dealer's figures.
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

contract = load_contract("renault_warranty_payments")
new_files = Asset(
    "renault_warranty_payments_files",
    watchers=[
        AssetWatcher(
            name="renault_warranty_payments_watch", trigger=NewFilesTrigger(interface="renault_warranty_payments")
        )
    ],
)


@dag(
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("10 * * * *", timezone="Europe/London"), assets=[new_files]
    ),
    start_date=datetime(2026, 1, 1, tz="Europe/London"),
    description=contract.summary,
    catchup=False,
    # A run takes whatever waits: a second one beside it would find nothing to do.
    max_active_runs=1,
    dagrun_timeout=duration(hours=3),
    default_args=DEFAULT_ARGS,
    doc_md=__doc__,
    tags=["partner:renault", "direction:inbound", "tier:2"],
)
def renault_warranty_payments() -> None:
    collect = CollectFilesOperator(
        task_id="collect",
        interface=contract.id,
        stable_seconds=STABLE_SECONDS,
        archive_url=ARCHIVE,
        pool="renault_sftp",
    )
    check = CheckFilesOperator(
        task_id="check", contract=contract, staging_url=STAGING, archive_url=ARCHIVE, reports_url=REPORTS
    )
    # Match and post are one task, as they are one transaction: a match that is not posted yet could be overtaken by a
    # load of claims, or by what a person decides meanwhile.
    post = ApplyFilesOperator(task_id="post", contract=contract, staging_url=STAGING)
    remove = RemoveFilesOperator(task_id="remove", interface=contract.id, archive_url=ARCHIVE, pool="renault_sftp")
    conclude = ConcludeImportsOperator(
        task_id="conclude", contract=contract, run=collect.output, trigger_rule="all_done", retries=0
    )
    report = BuildReportOperator(task_id="report", contract=contract, reports_url=REPORTS, figures_conn_id="dms")

    collect >> check >> post >> remove >> conclude >> report.as_teardown()


renault_warranty_payments()
