"""`init`: examine a table, and create a project for it."""

import csv
import io
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lgbm_sm.data import check_source
from lgbm_sm.errors import DataError, UsageError
from lgbm_sm.names import project_name_of
from lgbm_sm.preparation.column_reading import read_column
from lgbm_sm.preparation.column_roles import find_target
from lgbm_sm.preparation.column_settings import settings_of_columns
from lgbm_sm.preparation.problems import Problems
from lgbm_sm.preparation.row_counter import ReportStatus
from lgbm_sm.preparation.sources import Source, is_shipped, open_source
from lgbm_sm.preparation.table_header import UnknownHeaderError
from lgbm_sm.preparation.tables import TABLE_SUFFIXES
from lgbm_sm.preparation.targets import describe_target
from lgbm_sm.progress import Reporter
from lgbm_sm.scaffold.decisions import Decisions
from lgbm_sm.scaffold.draft import ANSWERED, GIVEN, ChosenSetting, Draft
from lgbm_sm.scaffold.project_files import ProjectFiles, config_template, require_new, write_project
from lgbm_sm.scaffold.proposal import ProposedColumn, propose
from lgbm_sm.scaffold.rounds import with_enough_rounds
from lgbm_sm.scaffold.table_place import place_table, table_to_copy
from lgbm_sm.wording import shortened_list

_OBJECTIVE = "training.hyperparameters.objective"
_DEFAULT_TABLE = "boston"
_NOTHING = "none"
_SHOWN_NAMES = 30
_LIKELY_TARGETS = ("target", "label", "y", "class")


@dataclass(frozen=True)
class InitOptions:
    """The options of the command line.

    `overrides` are texts `section.key=value`. A relative path in `table` starts at the current folder. Columns are
    names, or positions as digits. With `containers`, the project gets a copy of the images' files.
    """

    overrides: Sequence[str] = ()
    table: str | None = None
    target: str | None = None
    drop: Sequence[str] = ()
    categorical: Sequence[str] = ()
    objective: str | None = None
    name: str | None = None
    containers: bool = False


@dataclass(frozen=True)
class NewProject:
    """A new project: its files, sorted by path, and the chosen settings."""

    folder: Path
    files: tuple[Path, ...]
    choices: tuple[ChosenSetting, ...]


def make_project(folder: Path, options: InitOptions, *, decisions: Decisions, reporter: Reporter) -> NewProject:
    """Examine the data, decide the open settings, and write the project's files.

    `folder` is absolute.

    Raises:
        UsageError: a file of the project exists already, or the folder cannot be written.
        DataError: the table cannot be read or learned from.
        ConfigError: an option is not a valid setting.
    """
    require_new(folder, ProjectFiles(containers=options.containers).places)
    draft = _with_options(options)
    draft, source = _with_table(draft, options.table, folder, decisions, reporter.status)
    for note in source.notes:
        reporter.detail(note)
    for warning in source.warnings:
        reporter.warn(warning)
    draft = _with_target(draft, source, decisions)
    draft = with_enough_rounds(_with_proposals(draft, source, decisions, reporter))
    if not draft.decides("project.name"):
        proposed = project_name_of(draft.config.data.name.lower())
        why = ("the table's name, with letters that make it unique in the account",)
        draft = decisions.decide(
            "Project name? The names of jobs and endpoints begin with it.",
            proposed,
            lambda text: draft.having("project.name", text, why if text == proposed else ANSWERED),
        )
    draft = _with_prefix(draft)
    check_source(source, draft.config.data, draft.config.training.objective)
    files = write_project(
        folder,
        ProjectFiles(
            config_text=draft.as_text(config_template()),
            containers=options.containers,
            table=table_to_copy(draft.config.data.file, source.paths, folder),
        ),
    )
    return NewProject(folder, files, draft.choices)


