#!/bin/bash
# Run once by the postgres image on an empty volume: one database and one owner for each of airflow, dms and ledger.
set -euo pipefail

create() {
  psql --set ON_ERROR_STOP=1 --quiet --username "$POSTGRES_USER" --set name="$1" --set password="$2" <<'SQL'
SELECT format('CREATE ROLE %I LOGIN PASSWORD %L', :'name', :'password') \gexec
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'name') \gexec
SELECT format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', :'name') \gexec
SQL
}

create airflow "$AIRFLOW_DB_PASSWORD"
create dms "$DMS_DB_PASSWORD"
create ledger "$LEDGER_DB_PASSWORD"
