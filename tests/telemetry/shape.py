"""What OpenLineage 2-0-2 asks of a run event and of the facets used here; nothing else may stand in it."""

from __future__ import annotations

from typing import Any

TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}


def record(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    """An object with these keys and no other."""
    return {
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
        "additionalProperties": False,
    }


def facet(name: str, required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    """A facet: its own keys, who made it and the specification it follows."""
    url = {"type": "string", "pattern": rf"^https://openlineage\.io/spec/facets/[0-9-]+/{name}\.json#/\$defs/{name}$"}
    producer = {"type": "string", "pattern": "^urn:dealer-exchange:"}
    return record({"_producer": producer, "_schemaURL": url, **required}, **optional)


FIELD = record(
    {"name": TEXT, "type": TEXT, "fields": {"type": "array", "items": {"$ref": "#/$defs/field"}}},
    description=TEXT,
    ordinal_position={"type": "integer", "minimum": 1},
)
ASSERTION = record(
    {"assertion": TEXT, "success": {"type": "boolean"}, "name": TEXT, "severity": {"enum": ["error", "warn", "info"]}},
    column=TEXT,
    actual={"type": "string", "pattern": "^[0-9]+ failed$"},
    params={"const": {}},
)
PLACE = {"namespace": {"type": "string", "pattern": "^(postgres|sftp)://[a-z0-9.:-]+$"}, "name": TEXT}
DATASET_FACETS = record(
    {"schema": facet("SchemaDatasetFacet", {"fields": {"type": "array", "minItems": 1, "items": FIELD}})},
    version=facet("DatasetVersionDatasetFacet", {"datasetVersion": {"pattern": "^sha256:[0-9a-f]{64}$"}}),
)
INPUT = record(
    {**PLACE, "facets": DATASET_FACETS},
    inputFacets=record(
        {},
        dataQualityAssertions=facet("DataQualityAssertionsDatasetFacet", {"assertions": {"items": ASSERTION}}),
        dataQualityMetrics=facet(
            "DataQualityMetricsInputDatasetFacet", {"rowCount": COUNT, "columnMetrics": {"type": "object"}}, bytes=COUNT
        ),
    ),
)
OUTPUT = record(
    {
        **PLACE,
        "facets": DATASET_FACETS,
        "outputFacets": record(
            {
                "outputStatistics": facet(
                    "OutputStatisticsOutputDatasetFacet", {"rowCount": COUNT}, size=COUNT, fileCount=COUNT
                )
            }
        ),
    }
)
UUID_TEXT = {"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}
INSTANT = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00$"}
# The client adds its own version.
TAG = record({"key": TEXT, "value": TEXT, "source": {"enum": ["ledger", "OPENLINEAGE_CLIENT"]}})
PARENT = {
    "run": record({"runId": UUID_TEXT}, facets={"const": {}}),
    "job": record({"namespace": TEXT, "name": TEXT}, facets={"const": {}}),
}
RUN_FACETS = record(
    {"tags": facet("TagsRunFacet", {"tags": {"type": "array", "minItems": 1, "items": TAG}})},
    parent=facet("ParentRunFacet", PARENT),
    nominalTime=facet("NominalTimeRunFacet", {"nominalStartTime": INSTANT, "nominalEndTime": INSTANT}),
    errorMessage=facet("ErrorMessageRunFacet", {"message": TEXT, "programmingLanguage": TEXT}),
)
JOB_FACETS = record(
    {
        "jobType": facet("JobTypeJobFacet", {"processingType": TEXT, "integration": TEXT}, jobType=TEXT),
        "documentation": facet("DocumentationJobFacet", {"description": TEXT}),
    }
)
RUN_EVENT: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$defs": {"field": FIELD},
    **record(
        {
            "eventType": {"enum": ["START", "COMPLETE", "ABORT", "FAIL"]},
            "eventTime": INSTANT,
            "producer": {"type": "string", "pattern": "^urn:"},
            "schemaURL": {"const": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"},
            "run": record({"runId": UUID_TEXT, "facets": RUN_FACETS}),
            "job": record({"namespace": TEXT, "name": TEXT, "facets": JOB_FACETS}),
            "inputs": {"type": "array", "minItems": 1, "items": INPUT},
            "outputs": {"type": "array", "items": OUTPUT},
        }
    ),
}