def _with_options(options: InitOptions) -> Draft:
    draft = Draft(tuple(options.overrides))
    if options.name is not None:
        draft = draft.having("project.name", options.name, GIVEN, "--name")
    if options.target is not None:
        draft = draft.having("data.target", _reference(options.target), GIVEN, "--target")
    if options.drop:
        draft = draft.having("data.drop", [_reference(text) for text in options.drop], GIVEN, "--drop")
    if options.categorical:
        columns = [_reference(text) for text in options.categorical]
        draft = draft.having("data.categorical", columns, GIVEN, "--categorical")
    if options.objective is not None:
        draft = draft.having(_OBJECTIVE, options.objective, GIVEN, "--objective")
    return draft


def _with_prefix(draft: Draft) -> Draft:
    """Set the project's prefix in S3 to its name, so that projects do not share objects."""
    if draft.decides("aws.prefix"):
        return draft
    return draft.having("aws.prefix", draft.config.project.name, ("the project's name, so that no project shares it",))


def _with_table(
    draft: Draft, table: str | None, folder: Path, decisions: Decisions, status: ReportStatus
) -> tuple[Draft, Source]:
    def read(text: str, why: tuple[str, ...]) -> tuple[Draft, Source]:
        if is_shipped(text):
            named = draft.having("data.name", text, why)
            return named, open_source(named.config.data, folder, status)
        return _with_file(draft, text, folder, why, decisions, status)

    if table is not None:
        return read(table, GIVEN)
    data = draft.config.data
    if data.file is not None or data.files is not None or draft.decides("data.name"):
        return _opened(draft, folder, decisions, status)
    beside = sorted(folder.iterdir()) if folder.is_dir() else []
    tables = [path.name for path in beside if path.name.lower().endswith(TABLE_SUFFIXES)]
    if decisions.is_asking:
        proposed = os.path.relpath(folder / tables[0]) if len(tables) == 1 else _DEFAULT_TABLE
        question = f"Which table to learn from? A CSV or Parquet file, or {_DEFAULT_TABLE} (built-in)."
        return decisions.decide(question, proposed, lambda text: read(text, ANSWERED))
    yours = f"your own, such as {tables[0]}" if tables else "your own"
    return read(_DEFAULT_TABLE, (f"built-in, since no table was given; use --data FILE for {yours}",))


def _with_file(
    draft: Draft, text: str, folder: Path, why: tuple[str, ...], decisions: Decisions, status: ReportStatus
) -> tuple[Draft, Source]:
    named = Path(text).expanduser()
    path = named.parent.resolve() / named.name
    if not draft.decides("data.name"):
        draft = draft.having("data.name", _data_name(path), ("the table's name",))
    try:
        # use the absolute path, because the project folder may not exist yet
        draft, source = _opened(draft.having("data.file", str(path), why, "--data"), folder, decisions, status)
    except DataError as error:
        if path.exists():
            raise
        raise DataError(error.message, f"name an existing table; relative paths start at {Path.cwd()}") from error
    place = place_table(path, folder)
    return draft.having("data.file", place.configured, (*why, *place.why)), source


def _opened(draft: Draft, folder: Path, decisions: Decisions, status: ReportStatus) -> tuple[Draft, Source]:
    """Open the table of the draft. If necessary, ask the user whether it has a header."""

    def read(text: str) -> Draft:
        answers = {"yes": True, "y": True, "no": False, "n": False}
        if text.lower() not in answers:
            raise UsageError("answer yes or no")
        return draft.having("data.header", answers[text.lower()], ANSWERED)

    try:
        return draft, open_source(draft.config.data, folder, status)
    except UnknownHeaderError as error:
        if not decisions.is_asking:
            raise
        draft = decisions.decide("Is the first line a header? yes or no.", "yes", read, (error.message,))
        return draft, open_source(draft.config.data, folder, status)


