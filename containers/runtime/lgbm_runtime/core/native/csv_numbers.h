#include <stdint.h>

/* Read `rows` lines of `width` cells into values[rows][width].
 *
 * A line break or a NUL must follow the `length` bytes. Returns 1. Returns 0, with undefined values, if a cell is not
 * a number, a line has another width or is empty, or the text contains a NUL. */
int read_numbers(const char *text, int64_t length, int64_t rows, int64_t width, double *values);
