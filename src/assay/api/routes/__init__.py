"""A router per resource."""

from fastapi.routing import APIRoute

from assay.api.routes import (
    agents,
    chats,
    complaints,
    conversations,
    datasets,
    experiments,
    files,
    gates,
    jobs,
    labels,
    logins,
    planning,
    projects,
    results,
    runs,
    schedules,
    sessions,
    status,
    tokens,
    traffic,
)

ROUTERS = tuple(
    module.router
    for module in (
        status,
        logins,
        projects,
        experiments,
        agents,
        datasets,
        results,
        traffic,
        runs,
        conversations,
        labels,
        gates,
        jobs,
        chats,
        complaints,
        planning,
        files,
        schedules,
        sessions,
        tokens,
    )
)

for _router in ROUTERS:
    for _route in _router.routes:
        if isinstance(_route, APIRoute) and _route.summary is None and _route.operation_id is not None:
            # The default is the function's name, and many functions have the same one, such as `show`.
            _route.summary = _route.operation_id.replace("_", " ").capitalize()
