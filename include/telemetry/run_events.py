"""
One file as a run of OpenLineage: its START and its end, with what it was made from, what it became and how good it was.

Both are made when the ledger says how it ended, with the times at which it began and ended, so that no run stays open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid5

from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState, set_producer
from openlineage.client.facet_v2 import (
    JobFacet,
    RunFacet,
    data_quality_assertions_dataset,
    data_quality_metrics_input_dataset,
    dataset_version_dataset,
    documentation_job,
    error_message_run,
    job_type_job,
    nominal_time_run,
    output_statistics_output_dataset,
    parent_run,
    schema_dataset,
    tags_run,
)

from include.ledger.states import DELIVERED

if TYPE_CHECKING:
    from include.contract import Contract, Table
    from include.ledger import ArrivalRow, FileRow, Happening, Ledger
    from include.telemetry.datasets import Places

PRODUCER: Final = "urn:dealer-exchange:telemetry"
# Any fixed UUID will do; another one would be another run for each file that was ever told of.
RUNS: Final = UUID("6f0c1d0e-3b7a-5d7e-9a52-5f3f0d6f2c11")
SEVERITIES: Final = {"warning": "warn"}
set_producer(PRODUCER)


@dataclass(frozen=True)
class Result:
    """What one reading found for one rule. ``failed`` counts rows, if it is about rows."""

    reader: str
    rule: str
    column: str | None
    severity: str
    success: bool
    failed: int | None


def run_events(
    happening: Happening, contract: Contract, ledger: Ledger, *, namespace: str, places: Places
) -> list[RunEvent]:
    """Return START and COMPLETE, FAIL or ABORT of the file that ended by this event; of any other event nothing."""
    state = _end_of(happening)
    if state is None:
        return []
    if happening.file is not None:
        run = _run_of_file(happening, happening.file, contract, namespace)
        inputs = _read_for(happening.file, contract, ledger, places)
        outputs = _sent(happening, happening.file, contract, places) if state is RunState.COMPLETE else []
    else:
        assert happening.arrival is not None
        run = _run_of_arrival(happening, happening.arrival, contract, namespace)
        inputs = _landed(happening, happening.arrival, contract, ledger, places)
        outputs = _imported(happening.arrival, contract, places) if state is RunState.COMPLETE else []
    begun = happening.begun_at or happening.at
    facets = dict(run.facets or {})
    if state is not RunState.COMPLETE:
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(_why(happening), "ledger")
    job = Job(namespace, contract.id, _about_job(contract))
    # Whoever looks at a START has a use for where rows come from, and none for what is only known at the end.
    bare = [InputDataset(each.namespace, each.name, facets=each.facets) for each in inputs]
    return [
        RunEvent(
            eventType=RunState.START, eventTime=_instant(begun), run=run, job=job, inputs=bare, outputs=[],
            producer=PRODUCER,
        ),
        RunEvent(
            eventType=state, eventTime=_instant(happening.at), run=Run(run.runId, facets), job=job, inputs=inputs,
            outputs=outputs, producer=PRODUCER,
        ),
    ]  # fmt: skip


def run_id_of_file(file: FileRow, namespace: str) -> str:
    """Return the run of one revision of one dealer's window: the same whenever and by whomever it is asked for."""
    window = f"{_instant(file.window_start)}/{_instant(file.window_end)}"
    return str(uuid5(RUNS, f"{namespace}/{file.interface}/{file.dealer}/{window}/{file.environment}/{file.revision}"))


def run_id_of_arrival(arrival: ArrivalRow, namespace: str) -> str:
    """Return the run of one arrival."""
    seen = _instant(arrival.first_seen_at)
    return str(uuid5(RUNS, f"{namespace}/{arrival.interface}/{arrival.dealer}/arrival/{arrival.id}/{seen}"))


