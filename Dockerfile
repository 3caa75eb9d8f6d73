# Airflow's own image with what requirements.txt pins, and this repository's three folders that run in it.
FROM apache/airflow:3.3.2-python3.11

USER root
# A named volume takes owner and mode from the image the first time it is used.
RUN install -d -o airflow -g 0 -m 0770 /srv/exchange /srv/exchange/archive /srv/exchange/staging /srv/exchange/reports
USER airflow

COPY --chown=airflow:0 requirements.txt /opt/airflow/requirements.txt
# Hashes for all of it: a changed file at the index ends the build. pip writes the bytecode as it installs.
RUN PYTHONDONTWRITEBYTECODE= pip install --no-cache-dir --require-hashes -r /opt/airflow/requirements.txt

COPY --chown=airflow:0 docker/prepare.sh docker/pools.py /opt/airflow/docker/
COPY --chown=airflow:0 include /opt/airflow/include
COPY --chown=airflow:0 plugins /opt/airflow/plugins
COPY --chown=airflow:0 dags /opt/airflow/dags

# The repository's root is the one import root here as well.
ENV PYTHONPATH=/opt/airflow \
    GX_ANALYTICS_ENABLED=false \
    PYTHONDONTWRITEBYTECODE=
RUN python -m compileall -q /opt/airflow/include /opt/airflow/plugins
