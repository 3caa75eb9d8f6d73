"""What a user would write by hand: pandas, Great Expectations on the frame, to_csv, paramiko. Shown once, for scale."""

from __future__ import annotations

import base64
import json
import sys
import time
from pathlib import Path
from typing import Any


def main() -> None:
    """Read a request from standard input, deliver the usual way, and print the seconds as JSON."""
    request = json.loads(sys.stdin.read())
    sys.stdout.write(json.dumps(deliver(request)) + "\n")


def deliver(request: dict[str, Any]) -> dict[str, Any]:
    """Read all rows into a frame, judge a dozen columns with row ids, write it, put it."""
    started = time.perf_counter()
    import great_expectations as gx
    import great_expectations.expectations as gxe
    import pandas as pd
    import paramiko
    import sqlalchemy

    dsn = request["dms_dsn"].replace("postgresql:", "postgresql+psycopg2:", 1)
    engine = sqlalchemy.create_engine(dsn)
    frame = pd.read_sql(request["query"], engine)
    context = gx.get_context(mode="ephemeral")
    batch = context.data_sources.add_pandas("p").add_dataframe_asset("a").add_batch_definition_whole_dataframe("b")
    rules = [
        *(
            gxe.ExpectColumnValuesToNotBeNull(column=name)
            for name in ("dealer_code", "trade_partner_id", "document_number", "part_number", "net_amount")
        ),
        gxe.ExpectColumnValuesToMatchRegex(column="dealer_code", regex=r"^826\d{5}$"),
        gxe.ExpectColumnValuesToMatchRegex(column="trade_partner_id", regex=r"^[A-Z]{4}$"),
        gxe.ExpectColumnValuesToBeInSet(column="document_type", value_set=["INVOICE", "CREDIT_MEMO"]),
        gxe.ExpectColumnValuesToBeInSet(column="currency", value_set=["GBP"]),
        gxe.ExpectColumnValuesToBeBetween(column="discount_percent", min_value=0, max_value=100),
        gxe.ExpectCompoundColumnsToBeUnique(
            column_list=["dealer_code", "document_type", "document_number", "line_number"]
        ),
    ]
    suite = gx.ExpectationSuite(name="usual", expectations=rules)
    result = batch.get_batch({"dataframe": frame}).validate(
        suite, result_format={"result_format": "COMPLETE", "unexpected_index_column_names": ["invoice_line_id"]}
    )
    target = Path(request["folder"]) / "usual.csv"
    frame.to_csv(target, index=False, sep=";")
    client = paramiko.SSHClient()
    kind, blob = request["host_key"].split()[:2]
    key = paramiko.PKey.from_type_string(kind, base64.b64decode(blob))
    client.get_host_keys().add(f"[{request['host']}]:{request['port']}", kind, key)
    client.connect(
        request["host"],
        port=request["port"],
        username=request["username"],
        key_filename=request["key_file"],
        allow_agent=False,
        look_for_keys=False,
    )
    client.open_sftp().put(str(target), f"{request['remote_dir']}/usual.csv")
    client.close()
    target.unlink()
    return {"seconds": time.perf_counter() - started, "rows": len(frame), "success": bool(result.success)}


if __name__ == "__main__":
    main()
