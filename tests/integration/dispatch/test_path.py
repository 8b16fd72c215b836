"""A case from its report to its closing, act by act."""

from tests.integration.dispatch.conftest import PATH, City


async def test_a_case_walks_the_straight_path_to_closed(city: City) -> None:
    case = await city.case()
    assert (case["status"], case["version"], case["revision"]) == ("reported", 1, 1)
    for act, post, body in PATH:
        case = await city.act(case, act, post, body)
    assert (case["status"], case["version"], case["revision"], case["passed"]) == ("closed", 9, 9, True)
    assert case["acts"] == []
    assert case["clock"] is None
    assert case["overdue"] is False
