/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Doubles in text, whatever the locale of the process: a program under LC_NUMERIC=de_DE reads and writes "1.5" too.
 */
#include "base/number.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void make_c_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* Puts the calling thread into the C locale; give the result to uselocale afterwards. */
static locale_t enter_c_locale(void)
{
    pthread_once(&c_locale_once, make_c_locale);
    return uselocale(c_locale);
}

double sc_number_read(const char *text, char **end)
{
    locale_t outer = enter_c_locale();
    double value = strtod(text, end);
    uselocale(outer);
    return value;
}

void sc_number_write(double value, char out[SC_NUMBER_TEXT])
{
    locale_t outer = enter_c_locale();
    if (value == floor(value) && fabs(value) < 0x1p53) {
        snprintf(out, SC_NUMBER_TEXT, "%.0f", value == 0 ? 0 : value);
    } else {
        int digits = 15;
        do
            snprintf(out, SC_NUMBER_TEXT, "%.*g", digits++, value);
        while (digits <= 17 && strtod(out, NULL) != value);
    }
    uselocale(outer);
}

bool sc_parse_int(const char *text, int64_t *out)
{
    int64_t value = 0;
    bool negative = *text == '-';
    text += negative;
    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        int digit = *text - '0';
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, negative ? -digit : digit, &value))
            return false;
    }
    *out = value;
    return true;
}

bool sc_parse_double(const char *text, double *out)
{
    char *end;
    if (!(*text == '-' || *text == '.' || (*text >= '0' && *text <= '9')) || text[strcspn(text, "xXnN")])
        return false;
    double value = sc_number_read(text, &end);
    if (end == text || *end || !isfinite(value))
        return false;
    *out = value;
    return true;
}
