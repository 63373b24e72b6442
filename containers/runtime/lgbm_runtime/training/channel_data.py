"""From a channel's pieces to LightGBM's binned data: the same as of one matrix, which is never in memory as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lgbm_runtime.core.schema import Schema
from lgbm_runtime.training.channel_rows import Matrix, Rows, read_piece
from lgbm_runtime.training.channels import Channel
from lgbm_runtime.training.failure import TrainingError
from lgbm_runtime.training.piece_reader import PieceReader
from lgbm_runtime.training.training_api import Dataset, Lightgbm


class ChannelReader:
    """Reads channels of these columns into data of LightGBM's.

    Every method raises TrainingError naming file, row, column and value of the first cell that does not suit the
    columns, and LightgbmError where LightGBM refuses the data.
    """

    def __init__(self, pieces: PieceReader, columns: Schema, lightgbm: Lightgbm) -> None:
        self._pieces = pieces
        self._columns = columns
        self._lightgbm = lightgbm

    def train_data(self, channel: Channel, params: Mapping[str, Any]) -> tuple[Dataset, Matrix]:
        """The channel's features as LightGBM's data, and the labels, which are not in it yet.

        A large channel is read twice: a sample of its rows, by which LightGBM chooses the bins, and then all of them.
        """
        indices = self._lightgbm.sample_indices(channel.rows, params)
        if len(indices) == channel.rows or _keeps_numbers(params):
            columns, labels = self._all(channel)
            return Dataset.from_columns(self._lightgbm, columns, params), labels
        data = Dataset.from_sample(self._lightgbm, self._sample(channel, indices), channel.rows, params)
        return data, self._push(data, channel)

    def validation_data(self, channel: Channel, params: Mapping[str, Any], train: Dataset) -> tuple[Dataset, Matrix]:
        """As `train_data`, with the bins of `train`."""
        if _keeps_numbers(params):
            columns, labels = self._all(channel)
            return Dataset.from_columns(self._lightgbm, columns, params, train), labels
        data = train.same_bins(channel.rows)
        return data, self._push(data, channel)

    def close(self) -> None:
        """Ends the processes that read: what they hold is free for the training."""
        self._pieces.close()

    def _rows(self, channel: Channel) -> Iterator[Rows]:
        return self._pieces.map(read_piece, ((piece, self._columns) for piece in channel.pieces))

    def _all(self, channel: Channel) -> tuple[Matrix, Matrix]:
        columns, labels, row = np.empty((self._columns.width, channel.rows)), np.empty(channel.rows), 0
        for features, targets in self._rows(channel):
            end = row + len(targets)
            columns[:, row:end], labels[row:end] = features.T, targets
            row = end
        return columns, labels

    def _push(self, data: Dataset, channel: Channel) -> Matrix:
        labels, row = np.empty(channel.rows), 0
        for features, targets in self._rows(channel):
            data.push(features)
            labels[row : row + len(targets)] = targets
            row += len(targets)
        return labels

    def _sample(self, channel: Channel, indices: NDArray[np.int32]) -> Matrix:
        """The columns of the rows at these indices, which ascend."""
        calls, first = [], 0
        for piece in channel.pieces:
            begin, end = np.searchsorted(indices, (first, first + piece.rows))
            if begin < end:
                calls.append((piece, self._columns, (indices[begin:end] - first).tolist()))
            first += piece.rows
        columns, row = np.empty((self._columns.width, len(indices))), 0
        try:
            for features, _ in self._pieces.map(read_piece, calls):
                columns[:, row : row + len(features)] = features.T
                row += len(features)
        except TrainingError:
            # the first fault of the channel may stand in a row before, and this one's row is counted in the sample
            for _ in self._rows(channel):
                pass
            raise
        return columns


def _keeps_numbers(params: Mapping[str, Any]) -> bool:
    """Whether LightGBM needs the numbers themselves beside the bins.

    LightGBM 4.7 does not take them right row by row: linear trees come out differently, and data made with
    LGBM_DatasetCreateByReference have no place for them, so that pushing ends the process.
    """
    return bool(params.get("linear_tree"))
