/* Reads a table of numbers. The results are bit-identical to those of Python's float(). */

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "csv_numbers.h"

/* 10**22 is the largest power of ten that a double holds exactly, 10**27 the largest in a 64-bit significand. */
#define EXACT_IN_DOUBLE 22
#define EXACT_IN_64_BITS 27
#define DIGITS_IN_64_BITS 19
#define LARGEST_EXPONENT 9999

static const double POWERS[EXACT_IN_DOUBLE + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

static const long double LONG_POWERS[EXACT_IN_64_BITS + 1] = {
    1e0L,  1e1L,  1e2L,  1e3L,  1e4L,  1e5L,  1e6L,  1e7L,  1e8L,  1e9L,  1e10L, 1e11L, 1e12L, 1e13L,
    1e14L, 1e15L, 1e16L, 1e17L, 1e18L, 1e19L, 1e20L, 1e21L, 1e22L, 1e23L, 1e24L, 1e25L, 1e26L, 1e27L,
};

/* Compute digits * 10**exponent, correctly rounded. Return 0 if one division or multiplication cannot do it. */
static int scale(uint64_t digits, int exponent, double *value) {
    int power = exponent < 0 ? -exponent : exponent;
    if (digits <= UINT64_C(1) << 53 && power <= EXACT_IN_DOUBLE) {
        *value = exponent < 0 ? (double)digits / POWERS[power] : (double)digits * POWERS[power];
        return 1;
    }
    if (power > EXACT_IN_64_BITS || LDBL_MANT_DIG < 64)
        return 0;
    long double rounded = exponent < 0 ? (long double)digits / LONG_POWERS[power] : (long double)digits * LONG_POWERS[power];
    /* `rounded` has at least 64 bits and is off by at most half of its last place. If both ends of this interval give
     * the same double, that double is the correctly rounded result. */
    const long double place = 0x1p-63L;
    double low = (double)(rounded - rounded * place), high = (double)(rounded + rounded * place);
    *value = low;
    return low == high;
}

static int is_digit(char character) { return character >= '0' && character <= '9'; }

/* Count the zeros at the start of a number without a sign, on both sides of the decimal point. */
static int leading_zeros(const char *at) {
    int zeros = 0;
    for (; *at == '0' || *at == '.'; at++)
        zeros += *at == '0';
    return zeros;
}

/* Read a decimal number and return its end, as strtod does. Return NULL if there is no finite decimal number. */
static const char *read_number(const char *text, double *value) {
    const char *at = text;
    int negative = *at == '-';
    if (*at == '-' || *at == '+')
        at++;
    uint64_t digits = 0;
    int exponent = 0;
    const char *first = at;
    for (; is_digit(*at); at++)
        digits = 10 * digits + (uint64_t)(*at - '0');
    const char *end_of_digits = at;
    int count = (int)(at - first);
    if (*at == '.') {
        const char *fraction = ++at;
        for (; is_digit(*at); at++)
            digits = 10 * digits + (uint64_t)(*at - '0');
        if (at - fraction > LARGEST_EXPONENT)
            return NULL;
        exponent = -(int)(at - fraction);
        count += (int)(at - fraction);
    }
    if (count == 0 || end_of_digits - first > LARGEST_EXPONENT)
        return NULL;
    if (*at == 'e' || *at == 'E') {
        const char *sign = ++at;
        if (*at == '-' || *at == '+')
            at++;
        if (!is_digit(*at))
            return NULL;
        int power = 0;
        for (; is_digit(*at); at++)
            if (power < LARGEST_EXPONENT)
                power = 10 * power + (*at - '0');
        exponent += *sign == '-' ? -power : power;
    }
    /* count the digits instead of looking at `digits`: after an overflow it can have any value */
    int is_exact = count <= DIGITS_IN_64_BITS || count - leading_zeros(first) <= DIGITS_IN_64_BITS;
    if (!is_exact || !scale(digits, exponent, value)) {
        char *end;
        double read = strtod(text, &end);
        /* in a locale with another decimal point, strtod stops early */
        if (end != at || !isfinite(read))
            return NULL;
        *value = read;
        return at;
    }
    *value = negative ? -*value : *value;
    return at;
}

static const char *skip_blanks(const char *at) {
    while (*at == ' ' || *at == '\t')
        at++;
    return at;
}

/* Read the cell at `text` and return its end, or NULL if it is not a number. Empty, "NA", "nan" and "NaN" give NaN. */
static const char *read_cell(const char *text, double *value) {
    if (*text == ',' || *text == '\n' || *text == '\r' || *text == '\0') {
        *value = NAN;
        return text;
    }
    const char *at = skip_blanks(text);
    if (strncmp(at, "NA", 2) == 0 && strchr(" \t,\n\r", at[2]) != NULL) {
        *value = NAN;
        at += 2;
    } else if (strncmp(at, "nan", 3) == 0 || strncmp(at, "NaN", 3) == 0) {
        *value = NAN;
        at += 3;
    } else {
        at = read_number(at, value);
        if (at == NULL)
            return NULL;
    }
    return skip_blanks(at);
}

int read_numbers(const char *text, int64_t length, int64_t rows, int64_t width, double *values) {
    const char *at = text, *end = text + length;
    for (int64_t row = 0; row < rows; row++) {
        /* an empty line is ambiguous: it may be one missing cell or no row at all. The caller decides. */
        if (*at == '\n' || *at == '\r' || at == end)
            return 0;
        for (int64_t column = 0; column < width; column++) {
            at = read_cell(at, values++);
            if (at == NULL)
                return 0;
            if (column < width - 1 && *at++ != ',')
                return 0;
        }
        if (row == rows - 1)
            break;
        if (*at == '\r')
            at++;
        if (*at++ != '\n')
            return 0;
    }
    return at == end;
}
