"""The whole lifecycle: JSON in, JSON out. See `--help`."""

from assay.scripting import pipeline_script

if __name__ == "__main__":
    raise SystemExit(pipeline_script())
