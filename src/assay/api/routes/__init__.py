"""A router per resource."""

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
