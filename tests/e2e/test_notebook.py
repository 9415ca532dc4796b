"""The Python API: the same stages, without await, also where a loop runs already."""

import asyncio

from assay import Project, load_dataset
from assay.contracts.estimate import Estimate
from assay.settings import Settings
from tests.conftest import SHOP


def few():
    whole = load_dataset(SHOP / "dataset.jsonl")
    return whole.replace(scenarios=whole.scenarios[::6])


def walk(home):
    shop = Project("nb", settings=Settings(home=home, model="offline", user="ann"))
    judgings = []
    for name in ("v1", "v2"):
        version = shop.register(SHOP / f"{name}.json")
        dataset = shop.build(version, few())
        simulation = shop.simulate(version, dataset, trials=2)
        judgings.append(shop.judge(simulation))
        assert len(shop.conversations(simulation)) == len(shop.judgments(judgings[-1])) == 20
    report = shop.analyze(judgings[1])
    assert isinstance(report.pass_rate, Estimate)
    return shop.compare(*judgings)


def test_a_notebook_walks_the_stages(home):
    assert walk(home).recommendation in ("PROMOTE", "INCONCLUSIVE")


def test_it_works_inside_a_running_loop_and_does_nothing_twice(home):
    first = walk(home)

    async def cell():
        return walk(home)

    assert asyncio.run(cell()) == first
