"""The process that looks around, over a real Airflow database, mail server and web server."""
