"""What joins the stages: gates and their ledger, the pipeline, the report on the platform's own agents."""
