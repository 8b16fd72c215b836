"""Commands for those who write packs and contracts: pack, contracts."""

from typing import Annotated

import typer

pack = typer.Typer(no_args_is_help=True, help="Regime packs 制度包: what differs from city to city.")
contracts = typer.Typer(no_args_is_help=True, help="The published contracts: JSON Schema and AsyncAPI 3.")


@pack.command("list")
def list_packs() -> None:
    """Name and title of every pack there is."""
    from shared.packs import available, load

    for name in available():
        found = load(name)
        typer.echo(f"{name:<12} {found.title.zh} {found.title.en} ({len(found.categories)} categories 类别)")


@pack.command("check", short_help="Check packs wholly.")
def check_packs(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Packs to check. Default: all.")] = None,
) -> None:
    """Check packs wholly: every reference, every limit, and that the grids cover the city without overlap."""
    from services.city.trouble import Trouble
    from shared.packs import available
    from shared.packs.check import check

    bad = []
    for name in names or available():
        problems = check(name)
        typer.echo(f"{name}: {'in order 正确' if not problems else f'problems 问题 ({len(problems)})'}")
        for problem in problems:
            typer.echo(f"  {problem}")
        if problems:
            bad.append(name)
    if bad:
        raise Trouble(f"cannot be used until the problems above are put right: {', '.join(bad)}")


@contracts.command("export", short_help="Write the files, or --check them.")
def export_contracts(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail when the files are out of step.")] = False,
) -> None:
    """Write JSON Schema and AsyncAPI files from the models; a change that would break a reader is refused."""
    from services.city.trouble import Trouble
    from shared.contracts.export import breaking_changes, documents, export, out_of_step, read

    if check:
        if changes := breaking_changes(read(), documents()):
            raise Trouble(f"not an additive change: {'; '.join(changes)}")
        if stale := out_of_step():
            raise Trouble(f"out of step with the models: {', '.join(stale)}: run `wangge contracts export`")
        typer.echo("contracts: in step with the models")
        return
    written = export()
    typer.echo("\n".join(written) if written else "contracts: nothing changed")
