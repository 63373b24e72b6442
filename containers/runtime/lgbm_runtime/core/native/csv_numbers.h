#include <stdint.h>

/* Reads `rows` lines of `width` cells into values[rows][width].
 *
 * The text goes on behind `length` with a line break or a NUL. Returns 1, or 0 where it is not
 * such a table: other cells, other widths, empty lines, a NUL in it. Then the values are of no use. */
int read_numbers(const char *text, int64_t length, int64_t rows, int64_t width, double *values);
