"""What the names on a score card mean."""

from fastapi import APIRouter

from services.evaluation.queries.indicators import Indicators, indicators
from shared.auth import Caller, authorize

router = APIRouter(tags=["indicators"])


@router.get("/v1/indicators", summary="Counters and rates, defined 指标定义")
async def get_indicators(who: Caller) -> Indicators:
    """Every counter and rate of a score card: its Chinese and English name, its definition and where that is from."""
    authorize(who, "scores:read")
    return indicators()
