"""Two evaluations in one process; what the second takes, as JSON."""

import asyncio
import gc
import json
import resource
import sys
import time

from assay.cli.references import agent_ref, the_only_dataset
from assay.contracts.evaluation import EvaluateRequest
from assay.lifecycle.evaluate import evaluate
from assay.stages.context import open_context


async def main(project: str, agent: str, trials: str, in_flight: str) -> None:
    async with open_context() as context:
        dataset = await the_only_dataset(context, project)
        request = EvaluateRequest(
            project=project,
            agent=agent_ref(agent),
            dataset=dataset,
            trials=int(trials),
            concurrency=int(in_flight),
        )
        await evaluate(request, context)
        wall, cpu = time.perf_counter(), time.process_time()
        await evaluate(request.replace(seed=1), context)
        found = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({**found, "peak_mb": peak_mb}))


if __name__ == "__main__":
    gc.set_threshold(50_000, 20, 50)  # as the command does
    sys.setswitchinterval(0.0005)
    asyncio.run(main(*sys.argv[1:]))
