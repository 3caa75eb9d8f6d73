#!/bin/bash
# Before anything of Airflow starts, and again at each start: schemas, pools, the first administrator.
set -euo pipefail

airflow db migrate
python -m include.migrations.run all

# A task that names a pool which does not exist is never scheduled.
pools=$(mktemp --suffix=.json)
python "$(dirname "${BASH_SOURCE[0]}")/pools.py" > "$pools"
airflow pools import "$pools"
rm "$pools"

# Whoever may see personal data on our pages is given this role beside their own.
python "$(dirname "${BASH_SOURCE[0]}")/roles.py"

if ! airflow users list --output plain | awk '{print $2}' | grep --quiet --line-regexp --fixed-strings "$AIRFLOW_ADMIN_USER"; then
  airflow users create --role Admin --username "$AIRFLOW_ADMIN_USER" --password "$AIRFLOW_ADMIN_PASSWORD" \
    --firstname First --lastname Administrator --email "$AIRFLOW_ADMIN_EMAIL"
fi
