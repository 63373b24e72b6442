"""A project of your own: init, new-identity."""

import os
import shlex
import shutil
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lgbm_sm.commands.app import app, help_text, load
from lgbm_sm.commands.options import SharedOptionsCommand
from lgbm_sm.console import Console, can_ask, table
from lgbm_sm.errors import UsageError

if TYPE_CHECKING:
    from lgbm_sm.scaffold.new_project import NewProject


@app.command(
    cls=SharedOptionsCommand,
    short_help="A project of your own: configuration, containers, Makefile, workflow.",
    help=help_text(
        "lgbm-sm init houses --data houses.csv --target price",
        "Looks at your table, proposes the objective, the columns to leave out and the categorical ones, each with its "
        "reason, asks where somebody can answer, and writes config.yaml (also with what --set says), containers/, an "
        "inference.py to begin with, a Makefile and a workflow for GitHub to DIR. Nothing that exists is overwritten.",
        "`make run`.",
    ),
)
def init(
    ctx: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", show_default=False, help="The project's folder (default: this one).")
    ] = Path(),
    *,
    data: Annotated[
        str | None, typer.Option(metavar="FILE", help="Your table, CSV or Parquet (default: the shipped boston).")
    ] = None,
    target: Annotated[str | None, typer.Option(metavar="COLUMN", help="The column to predict.")] = None,
    drop: Annotated[list[str] | None, typer.Option(metavar="COLUMN", help="Leave it out, too; repeatable.")] = None,
    categorical: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="Its numbers stand for categories; repeatable.")
    ] = None,
    objective: Annotated[
        str | None, typer.Option(metavar="NAME", help="LightGBM's objective (default: as the target suggests).")
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The project's name (default: the table's, and five letters).")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask: take what is proposed.")] = False,
) -> None:
    from lgbm_sm.scaffold.decisions import Interview, TakenProposals
    from lgbm_sm.scaffold.new_project import Wishes, make_project

    shared = ctx.obj
    if shared["config"]:
        raise UsageError("init writes a config.yaml of its own, and reads none", "leave --config out")
    console = Console(output=shared["output"], verbose=shared["verbose"], environment=os.environ)
    wishes = Wishes(shared["overrides"], data, target, drop or (), categorical or (), objective, name)
    decisions = Interview(console.ask, console) if can_ask() and not yes else TakenProposals()
    project = make_project(folder.resolve(), wishes, decisions=decisions, reporter=console)
    _show(console, project)


@app.command(
    cls=SharedOptionsCommand,
    short_help="Make a copy of a project a project of its own.",
    help=help_text(
        "lgbm-sm new-identity --name houses-two",
        "For a copy of a project's folder (`cp -a`): writes another project.name into config.yaml and starts an empty "
        "record, so that nothing that is done here touches the original's models, jobs and endpoints. Removes the "
        "copies of the original's jobs and endpoints from .lgbm-sm. A project that was moved does not need it.",
        "`lgbm-sm run`.",
    ),
)
def new_identity(
    ctx: typer.Context,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The copy's name (default: the old one and five letters).")
    ] = None,
) -> None:
    from lgbm_sm.scaffold.new_identity import give_identity

    loaded, console = load(ctx)
    given = give_identity(loaded, name, overrides=ctx.obj["overrides"], environment=os.environ, reporter=console)
    count = len(given.removed)
    console.result(
        {
            "name": given.name,
            "id": given.project_id,
            "config": given.config_path,
            "original": given.original,
            "removed": [str(folder) for folder in given.removed],
        },
        f"project.name is {given.name} in {given.config_path}\n"
        f"the record is empty; {count} {'copy' if count == 1 else 'copies'} of the original's folders removed",
    )


def _show(console: Console, project: "NewProject") -> None:
    following = _next_command(project.folder)
    files = [path.relative_to(project.folder) for path in project.files]
    counts = Counter(path.parts[0] for path in files)
    made = "\n".join(
        f"  {path.parts[0]}/ ({counts[path.parts[0]]} files)" if counts[path.parts[0]] > 1 else f"  {path}"
        for path in {path.parts[0]: path for path in files}.values()
    )
    rows = [
        (choice.key if line == 0 else "", _value_text(choice.value) if line == 0 else "", why)
        for choice in project.choices
        for line, why in enumerate(choice.why)
    ]
    console.result(
        {
            "folder": project.folder,
            "files": [path.as_posix() for path in files],
            "choices": [asdict(choice) for choice in project.choices],
            "next": following,
        },
        f"{table(('setting', 'value', 'why'), rows)}\n\nmade in {project.folder}:\n{made}\n\nnext: {following}",
    )


def _value_text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _next_command(folder: Path) -> str:
    """`make run` from where the user is, with the command's place where PATH does not lead to it.

    Not `make -C`, which says among the predictions where it goes.
    """
    where = "" if folder == Path.cwd() else f"cd {shlex.quote(os.path.relpath(folder))} && "
    if shutil.which("lgbm-sm") or (folder / ".venv/bin/lgbm-sm").exists():
        return f"{where}make run"
    own = Path(sys.argv[0]).resolve()
    command = str(own) if own.name == "lgbm-sm" else f"{sys.executable} -m lgbm_sm"
    return f"{where}make run LGBM_SM={shlex.quote(command)}"
