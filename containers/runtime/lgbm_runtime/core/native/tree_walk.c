/* Walk through the trees of a LightGBM model, several at a time.
 *
 * LightGBM walks through one tree for one row at a time. It spends most of its time on mispredicted branches, because
 * the processor cannot predict which child a row goes to. Here each step is arithmetic without a branch, and the
 * processor executes the steps of LANES independent walks in parallel.
 *
 * The scores are bit-identical to LightGBM's: the code makes the same comparisons and adds the leaf values in the order
 * of the trees. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "csv_numbers.h"

#define LANES 8
/* Size of a block of copied rows, as a count of numbers. A block fits into the processor's caches. */
#define BLOCK_VALUES 8192
/* LightGBM treats numbers up to this size as zero: kZeroThreshold in its meta.h. */
#define ZERO 1e-35f

/* An inner node has its children at `left` and `left + 1`. A leaf is its own left child, and its feature is the column
 * that copy_row adds to each row, which is always NaN. `feature` is four times the column's index plus these flags: */
#define NAN_GOES_RIGHT 1
#define CATEGORICAL 2

typedef struct {
    union {
        double threshold; /* a row goes to the second child if its feature is above the threshold */
        double output;    /* the value of a leaf */
        struct {          /* a row goes to the first child if the bit of its category is set in these words */
            uint32_t first_word;
            uint32_t words;
        };
    };
    uint32_t left;
    uint32_t feature;
} Node;

/* The ways to turn scores into predictions, as in LightGBM's ConvertOutput. */
enum { IDENTITY, SIGMOID, EXPONENTIAL, SOFTMAX };

/* native_code.py has the same struct. Tree t begins at nodes[roots[t]] and belongs to class t % classes. A row has
 * `width` features. `words` holds the sets of categories, or is NULL for a model without categories. `row` is the
 * buffer of predict_line, with `width` + 1 numbers. */
typedef struct {
    const Node *nodes;
    const uint32_t *words;
    const uint32_t *roots;
    double *row;
    int64_t trees;
    int64_t classes;
    int64_t width;
    int64_t kind;
    double sigmoid;
} Forest;

static int is_in_set(const Node *node, const uint32_t *words, double category) {
    /* the fraction is cut off, so a number between -1 and 1 is category 0 */
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

/* In each lane, walk from the node in `lanes` to a leaf, with the lane's own row. Store the leaf in `lanes`. */
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

/* A separate call for a model without categories lets the compiler drop the check for categorical nodes. */
static void walk(const Node *nodes, const uint32_t *words, uint32_t lanes[LANES], const double *const rows[LANES]) {
    if (words == NULL)
        walk_lanes(nodes, NULL, lanes, rows);
    else
        walk_lanes(nodes, words, lanes, rows);
}

/* Copy a row as LightGBM reads it: tiny numbers become zero. Add one NaN, which the leaves read. */
static void copy_row(const double *row, int64_t width, double *copy) {
    for (int64_t column = 0; column < width; column++)
        copy[column] = fabs(row[column]) <= ZERO ? 0.0 : row[column];
    copy[width] = NAN;
}

/* Compute scores[classes] of one row from copy_row. Each lane walks through another tree. */
static void score_row(const Forest *forest, const double *row, double *scores) {
    const double *cells[LANES];
    for (int lane = 0; lane < LANES; lane++)
        cells[lane] = row;
    memset(scores, 0, (size_t)forest->classes * sizeof(double));
    int64_t class = 0;
    for (int64_t tree = 0; tree < forest->trees; tree += LANES) {
        uint32_t lanes[LANES];
        for (int lane = 0; lane < LANES; lane++)
            lanes[lane] = forest->roots[tree + lane < forest->trees ? tree + lane : forest->trees - 1];
        walk(forest->nodes, forest->words, lanes, cells);
        for (int lane = 0; lane < LANES && tree + lane < forest->trees; lane++) {
            scores[class] += forest->nodes[lanes[lane]].output;
            class = class + 1 == forest->classes ? 0 : class + 1;
        }
    }
}

/* Compute scores[count][classes]. `count` is a multiple of LANES. copy_row has copied the rows to `copies`, `stride`
 * numbers apart. All lanes walk through the same tree, each for another row. */
static void score_groups(const Forest *forest, const double *copies, int64_t stride, int64_t count, double *scores) {
    const int64_t classes = forest->classes;
    memset(scores, 0, (size_t)(count * classes) * sizeof(double));
    for (int64_t tree = 0; tree < forest->trees; tree++) {
        double *output = scores + tree % classes;
        for (int64_t row = 0; row < count; row += LANES) {
            uint32_t lanes[LANES];
            const double *cells[LANES];
            for (int lane = 0; lane < LANES; lane++) {
                lanes[lane] = forest->roots[tree];
                cells[lane] = copies + (row + lane) * stride;
            }
            walk(forest->nodes, forest->words, lanes, cells);
            for (int lane = 0; lane < LANES; lane++)
                output[(row + lane) * classes] += forest->nodes[lanes[lane]].output;
        }
    }
}

/* Compute scores[count][classes] of rows[count][width]. Return 1, or 0 if there is not enough memory. */
int score_rows(const Forest *forest, const double *rows, int64_t count, double *scores) {
    const int64_t width = forest->width, classes = forest->classes, stride = width + 1;
    int64_t block = BLOCK_VALUES / stride / LANES * LANES;
    if (block < LANES)
        block = LANES;
    double *copies = malloc((size_t)((block < count ? block : count) * stride) * sizeof(double));
    if (copies == NULL)
        return 0;
    for (int64_t first = 0; first < count; first += block) {
        int64_t rest = count - first < block ? count - first : block;
        for (int64_t row = 0; row < rest; row++)
            copy_row(rows + (first + row) * width, width, copies + row * stride);
        int64_t grouped = rest / LANES * LANES;
        score_groups(forest, copies, stride, grouped, scores + first * classes);
        /* the remaining rows are fewer than the lanes, so score_row handles them one at a time */
        for (int64_t row = grouped; row < rest; row++)
            score_row(forest, copies + row * stride, scores + (first + row) * classes);
    }
    free(copies);
    return 1;
}

/* Replace scores[count][classes] by predictions. */
void transform(const Forest *forest, double *scores, int64_t count) {
    const int64_t classes = forest->classes, values = count * classes;
    if (forest->kind == SIGMOID) {
        for (int64_t i = 0; i < values; i++)
            scores[i] = 1.0 / (1.0 + exp(-forest->sigmoid * scores[i]));
    } else if (forest->kind == EXPONENTIAL) {
        for (int64_t i = 0; i < values; i++)
            scores[i] = exp(scores[i]);
    } else if (forest->kind == SOFTMAX) {
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

/* Compute predictions[classes] for a line of CSV. The line may end with LF or CRLF. A NUL must follow it.
 *
 * Return 1, or 0 if read_numbers cannot read the line. Only one thread may call this at a time. */
int predict_line(const Forest *forest, const char *text, int length, double *predictions) {
    if (length > 0 && text[length - 1] == '\n')
        length -= 1 + (length > 1 && text[length - 2] == '\r');
    if (!read_numbers(text, length, 1, forest->width, forest->row))
        return 0;
    copy_row(forest->row, forest->width, forest->row);
    score_row(forest, forest->row, predictions);
    transform(forest, predictions, 1);
    return 1;
}

/* Return the prediction for a line of CSV, with a model of one class. Return NaN if predict_line returns 0. */
double predict_value(const Forest *forest, const char *text, int length) {
    double prediction;
    return predict_line(forest, text, length, &prediction) ? prediction : NAN;
}
