"""All commands of `wangge`, by group."""

import typer

from services.city.cli import authoring, intake, replay, running, upkeep

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Wangge (网格): city-grid incident handling. Settings come from WANGGE_… environment variables.",
)
app.command()(running.up)
app.command()(running.serve)
app.command()(running.migrate)
app.command()(running.token)
app.command()(replay.replay)
app.add_typer(intake.areas, name="areas")
app.add_typer(intake.keys, name="keys")
app.add_typer(authoring.pack, name="pack")
app.add_typer(authoring.contracts, name="contracts")
app.add_typer(upkeep.rebuild, name="rebuild")
app.add_typer(upkeep.parked, name="parked")
