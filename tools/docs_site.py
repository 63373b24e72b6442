"""Hooks for MkDocs. They insert the generated tables, and add files from outside docs/.

A page may link to a file outside docs/. The site has this file below source/, at its path in the repository. It also
has the files that this file links to.
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
    """Add the files outside docs/ that a page links to, directly or through other files."""
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
    """Insert the tables into a page, and change its links for the site."""
    if page.file.generated_by:
        return markdown
    return _MARK.sub(lambda mark: _made(mark[1]), _with_links_of_the_site(markdown, f"docs/{page.file.src_uri}"))


def slug(heading: str, separator: str) -> str:
    """Return the HTML id of a heading."""
    return _safe(slugify(heading, separator))


def _safe(anchor: str) -> str:
    """Return the id, with a prefix if it begins with a digit.

    Such an id would stop the theme's script, and tables would have no style.
    """
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
    """Return the paths in the repository that the text links to."""
    targets = (target for part in _CODE.split(text)[::2] for _, target in _LINK.findall(part))
    return {path for target in targets if (path := _file(target, page)) is not None}


def _with_links_of_the_site(text: str, page: str) -> str:
    """Change the links in the text for the site.

    If the target of a link does not exist, only the label remains. `page` is the path of the page in the repository.
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

    The result is None for a web address and for a folder without a README. On a page outside docs/, it is also None for
    a file that does not exist, because a program may create the file later. On a page in docs/, MkDocs refuses such a
    link.
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
    """Return the path of a page or a file among the source files of the site."""
    return path.removeprefix("docs/") if path.startswith("docs/") else str(_OUTSIDE / path)
