#!/bin/bash
# Run once by the postgres image on an empty volume: one database and one owner for each of airflow, dms and ledger, and
# the roles that may read parts of the dms. Its owner may make no roles.
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

# Nobody logs in as these; they are granted to people: docs/crm.md, docs/warranty.md.
for role in crm_reader crm_restricted warranty_reader; do
  psql --set ON_ERROR_STOP=1 --quiet --username "$POSTGRES_USER" --command "CREATE ROLE $role NOLOGIN"
done
