"""
The pages for the person on call, inside Airflow's own UI: what is due, what is held and why, every file's life.

``lazy.py`` is all that Airflow's plugin loader imports; the rest is read by the API server at the first request.
"""
