"""Hooks for MkDocs: insert the tables made from the program, and add linked files from outside docs/.

The site has such a file under source/, at its path in the repository, together with the files that it links to.
"""

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from markdown.extensions.toc import slugify
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from tools import docs_tables

CHECKOUT = Path(__file__).resolve().parents[1]
_OUTSIDE = PurePosixPath("source")
_MARK = re.compile(r"<!-- made by tools/docs_tables\.py: (\w+) -->")
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")
_CODE = re.compile(r"(^```.*?^```)", re.DOTALL | re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files outside docs/ that pages link to, and the files that those link to."""
    texts = {f"docs/{file.src_uri}": file.content_string for file in files.documentation_pages()}
    while texts:
        page, text = texts.popitem()
        for path in sorted(_linked_files(text, page)):
            taken = path.startswith("docs/") or files.get_file_from_path(_in_site(path)) is not None
            if taken or not (CHECKOUT / path).is_file():
                continue
            content = (CHECKOUT / path).read_text(encoding="utf-8")
            if path.endswith(".md"):
                texts[path] = content
                content = _with_links_of_the_site(content, path)
            files.append(File.generated(config, _in_site(path), content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return the page with its tables, and with its links changed for the site."""
    if page.file.generated_by:
        return markdown
    return _MARK.sub(lambda mark: _made(mark[1]), _with_links_of_the_site(markdown, f"docs/{page.file.src_uri}"))


def slug(heading: str, separator: str) -> str:
    """Return the id of a heading."""
    return _safe(slugify(heading, separator))


def _safe(anchor: str) -> str:
    """Return an id without a leading digit, at which the theme's script would stop and leave tables unstyled."""
    return f"section-{anchor}" if anchor[:1].isdigit() else anchor


def _made(name: str) -> str:
    match name:
        case "configuration":
            return docs_tables.configuration()
        case "exit_codes":
            readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
            return docs_tables.exit_codes(docs_tables.meanings_of_exit_codes(readme))
        case "known_issues":
            return docs_tables.issues()
        case "commands":
            return docs_tables.commands()
    raise ValueError(f"docs_tables.py cannot make {name}")


def _linked_files(text: str, page: str) -> set[str]:
    """Return the linked paths in the repository."""
    targets = (target for part in _CODE.split(text)[::2] for _, target in _LINK.findall(part))
    return {path for target in targets if (path := _file(target, page)) is not None}


def _with_links_of_the_site(text: str, page: str) -> str:
    """Return the text with links changed for the site; a link without a target becomes its label.

    `page` is the path in the repository.
    """

    def in_the_site(link: re.Match[str]) -> str:
        label, target = link.groups()
        if target.startswith("#"):
            return f"[{label}](#{_safe(target[1:])})"
        if _is_elsewhere(target):
            return link[0]
        path = _file(target, page)
        if path is None:
            return label
        anchor = target.partition("#")[2]
        address = os.path.relpath(_in_site(path), PurePosixPath(_in_site(page)).parent)
        return f"[{label}]({address}{f'#{_safe(anchor)}' if anchor else ''})"

    parts = _CODE.split(text)
    parts[::2] = [_LINK.sub(in_the_site, part) for part in parts[::2]]
    return "".join(parts)


def _file(target: str, page: str) -> str | None:
    """Return the path in the repository that a link on `page` leads to, or None.

    None for a web address, for a folder without a README, and, on pages outside docs/, for a file that does not exist
    (programs create some). On pages in docs/, MkDocs refuses such a link.
    """
    if _is_elsewhere(target):
        return None
    path = os.path.normpath(PurePosixPath(page).parent / target.partition("#")[0])
    if (CHECKOUT / path).is_dir():
        path = f"{path}/README.md"
        return path if (CHECKOUT / path).is_file() else None
    return path if page.startswith("docs/") or (CHECKOUT / path).is_file() else None


def _is_elsewhere(target: str) -> bool:
    return target.startswith("#") or re.match(r"[a-z]+:", target) is not None


def _in_site(path: str) -> str:
    """Return the path of a page or file among the sources of the site."""
    return path.removeprefix("docs/") if path.startswith("docs/") else str(_OUTSIDE / path)
