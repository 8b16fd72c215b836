"""All commands of `wangge`, by group."""

import typer

from services.city.cli import (
    accounts,
    areas,
    audit,
    authoring,
    calendar,
    components,
    history,
    intake,
    people,
    personal,
    replay,
    routing,
    running,
    upkeep,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Wangge (网格): city-grid incident handling. Settings come from WANGGE_… environment variables.",
)
# The words of the list: a whole line each, where the first sentence of the help would be cut off.
app.command(short_help="A whole city in one process 单机运行.")(running.up)
app.command(short_help="One service, or one half of it.")(running.serve)
app.command(short_help="Bring schemas and topics up to date.")(running.migrate)
app.command(short_help="A development token for a post 岗位令牌.")(running.token)
app.command(short_help="Play real requests through a city 回放.")(replay.replay)
app.add_typer(areas.areas, name="areas", short_help="Districts, streets, communities, grids.")
app.add_typer(components.components, name="components", short_help="Components 部件: what stands in the city.")
app.add_typer(intake.keys, name="keys", short_help="API keys 接口密钥 of apps.")
app.add_typer(people.units, name="units", short_help="Handling units 处置单位.")
app.add_typer(people.people, name="people", short_help="Persons 人员 and duty rosters 值班表.")
app.add_typer(accounts.accounts, name="accounts", short_help="Built-in accounts 内置账号.")
app.add_typer(history.history, name="history", short_help="Closed cases of an old system 历史案卷.")
app.add_typer(authoring.pack, name="pack", short_help="Regime packs 制度包.")
app.add_typer(calendar.calendar, name="calendar", short_help="Holidays and make-up workdays 工作日历.")
app.add_typer(routing.routing, name="routing", short_help="Routing rules 派遣规则.")
app.add_typer(authoring.contracts, name="contracts", short_help="JSON Schema and AsyncAPI files.")
app.add_typer(upkeep.rebuild, name="rebuild", short_help="Count scores anew from the facts 重算.")
app.add_typer(audit.audit, name="audit", short_help="The audit trail 审计: verify it.")
app.add_typer(personal.personal, name="personal", short_help="Personal data 个人信息: erase, rewrap, who read what.")
app.add_typer(upkeep.parked, name="parked", short_help="Facts that could not be applied 搁置.")
