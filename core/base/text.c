/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Characters, globs, slips of the keyboard, numbers for people.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"

size_t sc_utf8_length(const char *text)
{
    const unsigned char *u = (const unsigned char *)text;
    if (u[0] < 0x80)
        return u[0] != 0;
    size_t length = u[0] >= 0xc2 && u[0] < 0xe0 ? 2 : (u[0] & 0xf0) == 0xe0 ? 3 : u[0] >= 0xf0 && u[0] < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < length; i++)
        if ((u[i] & 0xc0) != 0x80)
            return 0;
    bool wrong = (u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] > 0x9f) || (u[0] == 0xf0 && u[1] < 0x90) ||
                 (u[0] == 0xf4 && u[1] > 0x8f);
    return wrong ? 0 : length;
}

/* The character at *text, which is not at its end; *text moves behind it. A byte that is no UTF-8 is a character of
 * its own, beyond all others. */
static uint32_t take(const char **text)
{
    const unsigned char *u = (const unsigned char *)*text;
    size_t length = sc_utf8_length(*text);
    *text += length ? length : 1;
    if (length == 0)
        return 0x110000u + u[0];
    uint32_t c = length == 1 ? u[0] : u[0] & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++)
        c = c << 6 | (u[i] & 0x3fu);
    return c;
}

/* The "]" that ends the set at `pattern`, which is at a "["; NULL when there is none. A "]" that comes first is one of
 * the set's characters. */
static const char *set_end(const char *pattern)
{
    const char *p = pattern + 1;
    p += *p == '!' || *p == '^';
    p += *p == ']';
    return strchr(p, ']');
}

static bool in_set(const char *pattern, const char *end, uint32_t c)
{
    const char *p = pattern + 1;
    bool negated = *p == '!' || *p == '^', found = false;
    for (p += negated; p < end;) {
        uint32_t low = take(&p), high = low;
        if (*p == '-' && p + 1 < end) {
            p++;
            high = take(&p);
        }
        found |= low <= c && c <= high;
    }
    return found != negated;
}

/* One element of the pattern, which is no "*", against one character; *pattern moves behind the element. A "[" without
 * its "]" is itself; none has one behind `last_close`. */
static bool matches_one(const char **pattern, uint32_t c, const char *last_close)
{
    const char *end = **pattern == '[' && *pattern < last_close ? set_end(*pattern) : NULL;
    if (end) {
        bool found = in_set(*pattern, end, c);
        *pattern = end + 1;
        return found;
    }
    if (**pattern == '?') {
        ++*pattern;
        return true;
    }
    if (**pattern == '\\' && (*pattern)[1])
        ++*pattern;
    return take(pattern) == c;
}

bool sc_glob_match(const char *pattern, const char *text)
{
    const char *star = NULL, *retry = NULL, *last_close = strrchr(pattern, ']');
    if (!last_close)
        last_close = pattern;
    while (*text) {
        const char *next = text, *element = pattern;
        if (*pattern == '*') {
            star = ++pattern;
            retry = text;
        } else if (*pattern && matches_one(&element, take(&next), last_close)) {
            pattern = element;
            text = next;
        } else if (star) { /* only the last star has to give way, so nothing is tried twice */
            take(&retry);
            pattern = star;
            text = retry;
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
    size_t length = strnlen(word, WORD_MAX);
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

/* Three significant digits, without an exponent; "inf" and "nan" without a unit. */
static void three_digits(double value, const char *unit, char *out, size_t size)
{
    double magnitude = fabs(value);
    int decimals = magnitude >= 99.95 || magnitude == 0 ? 0 : magnitude >= 9.995 ? 1 : 2;
    snprintf(out, size, "%.*f%s", decimals, value, isfinite(value) ? unit : "");
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
    else if (magnitude < 0.9995e-6)
        three_digits(seconds * 1e9, " ns", out, size);
    else if (magnitude < 0.9995e-3)
        three_digits(seconds * 1e6, " us", out, size);
    else if (magnitude < 0.9995)
        three_digits(seconds * 1e3, " ms", out, size);
    else
        three_digits(seconds, " s", out, size);
}
