"""The background side of intake: the relay of its facts, and what it hears of cases."""

from datetime import timedelta

from services.intake.commands import sweep_media
from services.intake.commands.expire_personal import expire_job
from services.intake.commands.forget_visited import forget_visited_job
from services.intake.commands.mark_first_asked import first_asked_jobs
from services.intake.commands.plan_areas import area_plans_job
from services.intake.commands.settle_requests import settle_job
from services.intake.commands.sweep_clusters import clusters_job
from services.intake.consumers import subscriptions
from services.intake.wiring import SCHEMA, Wired
from shared import idempotency
from shared.jobs import Job


def worker_jobs(wired: Wired) -> list[Job]:
    """What a worker runs; there may be several at once."""

    async def planned_apart() -> bool:
        given = (wired.settings.database_url, wired.area_rules, wired.pack.zone, None)
        return bool(await wired.area_worker.carry_out(given))

    return [
        wired.carrier.relay_job(wired.pool, wired.outbox),
        *(wired.carrier.consumer_job(wired.pool, subscription) for subscription in subscriptions(wired)),
        forget_visited_job(wired.pool, wired.clock, wired.settings.activities_personal_days),
        idempotency.sweep_job(wired.pool, SCHEMA, wired.settings.idempotency_hours),
        clusters_job(wired.pool),
        area_plans_job(wired.pool, wired.outbox, wired.clock, wired.area_rules, planned_apart),
        sweep_media.sweep_job(
            wired.shelf,
            timedelta(days=wired.settings.media_unnamed_days),
            timedelta(days=wired.settings.media_offered_days),
        ),
        wired.teller.job(),
        expire_job(wired.pool, wired.clock, wired.pack.privacy.keep_months),
        settle_job(wired.pool, wired.clock),
        *first_asked_jobs(wired.pool, wired.outbox, wired.clock, wired.pack.first_asked.hours),
    ]
