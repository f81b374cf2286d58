/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Globs, slips of the keyboard, numbers for people, numbers from text.
 */
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

/* One pattern element against one character; *next is set behind the element. A "[" without "]" is itself. */
static bool matches_one(const char *pattern, char c, const char **next)
{
    if (*pattern == '[') {
        const char *p = pattern + 1;
        bool negated = *p == '!' || *p == '^', found = false;
        p += negated;
        for (const char *first = p; *p && (*p != ']' || p == first); p++) {
            if (p[1] == '-' && p[2] && p[2] != ']') {
                found |= *p <= c && c <= p[2];
                p += 2;
            } else {
                found |= *p == c;
            }
        }
        if (*p == ']') {
            *next = p + 1;
            return found != negated;
        }
    }
    if (*pattern == '\\' && pattern[1])
        pattern++;
    else if (*pattern == '?') {
        *next = pattern + 1;
        return true;
    }
    *next = pattern + 1;
    return *pattern == c;
}

bool sc_glob_match(const char *pattern, const char *text)
{
    const char *star = NULL, *retry = NULL, *next;
    while (*text) {
        if (*pattern == '*') {
            star = ++pattern;
            retry = text;
        } else if (*pattern && matches_one(pattern, *text, &next)) {
            pattern = next;
            text++;
        } else if (star) {
            pattern = star;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}

enum { WORD_MAX = 64 };

/* Edit distance with transpositions of neighbours (Damerau); words longer than WORD_MAX are cut. */
static int distance(const char *a, const char *b)
{
    int rows[3][WORD_MAX + 1];
    int n = (int)strnlen(a, WORD_MAX), m = (int)strnlen(b, WORD_MAX);
    int *before = rows[0], *above = rows[1], *row = rows[2];
    for (int j = 0; j <= m; j++)
        above[j] = j;
    for (int i = 1; i <= n; i++) {
        row[0] = i;
        for (int j = 1; j <= m; j++) {
            int best = above[j - 1] + (a[i - 1] != b[j - 1]);
            best = above[j] + 1 < best ? above[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            row[j] = best;
        }
        int *freed = before;
        before = above;
        above = row;
        row = freed;
    }
    return above[m];
}

const char *sc_nearest(const char *word, const char *const *candidates, size_t count)
{
    size_t length = strlen(word);
    int best = length <= 3 ? 2 : length <= 6 ? 3 : (int)(length / 3) + 2; /* strictly below counts */
    const char *nearest = NULL;
    for (size_t i = 0; i < count; i++) {
        int d = distance(word, candidates[i]);
        if (d < best) {
            best = d;
            nearest = candidates[i];
        }
    }
    return nearest;
}

/* Three significant digits, without an exponent. */
static void three_digits(double value, const char *unit, char *out, size_t size)
{
    double magnitude = fabs(value);
    int decimals = magnitude >= 99.95 || magnitude == 0 ? 0 : magnitude >= 9.995 ? 1 : 2;
    snprintf(out, size, "%.*f%s", decimals, value, unit);
}

void sc_format_count(double value, char *out, size_t size)
{
    static const char *const units[] = {"", "k", "M", "G", "T", "P", "E"};
    size_t u = 0;
    while (fabs(value) >= 999.5 && u + 1 < SC_LEN(units)) {
        value /= 1000;
        u++;
    }
    if (u == 0 && value == floor(value))
        snprintf(out, size, "%.0f", value);
    else
        three_digits(value, units[u], out, size);
}

void sc_format_bytes(double bytes, char *out, size_t size)
{
    static const char *const units[] = {" B", " KiB", " MiB", " GiB", " TiB", " PiB"};
    size_t u = 0;
    while (fabs(bytes) >= 999.5 && u + 1 < SC_LEN(units)) {
        bytes /= 1024;
        u++;
    }
    if (u == 0)
        snprintf(out, size, "%.0f B", bytes);
    else
        three_digits(bytes, units[u], out, size);
}

void sc_format_seconds(double seconds, char *out, size_t size)
{
    double magnitude = fabs(seconds);
    if (magnitude == 0)
        snprintf(out, size, "0");
    else if (magnitude < 0.9995e-3)
        three_digits(seconds * 1e6, " us", out, size);
    else if (magnitude < 0.9995)
        three_digits(seconds * 1e3, " ms", out, size);
    else
        three_digits(seconds, " s", out, size);
}

bool sc_parse_int(const char *text, int64_t *out)
{
    char *end;
    if (!(*text == '-' || (*text >= '0' && *text <= '9')))
        return false;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || end == text || *end)
        return false;
    *out = value;
    return true;
}

bool sc_parse_double(const char *text, double *out)
{
    static locale_t c_locale;
    char *end;
    if (!(*text == '-' || *text == '.' || (*text >= '0' && *text <= '9')) || text[strcspn(text, "xXnN")])
        return false;
    if (!c_locale)
        c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    double value = strtod_l(text, &end, c_locale);
    if (end == text || *end || !isfinite(value))
        return false;
    *out = value;
    return true;
}
