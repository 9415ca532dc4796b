"""On PostgreSQL a dataset is used in a second project, and a NUL in a message is replaced."""

import sqlalchemy as sa

from tests.conftest import postgres_server

STORED = """
SELECT s.content FROM spans s JOIN experiments e USING (experiment_id)
WHERE e.name = 'one' AND s.parent_span_id IS NULL
"""


def check(bench):
    with postgres_server() as uri:
        env = {"ASSAY_TRACKING_URI": uri}
        asked = ("--dataset", "scenarios.jsonl", "--agent", "support@1")
        for project in ("one", "two"):
            judging = bench.json("simulate", "import", "transcripts.jsonl", *asked, "--project", project, env=env)
            assert (judging["conversations"], judging["passed"]) == (1, 1)
        judging = bench.json("simulate", "import", "nul.jsonl", *asked, "--project", "one", env=env)
        assert (judging["conversations"], judging["failed"]) == (1, 1)
        for project in ("one", "two"):
            listed = bench.assay("dataset", "list", "--project", project, env=env).stdout
            assert listed.count("scenarios@") == 1
        engine = sa.create_engine(uri)
        with engine.connect() as connection:
            contents = connection.execute(sa.text(STORED)).scalars().all()
        engine.dispose()
        assert len(contents) == 2 and sum("Where is J1? \ufffd" in content for content in contents) == 1
