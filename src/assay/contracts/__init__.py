"""What crosses a boundary: the CLI, scripts, the API, the pipeline and MLflow all speak these models."""
