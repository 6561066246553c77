"""The outside world behind plain functions: SQL, the Celery queue, MLflow."""
