"""What holds for every DAG, whoever wrote it."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import ParamValidationError

from include.contract import all_contract_ids, contract_ids, load_contract
from local.settings import POOLS

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

ROOT = Path(__file__).resolve().parents[2]
OUTBOUND, INBOUND = contract_ids("outbound"), contract_ids("inbound")
EVERY = all_contract_ids()
SPINES = {
    "outbound": ["extract", "check", "render", "publish", "conclude"],
    # Nothing is applied unchecked, and nothing removed at the partner that is not applied.
    "inbound": ["collect", "check", "apply", "remove", "conclude"],
}
# Where the step that writes goes by another word.
WRITES = {"renault_warranty_payments": "post"}
TAGS = {"partner", "direction", "tier"}
HEAVY = {"pandas", "polars", "great_expectations", "pyarrow", "asyncssh", "scipy"}


def test_every_dag_file_imports(bag: DagBag) -> None:
    assert bag.import_errors == {}


def test_one_dag_per_contract_and_one_contract_per_dag(bag: DagBag) -> None:
    assert bag.dags.keys() == set(EVERY)


@pytest.mark.parametrize("dag_id", EVERY)
def test_dag_file_is_named_after_its_dag(bag: DagBag, dag_id: str) -> None:
    assert Path(bag.dags[dag_id].fileloc) == ROOT / "dags" / f"{dag_id}.py"


@pytest.mark.parametrize("dag_id", EVERY)
def test_no_step_comes_before_the_one_that_it_trusts(bag: DagBag, dag_id: str) -> None:
    dag = bag.dags[dag_id]
    spine = [WRITES.get(dag_id, step) if step == "apply" else step for step in SPINES[load_contract(dag_id).direction]]
    for before, after in pairwise(spine):
        assert before in dag.get_task(after).get_flat_relative_ids(upstream=True)
    trusting = [task for task in dag.tasks if task.task_id not in ("conclude", "report")]
    assert {task.trigger_rule for task in trusting} == {"all_success"}


@pytest.mark.parametrize("dag_id", EVERY)
def test_the_last_word_is_spoken_whatever_happened_and_decides_the_run(bag: DagBag, dag_id: str) -> None:
    dag = bag.dags[dag_id]
    conclude = dag.get_task("conclude")
    assert conclude.trigger_rule == "all_done"
    assert conclude.retries == 0
    after = [dag.get_task(task_id) for task_id in conclude.downstream_task_ids]
    assert all(task.is_teardown and not task.on_failure_fail_dagrun for task in after)


@pytest.mark.parametrize("dag_id", EVERY)
def test_dag_tells_its_reader_what_it_does_and_what_to_do_when_red(bag: DagBag, dag_id: str) -> None:
    dag = bag.dags[dag_id]
    for heading in ("**Path**", "**When it is red**", "**By hand**"):
        assert heading in (dag.doc_md or "")
    assert {tag.split(":")[0] for tag in dag.tags} == TAGS
    assert f"partner:{load_contract(dag_id).partner}" in dag.tags


@pytest.mark.parametrize("dag_id", EVERY)
def test_settings_that_a_reader_asks_for_are_said_aloud(bag: DagBag, dag_id: str) -> None:
    dag = bag.dags[dag_id]
    assert not dag.catchup
    assert dag.max_active_runs in (1, 2)
    assert dag.dagrun_timeout is not None
    assert dag.description == load_contract(dag_id).summary
    assert all((task.retries or 0) >= 1 for task in dag.tasks if task.task_id != "conclude")


@pytest.mark.parametrize("dag_id", EVERY)
def test_every_pool_is_one_that_is_made(bag: DagBag, dag_id: str) -> None:
    assert {task.pool for task in bag.dags[dag_id].tasks} <= {"default_pool", *POOLS}


@pytest.mark.parametrize("dag_id", OUTBOUND)
def test_schedule_is_the_contracts_and_leaves_time_before_the_promised_hour(bag: DagBag, dag_id: str) -> None:
    from plugins.timetables import BusinessDayTimetable, WorkingDayOfMonthTimetable

    timetable, contract = bag.dags[dag_id].timetable, load_contract(dag_id)
    assert isinstance(
        timetable, {"day": BusinessDayTimetable, "month": WorkingDayOfMonthTimetable}[contract.period_unit]
    )
    data = timetable.serialize()
    assert data["timezone"] == contract.zone
    assert data["deliver_at"] < f"{contract.due:%H:%M}"
    assert data.get("working_day") == contract.due_working_day
    assert data.get("country") == contract.working_calendar


@pytest.mark.parametrize("dag_id", OUTBOUND)
def test_what_a_person_can_ask_for_is_the_contracts_period_dealers_and_mode(bag: DagBag, dag_id: str) -> None:
    contract, params = load_contract(dag_id), bag.dags[dag_id].params
    period = {"day": "business_date", "month": "month"}[contract.period_unit]
    assert list(params) == [period, "dealers", "mode"]
    assert (params[period], params["dealers"], params["mode"]) == (None, None, "deliver")
    good = {"business_date": ["2026-10-31", "2028-02-29"], "month": ["2026-10", "2026-12"]}[period]
    bad = {"business_date": ["2026-10", "31/10/2026"], "month": ["2026-13", "2026-00", "2026-10-31", "October"]}[period]
    cases: list[tuple[str, list[str], list[str | None]]] = [
        (period, good, [*bad]),
        ("mode", ["deliver", "preview"], ["Preview", "dry", None]),
    ]
    for name, fine, wrong in cases:
        for value in fine:
            assert params.get_param(name).resolve(value) == value
        for other in wrong:
            with pytest.raises(ParamValidationError, match="Failed validating"):
                params.get_param(name).resolve(other)


@pytest.mark.parametrize("dag_id", OUTBOUND)
def test_interface_sends_by_its_own_partners_connection_and_pool(bag: DagBag, dag_id: str) -> None:
    from plugins.operators.publish_files import PublishFilesOperator

    publish, name = bag.dags[dag_id].get_task("publish"), f"{load_contract(dag_id).partner}_sftp"
    assert isinstance(publish, PublishFilesOperator)
    assert (publish.sftp_conn_id, publish.pool) == (name, name)


@pytest.mark.parametrize("dag_id", INBOUND)
def test_new_files_wake_the_run_that_takes_them_and_every_hour_sweeps_what_was_missed(bag: DagBag, dag_id: str) -> None:
    from airflow.timetables.assets import AssetOrTimeSchedule

    from plugins.triggers.new_files import NewFilesTrigger

    timetable = _stored(bag, dag_id).timetable
    assert isinstance(timetable, AssetOrTimeSchedule)
    swept = timetable.timetable.serialize()
    assert (swept["expression"], swept["timezone"]) == ("10 * * * *", load_contract(dag_id).zone)
    [(_, asset)] = timetable.asset_condition.iter_assets()
    [watcher] = asset.watchers
    trigger = NewFilesTrigger(**watcher.trigger["kwargs"])
    assert trigger.interface == dag_id
    assert trigger.serialize() == (watcher.trigger["classpath"], watcher.trigger["kwargs"])


@pytest.mark.parametrize("dag_id", INBOUND)
def test_a_run_asks_nothing_of_a_person_and_keeps_to_its_partners_pool(bag: DagBag, dag_id: str) -> None:
    dag, pool = bag.dags[dag_id], f"{load_contract(dag_id).partner}_sftp"
    assert list(dag.params) == []
    assert {task.task_id for task in dag.tasks if task.pool == pool} == {"collect", "remove"}


@pytest.mark.parametrize("dag_id", [dag_id for dag_id in OUTBOUND if load_contract(dag_id).reconciled_with])
def test_nothing_reconciled_is_sent_before_it_is(bag: DagBag, dag_id: str) -> None:
    reconcile = bag.dags[dag_id].get_task("reconcile")
    assert reconcile.upstream_task_ids == {"extract", "render"}
    assert "publish" in reconcile.downstream_task_ids
    assert reconcile.trigger_rule == "all_success"


@pytest.mark.parametrize("dag_id", OUTBOUND)
def test_dag_comes_back_from_airflows_store_with_its_timetable(bag: DagBag, dag_id: str) -> None:
    again: Any = _stored(bag, dag_id).timetable
    here: Any = bag.dags[dag_id].timetable
    assert type(again) is type(here)
    assert again.serialize() == here.serialize()
    assert again.summary == here.summary


def test_parsing_a_dag_file_imports_nothing_heavy() -> None:
    code = (
        "import sys, runpy, pathlib\n"
        "for path in sorted(pathlib.Path('dags').glob('*.py')): runpy.run_path(str(path))\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "[]"


def test_the_plugin_loader_executes_the_plugin_and_nothing_else() -> None:
    code = (
        "from airflow import plugins_manager\n"
        "plugins = plugins_manager.get_plugin_info()\n"
        "import sys\n"
        "print(plugins_manager.get_import_errors() if hasattr(plugins_manager, 'get_import_errors') else {})\n"
        "print([p['name'] for p in plugins if 'dealer' in p['name']])\n"
        "print([name for name in ('operators', 'timetables', 'connections', 'run_window') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    errors, names, bare = found.stdout.splitlines()[-3:]
    assert (errors, names, bare) == ("{}", "['dealer_interfaces']", "[]")


def _stored(bag: DagBag, dag_id: str) -> Any:
    """The DAG as the scheduler reads it from Airflow's database."""
    from airflow.serialization.serialized_objects import DagSerialization

    return DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(bag.dags[dag_id]))))