def _end_of(happening: Happening) -> RunState | None:
    to = happening.to_state
    if happening.file is not None:
        if happening.file.environment != "live":
            return None
        if to in DELIVERED:
            # A redelivery, and an acknowledgement, set the time no more.
            return RunState.COMPLETE if happening.columns.get("published_at") is not None else None
        if to == "CANCELLED":
            return RunState.FAIL if _by_a_person(happening) else RunState.ABORT
        return None
    if to == "APPLIED":
        return RunState.COMPLETE
    # A copy of a file that is rejected was never a run of its own.
    return RunState.FAIL if to == "REJECTED" and happening.from_state != "DUPLICATE" else None


def _by_a_person(happening: Happening) -> bool:
    return "verb" in happening.detail


def _why(happening: Happening) -> str:
    """Say why in words of ours: a person's reason, and the name of a partner's file, may hold a personal value."""
    if happening.arrival is not None:
        code = happening.columns.get("reject_code") or "REJECTED"
        return f"{code}: the ledger says why of arrival {happening.arrival.id}"
    assert happening.file is not None
    who = (
        "a person gave it up" if _by_a_person(happening) else "there was nothing to send, or newer content replaced it"
    )
    return f"CANCELLED: {who}; the ledger says why of file {happening.file.id}"


def _run_of_file(happening: Happening, file: FileRow, contract: Contract, namespace: str) -> Run:
    tags = {
        "dealer": file.dealer,
        "period": file.period,
        "revision": file.revision,
        "sequence": file.sequence,
        "contract_version": file.contract_version,
        "ledger_file": file.id,
    }
    facets = _about_run(happening, tags, namespace)
    facets["nominalTime"] = nominal_time_run.NominalTimeRunFacet(_instant(file.window_start), _instant(file.window_end))
    return Run(run_id_of_file(file, namespace), facets)


def _run_of_arrival(happening: Happening, arrival: ArrivalRow, contract: Contract, namespace: str) -> Run:
    tags = {
        "dealer": arrival.dealer,
        "version": arrival.version,
        "contract_version": contract.version,
        "ledger_arrival": arrival.id,
    }
    return Run(run_id_of_arrival(arrival, namespace), _about_run(happening, tags, namespace))


def _about_run(happening: Happening, tags: Mapping[str, Any], namespace: str) -> dict[str, RunFacet]:
    facets: dict[str, RunFacet] = {}
    dag = _dag_run(happening.run_actor)
    if dag is not None:
        dag_id, run_id = dag
        tags = {**tags, "airflow_dag_id": dag_id, "airflow_run_id": run_id}
        facets["parent"] = parent_run.ParentRunFacet(
            parent_run.Run(str(uuid5(RUNS, f"{namespace}/airflow/{dag_id}/{run_id}"))),
            parent_run.Job(namespace, dag_id),
        )
    facets["tags"] = tags_run.TagsRunFacet(
        [tags_run.TagsRunFacetFields(name, str(value), "ledger") for name, value in tags.items() if value is not None]
    )
    return facets


def _dag_run(actor: str | None) -> tuple[str, str] | None:
    """DAG id and run id of ``airflow:<dag>/<run>/<task>/try <n>``."""
    dag_id, _, rest = (actor or "").removeprefix("airflow:").partition("/")
    parts = rest.rsplit("/", 2)
    return (dag_id, parts[0]) if dag_id and len(parts) == 3 else None


def _about_job(contract: Contract) -> dict[str, JobFacet]:
    return {
        "jobType": job_type_job.JobTypeJobFacet("BATCH", "DEALER_EXCHANGE", "FILE"),
        "documentation": documentation_job.DocumentationJobFacet(contract.summary),
    }


def _read_for(file: FileRow, contract: Contract, ledger: Ledger, places: Places) -> list[InputDataset]:
    """Tables and views of the DMS. Rules of the whole file, and the number of its rows, stand with the first."""
    results = [
        Result(
            found.reader,
            found.rule,
            found.columns[0] if len(found.columns) == 1 else None,
            found.severity,
            found.status == "pass",
            found.failed,
        )
        for found in ledger.quality_results(file.id)
    ]
    read = None if file.rejected is None else (file.rows or 0) + file.rejected + (file.withheld or 0)
    datasets = []
    for table in contract.tables:
        first = table is contract.tables[0]
        own = {rule.id for rule in table.row_rules}
        rest = {rule.id for other in contract.tables for rule in other.row_rules}
        mine = [found for found in results if found.rule in own or (first and found.rule not in rest)]
        datasets.append(
            InputDataset(
                *places.table(table.source),
                facets={"schema": schema_dataset.SchemaDatasetFacet(_columns(table, table.columns))},
                inputFacets=_quality(mine, rows=read if len(contract.tables) == 1 else None),
            )
        )
    return datasets


