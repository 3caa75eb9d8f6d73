"""
A small process of its own that looks around once a minute: ``python -m plugins.heartbeat``.

It needs no scheduler, no DAG and no page: so it notices when they stand still. ``around`` asks Airflow, ``rounds``
does one look, ``channels`` tells people, ``health`` answers an outside monitor.
"""
