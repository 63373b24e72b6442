"""The different texts of a column, each with its number of cells."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lgbm_sm.preparation.column_settings import ColumnSettings
from lgbm_sm.preparation.columns import Column, ColumnKind, Note, Refusal
from lgbm_sm.preparation.missing_tokens import are_tokens
from lgbm_sm.wording import counted

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class DifferentTexts:
    """The different texts of a column. `indices` has, for each cell, the position of its text.

    `are_missing` marks the texts that mean a missing cell in a column of text. `are_tokens` marks the texts that mean a
    missing cell in a column of numbers. `others` are the texts that `are_tokens` does not mark, trimmed.
    """

    name: str
    settings: ColumnSettings
    cells: "pa.ChunkedArray"
    raw: "pa.Array"
    trimmed: "pa.Array"
    indices: "pa.Array"
    are_missing: "pa.Array"
    are_tokens: "pa.Array"

    @property
    def others(self) -> "pa.Array":
        import pyarrow.compute as pc

        return self.trimmed.filter(pc.invert(self.are_tokens))

    def counts(self, chosen: "pa.Array") -> dict[str, int]:
        """Return the number of cells of each chosen text except "", most frequent first."""
        import pyarrow as pa
        import pyarrow.compute as pc

        positions = pc.indices_nonzero(chosen)
        found = pc.value_counts(self.indices.filter(pc.is_in(self.indices, value_set=positions.cast(pa.int32()))))
        counts: dict[str, int] = {}
        for one in found.to_pylist():
            if one["values"] is not None and (text := self.trimmed[one["values"]].as_py()):
                counts[text] = counts.get(text, 0) + one["counts"]
        return dict(sorted(counts.items(), key=lambda item: -item[1]))

    def text_column(self, notes: tuple[Note, ...] = (), refusal: Refusal | None = None) -> Column:
        """Return the column as categories."""
        import pyarrow.compute as pc

        kept = pc.if_else(self.are_missing, None, self.raw)
        missing = self.counts(self.are_missing)
        cells = chunked(kept.take(self.indices)) if self.are_missing.true_count else self.cells
        return Column(self.name, ColumnKind.TEXT, cells, missing=missing, notes=notes, refusal=refusal)


def different_texts(name: str, cells: "pa.ChunkedArray", settings: ColumnSettings) -> DifferentTexts:
    """Return the different texts of a column of text."""
    import pyarrow.compute as pc

    encoded = cells.combine_chunks().dictionary_encode()
    raw = encoded.dictionary
    return DifferentTexts(
        name=name,
        settings=settings,
        cells=cells,
        raw=raw,
        trimmed=pc.utf8_trim_whitespace(raw),
        indices=encoded.indices,
        are_missing=are_tokens(raw, settings.missing, of_numbers=False),
        are_tokens=are_tokens(raw, settings.missing, of_numbers=True),
    )


def tokens_and_counts(counts: dict[str, int]) -> str:
    """Return one text that lists texts and their numbers of cells."""
    return ", ".join(f"{text!r} ({counted(count, 'cell')})" for text, count in counts.items())


def chunked(cells: "pa.Array") -> "pa.ChunkedArray":
    """Return the cells as a chunked array, the type of table columns."""
    import pyarrow as pa

    return pa.chunked_array([cells])