def _with_target(draft: Draft, source: Source, decisions: Decisions) -> Draft:
    names = source.columns.column_names

    def read(text: str) -> Draft:
        if not text:
            columns = shortened_list(names, _SHOWN_NAMES)
            raise DataError(f"no target column is set; the columns are {columns}", "set it: --target COLUMN")
        reference = _reference(text, names)
        find_target(names, reference)
        return draft.having("data.target", reference, ANSWERED)

    known = source.target if draft.config.data.target is None else draft.config.data.target
    if known is not None and (draft.decides("data.target") or source.named or not decisions.is_asking):
        find_target(names, known)
        if source.named or draft.decides("data.target"):
            return draft
        return draft.having("data.target", known, ("the last column, since the columns have no names",))
    likely = [name for name in names if name.lower() in _LIKELY_TARGETS]
    proposed = str(known) if known is not None else (likely or names[-1:])[0] if decisions.is_asking else ""
    return decisions.decide(
        f"Which column to predict? The columns are {shortened_list(names, _SHOWN_NAMES)}.", proposed, read
    )


def _with_proposals(draft: Draft, source: Source, decisions: Decisions, reporter: Reporter) -> Draft:
    proposal = propose(source, draft.config.data)
    for note, is_warning in proposal.notes:
        (reporter.warn if is_warning else reporter.detail)(note)
    objective = proposal.objective
    if not draft.decides(_OBJECTIVE):
        before = draft

        def read(text: str) -> Draft:
            why = (objective.why,) if text == objective.name else ANSWERED
            answered = before.having(_OBJECTIVE, text, why)
            _check_target(source, answered)
            return answered

        question = "Which objective? regression, binary (two classes), multiclass, or another LightGBM objective."
        draft = decisions.decide(question, objective.name, read, (objective.why,))
    else:
        _check_target(source, draft)
    question = "Which of these columns to leave out? Comma-separated names, or none."
    draft = _with_columns(draft, "data.drop", question, proposal.drop, source, decisions)
    question = "Which of these columns are categories? Comma-separated names, or none."
    dropped = draft.config.data.drop
    categorical = tuple(column for column in proposal.categorical if column.reference not in dropped)
    return _with_columns(draft, "data.categorical", question, categorical, source, decisions)


def _with_columns(
    draft: Draft,
    key: str,
    question: str,
    proposed: Sequence[ProposedColumn],
    source: Source,
    decisions: Decisions,
) -> Draft:
    """Return the draft with the accepted columns, in addition to those that the user named."""
    if not proposed:
        return draft
    data = draft.config.data
    names = source.columns.column_names
    given = data.drop if key == "data.drop" else data.categorical
    whys = {column.reference: column.why for column in proposed}

    def read(text: str) -> Draft:
        columns = _columns(text, names)
        columns = [*given, *(column for column in columns if column not in given)]
        why = tuple(whys.get(column, f"column {column!r} was chosen") for column in columns)
        if key == "data.drop" and len(columns) + 1 >= len(names):
            raise DataError("\n".join(("no column is left to learn from:", *why)), "use a table with more columns")
        answered = draft.having(key, columns, why) if columns else draft
        check_source(source, answered.config.data, answered.config.training.objective)
        return answered

    return decisions.decide(
        question, _as_row([str(column.reference) for column in proposed]), read, tuple(whys.values())
    )


def _check_target(source: Source, draft: Draft) -> None:
    names = source.columns.column_names
    section = draft.config.data
    position = find_target(names, source.target if section.target is None else section.target)
    problems = Problems(section)
    settings = settings_of_columns(section, names, source.doubtful)[position]
    column = read_column(names[position], source.columns.column(position), settings)
    if section.drop_missing_target:
        column = replace(column, cells=column.cells.drop_null())
    describe_target(column, draft.config.training.objective, problems, source.row_name, classes=source.classes)
    problems.raise_if_any()


def _columns(text: str, names: Sequence[str]) -> list[str | int]:
    if text == _NOTHING and _NOTHING not in names:
        return []
    [row] = csv.reader([text], skipinitialspace=True)
    return [_reference(cell.strip(), names) for cell in row]


def _reference(text: str, names: Sequence[str] = ()) -> str | int:
    """Return a column by its name, or by its position if the text is only digits."""
    return int(text) if text not in names and re.fullmatch(r"-?\d+", text) else text


def _as_row(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


def _data_name(path: Path) -> str:
    """Return the table's name in the form of file names."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", path.name.split(".")[0]).strip("._-")[:50] or "table"
    return f"own-{stem}" if is_shipped(stem) else stem