def _sent(happening: Happening, file: FileRow, contract: Contract, places: Places) -> list[OutputDataset]:
    if len(contract.tables) == 1:
        fields = _columns(contract.table, contract.table.delivered)
    else:
        fields = [
            schema_dataset.SchemaDatasetFacetFields(table.name, "struct", None, place, _columns(table, table.delivered))
            for place, table in enumerate(contract.tables, 1)
        ]
    return [
        OutputDataset(
            *places.outbox(contract, file, happening.endpoint),
            facets={
                "schema": schema_dataset.SchemaDatasetFacet(fields),
                "version": dataset_version_dataset.DatasetVersionDatasetFacet(f"sha256:{file.sha256}"),
            },
            outputFacets={
                "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
                    rowCount=file.rows, size=file.bytes, fileCount=1
                )
            },
        )
    ]


def _landed(
    happening: Happening, arrival: ArrivalRow, contract: Contract, ledger: Ledger, places: Places
) -> list[InputDataset]:
    headers = [field for field in contract.table.fields if field.header is not None]
    fields = [
        schema_dataset.SchemaDatasetFacetFields(field.header or field.name, "string", field.description or None, place)
        for place, field in enumerate(headers, 1)
    ]
    facets: dict[str, Any] = {"schema": schema_dataset.SchemaDatasetFacet(fields)}
    if arrival.sha256 is not None:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(f"sha256:{arrival.sha256}")
    checked = [each for each in ledger.arrival_events(arrival.id) if each.kind == "CHECKED" and each.id <= happening.id]
    results = []
    if checked:
        failed: Any = checked[-1].detail.get("failed") or {}
        results = [
            Result(
                "row_check",
                rule.id,
                rule.columns[0] if len(rule.columns) == 1 else None,
                rule.severity,
                not failed.get(rule.id),
                int(failed.get(rule.id, 0)),
            )
            for rule in contract.row_rules
        ]
    quality = _quality(results, rows=arrival.rows_read if checked else None, size=arrival.bytes)
    return [InputDataset(*places.inbox(contract, arrival, happening.conn_id), facets=facets, inputFacets=quality)]


def _imported(arrival: ArrivalRow, contract: Contract, places: Places) -> list[OutputDataset]:
    return [
        OutputDataset(
            *places.table(table.source),
            facets={"schema": schema_dataset.SchemaDatasetFacet(_columns(table, table.columns))},
            outputFacets={
                "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
                    rowCount=arrival.rows_accepted
                )
            },
        )
        for table in contract.tables
    ]


def _columns(table: Table, names: Sequence[str]) -> list[schema_dataset.SchemaDatasetFacetFields]:
    wanted = set(names)
    return [
        schema_dataset.SchemaDatasetFacetFields(field.name, field.logical_type, field.description or None, place)
        for place, field in enumerate((field for field in table.fields if field.name in wanted), 1)
    ]


def _quality(results: Iterable[Result], *, rows: int | None, size: int | None = None) -> dict[str, Any]:
    facets: dict[str, Any] = {}
    assertions = [
        data_quality_assertions_dataset.Assertion(
            assertion=found.rule.rpartition("-")[2],
            success=found.success,
            column=found.column,
            severity=SEVERITIES.get(found.severity, found.severity),
            name=f"{found.reader}: {found.rule}",
            actual=None if found.failed is None else f"{found.failed} failed",
        )
        for found in results
    ]
    if assertions:
        facets["dataQualityAssertions"] = data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(assertions)
    if rows is not None:
        facets["dataQualityMetrics"] = data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet(
            columnMetrics={}, rowCount=rows, bytes=size
        )
    return facets


def _instant(at: datetime) -> str:
    return at.isoformat()
