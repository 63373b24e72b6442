"""The commands init (create a project) and new-identity (make a copy a separate project)."""

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
    short_help="Create a project for your own table.",
    help=help_text(
        "lgbm-sm init houses --data houses.csv --target price",
        "Read your table and propose the objective, the columns to leave out and the categorical columns, each with a "
        "reason. At a terminal, ask for your choices. Then write a project to DIR: config.yaml (with the values of "
        "--set), an example inference.py, a Makefile and a GitHub workflow. init copies a table outside DIR to "
        "DIR/tables if it has at most 20 MB. init never overwrites a file.",
        "`make run`.",
    ),
)
def init(
    ctx: typer.Context,
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", show_default=False, help="The folder of the project (default: the current one)."),
    ] = Path(),
    *,
    data: Annotated[
        str | None, typer.Option(metavar="FILE", help="Your table, CSV or Parquet (default: the built-in boston).")
    ] = None,
    target: Annotated[str | None, typer.Option(metavar="COLUMN", help="The column to predict.")] = None,
    drop: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="A column to leave out. You can repeat this.")
    ] = None,
    categorical: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="A column whose numbers are categories. You can repeat this."),
    ] = None,
    objective: Annotated[
        str | None, typer.Option(metavar="NAME", help="The LightGBM objective (default: chosen from the target).")
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The project name (default: the table's name and five letters).")
    ] = None,
    containers: Annotated[
        bool,
        typer.Option(
            "--containers",
            help="Also copy the Dockerfiles and the code of the images to DIR/containers, so that you can change them. "
            "If DIR already has a project, give only this option. It then adds only DIR/containers.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask no questions and accept every proposal.")] = False,
) -> None:
    from lgbm_sm.scaffold.decisions import AcceptedProposals, Interview
    from lgbm_sm.scaffold.new_project import InitOptions, NewProject, make_project
    from lgbm_sm.scaffold.project_files import CONFIG, add_containers

    shared = ctx.obj
    if shared["config"]:
        raise UsageError("init writes a new config.yaml and does not read one", "remove --config")
    console = Console(output=shared["output"], verbose=shared["verbose"], environment=os.environ)
    folder = folder.resolve()
    options = InitOptions(
        tuple(shared["overrides"]), data, target, drop or (), categorical or (), objective, name, containers
    )
    decisions = Interview(console.ask, console) if can_ask() and not yes else AcceptedProposals()
    if options == InitOptions(containers=True) and (folder / CONFIG).is_file():
        _show(console, NewProject(folder, add_containers(folder), ()), following="`lgbm-sm build`")
        return
    project = make_project(folder, options, decisions=decisions, reporter=console)
    _show(console, project)


@app.command(
    cls=SharedOptionsCommand,
    short_help="Turn a copy of a project into a separate project.",
    help=help_text(
        "lgbm-sm new-identity --name houses-two",
        "Run this command in a copy of a project's folder (`cp -a`). It writes a new project.name into config.yaml and "
        "starts an empty record. So the commands in the copy do not touch the models, jobs and endpoints of the "
        "original project. It also deletes their copied folders from .lgbm-sm. If you only moved a project, you do not "
        "need this command.",
        "`lgbm-sm run`.",
    ),
)
def new_identity(
    ctx: typer.Context,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The name of the copy (default: the old name and five letters).")
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


def _show(console: Console, project: "NewProject", following: str = "") -> None:
    following = following or _next_command(project.folder)
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
    choices = f"{table(('setting', 'value', 'why'), rows)}\n\n" if rows else ""
    console.result(
        {
            "folder": project.folder,
            "files": [path.as_posix() for path in files],
            "choices": [asdict(choice) for choice in project.choices],
            "next": following,
        },
        f"{choices}created in {project.folder}:\n{made}\n\nnext: {following}",
    )


def _value_text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _next_command(folder: Path) -> str:
    """Return a command that runs `make run` in the folder of the project.

    The command contains the path of lgbm-sm if lgbm-sm is not on PATH. It uses `cd`, because `make -C` would print a
    line among the predictions.
    """
    where = "" if folder == Path.cwd() else f"cd {shlex.quote(os.path.relpath(folder))} && "
    if shutil.which("lgbm-sm") or (folder / ".venv/bin/lgbm-sm").exists():
        return f"{where}make run"
    own = Path(sys.argv[0]).resolve()
    command = str(own) if own.name == "lgbm-sm" else f"{sys.executable} -m lgbm_sm"
    return f"{where}make run LGBM_SM={shlex.quote(command)}"
