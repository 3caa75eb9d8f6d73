"""The least that any way in must do: OpenSSH's own `sftp get`, one `COPY`, and one `INSERT … ON CONFLICT`."""

from __future__ import annotations

import resource
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Final

import psycopg2

from bench.sftp_server import Server

# Of the names as the file has them, since COPY takes columns by their place.
_COLUMNS: Final = (
    "customer_number", "first_name", "last_name", "company", "email", "home_phone", "cell_phone", "address", "city",
    "state", "zip", "mfg", "make", "model", "year", "type", "stock_number", "vin", "deal_number", "sold_date",
    "amount_financed", "term", "monthly_payment", "last_payment",
)  # fmt: skip
_TABLE: Final = f"CREATE TEMP TABLE sold ({', '.join(f'{name} text' for name in _COLUMNS)})"
_COPY: Final = "COPY sold FROM STDIN (FORMAT csv, HEADER)"
_TOLD: Final = (
    "occurred_on", "deal_number", "amount_financed", "cash_purchase", "term_months", "monthly_payment",
    "last_payment_on", "unit_manufacturer", "unit_make", "unit_model", "unit_year", "unit_type", "stock_number",
    "unit_identifier", "identifier_type",
)  # fmt: skip
# The same activities in the same table with all its keys and checks, but nobody's: no row is judged, no person is
# looked for, nothing is described, hashed or recorded.
_UPSERT: Final = f"""
INSERT INTO crm.activity AS a (dealer, type, source_key, key_source, content_hash, first_import_id, last_import_id,
                               {", ".join(_TOLD)})
SELECT %(dealer)s, 'SOLD_UNIT', deal_number || '/' || stock_number, 'source', '', 0, 0,
       to_date(sold_date, 'MM/DD/YYYY'), deal_number, translate(amount_financed, '$,', '')::numeric,
       coalesce(translate(amount_financed, '$,', '')::numeric, 0) = 0, substring(term FROM '^[0-9]+')::integer,
       translate(monthly_payment, '$,', '')::numeric, to_date(last_payment, 'MM/DD/YYYY'), mfg, make, model,
       year::integer, type, stock_number, vin,
       CASE length(vin) WHEN 17 THEN 'VIN' WHEN 12 THEN 'HIN' ELSE 'SERIAL' END
  FROM sold
    ON CONFLICT (dealer, type, source_key) DO UPDATE
   SET {", ".join(f"{name} = excluded.{name}" for name in _TOLD)}, last_import_id = 0, changed_at = clock_timestamp()
 WHERE ({", ".join(f"a.{name}" for name in _TOLD)})
       IS DISTINCT FROM ({", ".join(f"excluded.{name}" for name in _TOLD)})
"""  # noqa: S608


def limit(dsn: str, server: Server, remote: str, dealer: str, folder: Path) -> dict[str, Any]:
    """Get ``remote``, which has good rows only, and upsert them; return the seconds and how many rows were written."""
    client = shutil.which("sftp")
    if client is None:
        raise RuntimeError("the limit is OpenSSH's `sftp`, which is not installed; on Debian: openssh-client")
    folder = folder / "limit"
    folder.mkdir(parents=True, exist_ok=True)
    target, known_hosts, batch = folder / "limit.csv", folder / "known_hosts", folder / "batch"
    known_hosts.write_text(f"[{server.host}]:{server.port} {server.host_key}\n")
    batch.write_text(f"get {remote} {target}\n")
    cpu, started = _cpu(), time.perf_counter()
    subprocess.run(
        [
            client, "-q", "-b", str(batch), "-P", str(server.port), "-i", str(server.key_file), "-F", "none",
            "-o", "Ciphers=aes128-gcm@openssh.com", "-o", f"UserKnownHostsFile={known_hosts}",
            "-o", "IdentitiesOnly=yes", f"{server.username}@{server.host}",
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    got = time.perf_counter()
    connection = psycopg2.connect(dsn)
    with connection, connection.cursor() as cursor, target.open("rb", buffering=8 << 20) as file:
        cursor.execute(_TABLE)
        cursor.copy_expert(_COPY, file)
        copied = time.perf_counter()
        cursor.execute(_UPSERT, {"dealer": dealer})
        written = cursor.rowcount
    connection.close()
    ended = time.perf_counter()
    target.unlink()
    return {
        "seconds": ended - started,
        "cpu": _cpu() - cpu,
        "written": written,
        "steps": {
            "get": round(got - started, 2),
            "copy": round(copied - got, 2),
            "upsert": round(ended - copied, 2),
        },
    }


def _cpu() -> float:
    """CPU seconds of this process and of those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)
