"""Convert the chunks of a channel to LightGBM's datasets.

The whole matrix is never in memory: LightGBM keeps only the bin of each value.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lgbm_runtime.core.schema import Schema
from lgbm_runtime.training.channel_rows import Matrix, Rows, read_chunk
from lgbm_runtime.training.channels import Channel
from lgbm_runtime.training.chunk_reader import ChunkReader
from lgbm_runtime.training.constant_columns import ConstantColumns
from lgbm_runtime.training.evaluation import TRAIN
from lgbm_runtime.training.failure import TrainingError
from lgbm_runtime.training.training_api import Dataset, Lightgbm


class ChannelReader:
    """Reads channels with these columns into LightGBM's datasets.

    The methods raise TrainingError for a cell that does not fit its column. The message has the file, the row, the
    column and the value. They raise LightgbmError if LightGBM refuses the data.
    """

    def __init__(self, chunks: ChunkReader, columns: Schema, *, keeps_numbers: bool) -> None:
        """With `keeps_numbers`, LightGBM keeps the numbers in addition to the bins.

        Then the rows are not pushed, because LightGBM 4.7 does not support that together with numbers: linear trees
        differ. A dataset of LGBM_DatasetCreateByReference has no memory for the numbers, so pushing rows crashes the
        process.
        """
        self._chunks = chunks
        self._columns = columns
        self._keeps_numbers = keeps_numbers
        self.constant_features = ConstantColumns()

    def train_data(self, channel: Channel, lightgbm: Lightgbm) -> tuple[Dataset, Matrix]:
        """Return the channel's features as a dataset, and its labels as an array.

        The dataset has no labels yet. After the call, `constant_features` has the features with a single value. A large
        channel is read twice: first a sample of its rows, from which LightGBM chooses the bins, then all rows.
        """
        indices = lightgbm.sample_indices(channel.rows)
        if len(indices) == channel.rows or self._keeps_numbers:
            columns, labels = self._all(channel)
            return Dataset.from_columns(lightgbm, columns), labels
        data = Dataset.from_sample(lightgbm, self._sample(channel, indices), channel.rows)
        return data, self._push(data, channel)

    def validation_data(self, channel: Channel, train: Dataset) -> tuple[Dataset, Matrix]:
        """Return the same as `train_data`, with the bins of `train`."""
        if self._keeps_numbers:
            columns, labels = self._all(channel)
            return Dataset.from_columns(train.lightgbm, columns, train), labels
        data = train.same_bins(channel.rows)
        return data, self._push(data, channel)

    def close(self) -> None:
        """End the processes that read the files. This frees memory for the training."""
        self._chunks.close()

    def _rows(self, channel: Channel) -> Iterator[Rows]:
        for rows in self._chunks.map(read_chunk, ((chunk, self._columns) for chunk in channel.chunks)):
            if channel.name == TRAIN:
                self.constant_features.add(rows[0])
            yield rows

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
        """Return the columns of the rows at these ascending indices."""
        calls, first = [], 0
        for chunk in channel.chunks:
            begin, end = np.searchsorted(indices, (first, first + chunk.rows))
            if begin < end:
                calls.append((chunk, self._columns, (indices[begin:end] - first).tolist()))
            first += chunk.rows
        columns, row = np.empty((self._columns.width, len(indices))), 0
        try:
            for features, _ in self._chunks.map(read_chunk, calls):
                columns[:, row : row + len(features)] = features.T
                row += len(features)
        except TrainingError:
            # the row number in this error counts only sampled rows: read all rows, to report the first wrong one
            for _ in self._rows(channel):
                pass
            raise
        return columns
