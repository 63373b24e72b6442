"""Convert LightGBM's model text to the trees of native/tree_walk.c.

Sources: Tree::ToString in LightGBM's src/io/tree.cpp writes the fields of the text. NumericalDecision and
CategoricalDecision in include/LightGBM/tree.h decide which child of a node a row goes to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lgbm_runtime.core.native_code import NativeCode

# The bits of a node's decision type in the text, and the flags of a node in tree_walk.c.
_IS_CATEGORICAL, _NAN_GOES_LEFT = 1, 2
_MISSING_TYPE, _ZERO_IS_MISSING, _NAN_IS_MISSING = 0b1100, 0b0100, 0b1000
_NAN_GOES_RIGHT, _CATEGORICAL = 1, 2
_NODE = np.dtype([("value", np.float64), ("left", np.uint32), ("feature", np.uint32)])


class UnsupportedModelError(Exception):
    """The tree walk does not support this model. The message gives the reason."""


class Forest(NamedTuple):
    """The trees for tree_walk.c.

    `nodes` has the nodes of all trees, and `words` their sets of categories. `roots` has the position of the first node
    of each tree. `thresholds` has the thresholds of the numeric nodes, in the order of the text.
    """

    nodes: NDArray[Any]
    words: NDArray[np.uint32]
    roots: NDArray[np.uint32]
    thresholds: NDArray[np.float64]


def forest_of(text: str, width: int, native: NativeCode) -> Forest:
    """Return the trees of a model whose rows have `width` features.

    Raises UnsupportedModelError.
    """
    trees = _Trees(text[text.index("\nTree=") : text.index("\nend of trees")], native)
    trees.check(width)
    inner, leaf = trees.places()
    nodes = np.zeros(len(inner) + len(leaf), _NODE)
    nodes["value"][inner], nodes["left"][inner] = trees.thresholds, trees.left_places()
    nodes["feature"][inner] = 4 * trees.features + _NAN_GOES_RIGHT * trees.nan_goes_right()
    nodes["value"][leaf], nodes["left"][leaf], nodes["feature"][leaf] = trees.outputs, leaf, 4 * width
    is_categorical = (trees.decisions & _IS_CATEGORICAL) != 0
    categorical = inner[is_categorical]
    nodes["feature"][categorical] = 4 * trees.features[is_categorical] + _CATEGORICAL
    # a categorical node stores the position and the size of its set in the place of the threshold
    sets = nodes["value"].view((np.uint32, 2))
    sets[categorical] = trees.sets(is_categorical)
    roots = trees.first_nodes.astype(np.uint32)
    return Forest(nodes, trees.words.astype(np.uint32), roots, trees.thresholds[~is_categorical])


class _Trees:
    """The fields of the text. Each array holds the values of all trees, in their order.

    The children of the inner node j (in LightGBM's order) have the positions 1 + 2j and 2 + 2j among the nodes of the
    tree.
    """

    def __init__(self, text: str, native: NativeCode) -> None:
        self._is_linear = "\nis_linear=1" in text
        self.thresholds, self.outputs = _numbers(text, "threshold", native), _numbers(text, "leaf_value", native)
        self.features, self.decisions = _integers(text, "split_feature"), _integers(text, "decision_type")
        self._left, self._right = _integers(text, "left_child"), _integers(text, "right_child")
        self._leaves, self._sets = _integers(text, "num_leaves"), _integers(text, "num_cat")
        self._boundaries, self.words = _integers(text, "cat_boundaries"), _integers(text, "cat_threshold")
        self._inner = self._leaves - 1
        self.first_nodes = _starts(self._leaves + self._inner)
        self._tree_of = np.repeat(np.arange(len(self._leaves)), self._inner)

    def check(self, width: int) -> None:
        """Raise UnsupportedModelError if the tree walk does not support the trees."""
        if self._is_linear:
            raise UnsupportedModelError("the model's trees are linear")
        if not self._is_complete(width):
            raise UnsupportedModelError("the format of the model's trees is not known")
        if (self.decisions & _MISSING_TYPE == _ZERO_IS_MISSING).any():
            raise UnsupportedModelError("the model treats zero as missing")
        # a comparison with NaN is always false; LightGBM does not write such a threshold
        if np.isnan(self.thresholds).any():
            raise UnsupportedModelError("a threshold of the model is NaN")

    def _is_complete(self, width: int) -> bool:
        of_nodes = (self.features, self.thresholds, self.decisions, self._left, self._right)
        return (
            all(len(values) == len(self._tree_of) for values in of_nodes)
            and len(self.outputs) == self._leaves.sum()
            and len(self._sets) == len(self._leaves)
            and not ((self.features < 0) | (self.features >= width)).any()
            and all(self._are_in_tree(child) for child in (self._left, self._right))
        )

    def _are_in_tree(self, child: NDArray[np.int64]) -> bool:
        # for a negative child, ~child is the number of a leaf
        leaves, inner = self._leaves[self._tree_of], self._inner[self._tree_of]
        return bool((np.where(child < 0, ~child < leaves, child < inner)).all())

    def left_places(self) -> NDArray[np.int64]:
        """Return the position of each inner node's first child."""
        numbers = np.arange(len(self._tree_of)) - _starts(self._inner)[self._tree_of]
        return self.first_nodes[self._tree_of] + 1 + 2 * numbers

    def places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the positions of the inner nodes and of the leaves."""
        first_inner, first_leaf = _starts(self._inner), _starts(self._leaves)
        inner, leaf = np.zeros_like(self.features), np.zeros(len(self.outputs), np.int64)
        grown = self._inner > 0
        inner[first_inner[grown]], leaf[first_leaf[~grown]] = self.first_nodes[grown], self.first_nodes[~grown]
        left = self.left_places()
        for places, child in ((left, self._left), (left + 1, self._right)):
            is_inner = child >= 0
            inner[(first_inner[self._tree_of] + child)[is_inner]] = places[is_inner]
            leaf[(first_leaf[self._tree_of] + ~child)[~is_inner]] = places[~is_inner]
        return inner, leaf

    def nan_goes_right(self) -> NDArray[np.bool_]:
        """Return for each node whether a row with NaN goes to the right child.

        If a node does not handle missing values, LightGBM treats NaN as zero.
        """
        is_missing = self.decisions & _MISSING_TYPE == _NAN_IS_MISSING
        return np.where(is_missing, self.decisions & _NAN_GOES_LEFT == 0, self.thresholds < 0)

    def sets(self, is_categorical: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return the first word and the number of words of each categorical node's set.

        The result has the shape (nodes, 2). The threshold of a categorical node is the number of its set in the tree.
        """
        first_boundary = _starts(np.where(self._sets > 0, self._sets + 1, 0))
        words_of_trees = np.zeros_like(self._sets)
        with_sets = self._sets > 0
        words_of_trees[with_sets] = self._boundaries[(first_boundary + self._sets)[with_sets]]
        tree_of = self._tree_of[is_categorical]
        boundary = first_boundary[tree_of] + self.thresholds[is_categorical].astype(np.int64)
        first, end = self._boundaries[boundary], self._boundaries[boundary + 1]
        return np.stack([_starts(words_of_trees)[tree_of] + first, end - first], axis=1)


def _field(text: str, name: str) -> str:
    """Return the values of a field in all trees, separated by blanks."""
    start, lines, at = f"\n{name}=", [], 0
    while (at := text.find(start, at)) >= 0:
        at += len(start)
        lines.append(text[at : text.find("\n", at)])
    return " ".join(filter(None, lines))


def _integers(text: str, name: str) -> NDArray[np.int64]:
    return np.fromstring(_field(text, name), np.int64, sep=" ")


def _numbers(text: str, name: str, native: NativeCode) -> NDArray[np.float64]:
    """Return the numbers in a field of all trees.

    Returns an empty array if a value is not a number. The compiled code reads numbers ten times as fast as numpy.
    """
    values = _field(text, name).replace(" ", ",").encode()
    numbers = native.read_numbers(values, values.count(b",") + 1) if values else None
    if numbers is not None:
        read: NDArray[np.float64] = numbers[0]
        return read
    # the compiled code reads only finite numbers, but a node that only tests for a missing value has the threshold inf
    try:
        return np.array([float(value) for value in values.split(b",") if value])
    except ValueError:
        return np.empty(0)


def _starts(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the position of the first element of each part in the joined array."""
    return np.cumsum(lengths) - lengths
