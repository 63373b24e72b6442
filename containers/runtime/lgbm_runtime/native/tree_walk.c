/* Walks through the trees of a LightGBM model, several at a time.
 *
 * A walk waits for memory at each node, and which way it goes is a coin's toss to the processor: LightGBM's own, one
 * tree and one row after the other, spends most of its time on wrong guesses. Here each step is arithmetic, and a
 * processor has the steps of LANES independent walks to choose from.
 *
 * The scores are LightGBM's to the bit: the same comparisons, and leaf values added in the order of the trees. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LANES 8
/* Rows whose copy stays in a processor's nearer caches while all trees go over them, in numbers. */
#define BLOCK_VALUES 8192
/* What LightGBM takes for zero: kZeroThreshold in its meta.h. */
#define ZERO 1e-35f

/* An inner node has its children at `left` and `left + 1`. A leaf is its own left child, and its feature is NaN in each
 * row. `feature` is four times the column's index plus these: */
#define NAN_GOES_RIGHT 1
#define CATEGORICAL 2

typedef struct {
    union {
        double threshold; /* a row goes to the second child where its feature is above it */
        double output;    /* of a leaf */
        struct {          /* a row goes to the first child where the bit of its category is set in these words */
            uint32_t first_word;
            uint32_t words;
        };
    };
    uint32_t left;
    uint32_t feature;
} Node;

static int is_in_set(const Node *node, const uint32_t *words, double category) {
    /* the fraction is cut off, so that above -1 is 0 */
    if (!(category > -1.0 && category < 32.0 * node->words))
        return 0;
    uint32_t bit = (uint32_t)(int32_t)category;
    return words[node->first_word + bit / 32] >> bit % 32 & 1;
}

static inline uint32_t next_node(const Node *nodes, const uint32_t *words, uint32_t node, const double *row) {
    const Node *at = nodes + node;
    double cell = row[at->feature >> 2];
    if (words != NULL && at->feature & CATEGORICAL)
        return at->left + !is_in_set(at, words, cell);
    return at->left + (uint32_t)((cell > at->threshold) | ((cell != cell) & at->feature));
}

/* Leaves in place of the roots in `lanes`, each for a row of its own. */
static inline void walk_lanes(const Node *nodes, const uint32_t *words, uint32_t lanes[LANES], const double *const rows[LANES]) {
    uint32_t moved;
    do {
        moved = 0;
        for (int lane = 0; lane < LANES; lane++) {
            uint32_t next = next_node(nodes, words, lanes[lane], rows[lane]);
            moved |= next ^ lanes[lane];
            lanes[lane] = next;
        }
    } while (moved);
}

/* Numbers alone need no look at a node's kind. */
static void walk(const Node *nodes, const uint32_t *words, uint32_t lanes[LANES], const double *const rows[LANES]) {
    if (words == NULL)
        walk_lanes(nodes, NULL, lanes, rows);
    else
        walk_lanes(nodes, words, lanes, rows);
}

/* LightGBM's rows are sparse: what it takes for zero is zero. One NaN more, for the leaves. */
static void copy_row(const double *row, int64_t width, double *copy) {
    for (int64_t column = 0; column < width; column++)
        copy[column] = fabs(row[column]) <= ZERO ? 0.0 : row[column];
    copy[width] = NAN;
}

/* Adds up rows[count][width] into scores[count][classes]: tree t counts for class t % classes. `words` are the sets of
 * categories, NULL where there are none.
 *
 * Returns 1, or 0 where there is no memory. */
int score_rows(const Node *nodes, const uint32_t *words, const uint32_t *roots, int64_t trees, int64_t classes,
               const double *rows, int64_t count, int64_t width, double *scores) {
    int64_t stride = width + 1, block = BLOCK_VALUES / stride / LANES * LANES;
    if (block < LANES)
        block = LANES;
    double *copies = malloc((size_t)(block * stride) * sizeof(double));
    if (copies == NULL)
        return 0;
    memset(scores, 0, (size_t)(count * classes) * sizeof(double));
    for (int64_t first = 0; first < count; first += block) {
        int64_t rest = count - first < block ? count - first : block;
        for (int64_t row = 0; row < rest; row++)
            copy_row(rows + (first + row) * width, width, copies + row * stride);
        for (int64_t tree = 0; tree < trees; tree++) {
            double *output = scores + first * classes + tree % classes;
            for (int64_t row = 0; row < rest; row += LANES) {
                uint32_t lanes[LANES];
                const double *cells[LANES];
                for (int lane = 0; lane < LANES; lane++) {
                    lanes[lane] = roots[tree];
                    /* beyond the last row, that again */
                    cells[lane] = copies + (row + lane < rest ? row + lane : rest - 1) * stride;
                }
                walk(nodes, words, lanes, cells);
                for (int lane = 0; lane < LANES && row + lane < rest; lane++)
                    output[(row + lane) * classes] += nodes[lanes[lane]].output;
            }
        }
    }
    free(copies);
    return 1;
}

/* As score_rows for one row; copy[width + 1] is for its own use. */
void score_row(const Node *nodes, const uint32_t *words, const uint32_t *roots, int64_t trees, int64_t classes,
               const double *row, int64_t width, double *copy, double *scores) {
    const double *cells[LANES];
    copy_row(row, width, copy);
    for (int lane = 0; lane < LANES; lane++)
        cells[lane] = copy;
    for (int64_t class = 0; class < classes; class++)
        scores[class] = 0.0;
    int64_t class = 0;
    for (int64_t tree = 0; tree < trees; tree += LANES) {
        uint32_t lanes[LANES];
        for (int lane = 0; lane < LANES; lane++)
            lanes[lane] = roots[tree + lane < trees ? tree + lane : trees - 1];
        walk(nodes, words, lanes, cells);
        for (int lane = 0; lane < LANES && tree + lane < trees; lane++) {
            scores[class] += nodes[lanes[lane]].output;
            class = class + 1 == classes ? 0 : class + 1;
        }
    }
}

/* What an objective makes of scores, as LightGBM's ConvertOutput does. */
enum { IDENTITY, SIGMOID, EXPONENTIAL, SOFTMAX };

void transform(double *scores, int64_t count, int64_t classes, int kind, double sigmoid) {
    int64_t values = count * classes;
    if (kind == SIGMOID) {
        for (int64_t i = 0; i < values; i++)
            scores[i] = 1.0 / (1.0 + exp(-sigmoid * scores[i]));
    } else if (kind == EXPONENTIAL) {
        for (int64_t i = 0; i < values; i++)
            scores[i] = exp(scores[i]);
    } else if (kind == SOFTMAX) {
        for (int64_t row = 0; row < values; row += classes) {
            double *score = scores + row, largest = score[0], sum = 0.0;
            for (int64_t class = 1; class < classes; class++)
                largest = score[class] > largest ? score[class] : largest;
            for (int64_t class = 0; class < classes; class++)
                sum += score[class] = exp(score[class] - largest);
            for (int64_t class = 0; class < classes; class++)
                score[class] /= sum;
        }
    }
}
