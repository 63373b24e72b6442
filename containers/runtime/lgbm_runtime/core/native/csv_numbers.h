#include <stdint.h>

/* Read `rows` lines of `width` cells into values[rows][width].
 *
 * A line break or a NUL must follow the `length` bytes. Returns 1, or 0 if the text is not such a
 * table: other cells, other widths, empty lines, a NUL in it. Then the values are undefined. */
int read_numbers(const char *text, int64_t length, int64_t rows, int64_t width, double *values);
