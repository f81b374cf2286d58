/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Characters, globs, slips of the keyboard, numbers for people and from people.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"

static void knows_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t length;
    } cases[] = {
        {"", 0},
        {"a", 1},
        {"\x7f", 1},
        {"\xc3\xa4", 2},         /* ä */
        {"\xdf\xbf", 2},         /* U+07FF */
        {"\xe0\xa0\x80", 3},     /* U+0800 */
        {"\xed\x9f\xbf", 3},     /* U+D7FF */
        {"\xef\xbf\xbf", 3},     /* U+FFFF */
        {"\xf0\x90\x80\x80", 4}, /* U+10000 */
        {"\xf4\x8f\xbf\xbf", 4}, /* U+10FFFF */
        {"\x80", 0},             /* a continuation alone */
        {"\xc0\x80", 0},         /* overlong NUL */
        {"\xc1\xbf", 0},
        {"\xe0\x9f\xbf", 0},     /* overlong */
        {"\xed\xa0\x80", 0},     /* a surrogate */
        {"\xf0\x8f\xbf\xbf", 0}, /* overlong */
        {"\xf4\x90\x80\x80", 0}, /* beyond U+10FFFF */
        {"\xf8\x88\x80\x80", 0},
        {"\xff", 0},
        {"\xc3", 0}, /* cut */
        {"\xe2\x82", 0},
        {"\xf0\x9f\x98", 0},
        {"\xc3(", 0},
    };
    for (size_t i = 0; i < SC_LEN(cases); i++)
        if (sc_utf8_length(cases[i].text) != cases[i].length)
            fail_msg("case %zu: %zu bytes", i, sc_utf8_length(cases[i].text));
}

static void globs_match(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"**", "abc", true},
        {"a", "a", true},
        {"a", "A", false},
        {"a*", "abc", true},
        {"*c", "abc", true},
        {"*b*", "abc", true},
        {"a*c*e", "abcde", true},
        {"a*c*e", "abcd", false},
        {"a?c", "abc", true},
        {"a?c", "ac", false},
        {"?", "", false},
        {"?", "\xc3\xa4", true},
        {"??", "\xc3\xa4", false},
        {"?", "\xa4", true}, /* no UTF-8: a character of its own */
        {"*.[qkv]", "layer.3.attn.k", true},
        {"*.[qkv]", "layer.3.attn.o", false},
        {"layer.[0-9].x", "layer.7.x", true},
        {"layer.[0-9].x", "layer.a.x", false},
        {"[!0-9]", "a", true},
        {"[!0-9]", "5", false},
        {"[^0-9]", "5", false},
        {"[]a]", "]", true},
        {"[]a]", "a", true},
        {"[!]a]", "]", false},
        {"[a-]", "-", true},
        {"[a-]", "b", false},
        {"[-a]", "-", true},
        {"[\xc3\xa4-\xc3\xb6]", "\xc3\xb5", true}, /* ä to ö holds õ */
        {"[\xc3\xa4-\xc3\xb6]", "\xc3\xa3", false},
        {"[z-a]", "m", false},
        {"[", "[", true},
        {"[ab", "[ab", true},
        {"[ab", "a", false},
        {"a[", "a[", true},
        {"[]", "[]", true},
        {"x[0]", "x0", true},
        {"x\\[0]", "x[0]", true},
        {"\\*", "*", true},
        {"\\*", "a", false},
        {"\\?\\\\", "?\\", true},
        {"\\", "\\", true},
        {"*a*b", "aabab", true},
        {"*ab", "aaab", true},
        {"*[ab]", "xxb", true},
        {"[[]", "[", true},
    };
    for (size_t i = 0; i < SC_LEN(cases); i++)
        if (sc_glob_match(cases[i].pattern, cases[i].text) != cases[i].matches)
            fail_msg("'%s' %s '%s'", cases[i].pattern, cases[i].matches ? "does not match" : "matches", cases[i].text);
}

/* Matching by trying everything: the definition. */
static bool defined_match(const char *p, const char *t)
{
    if (*p == '*')
        return defined_match(p + 1, t) || (*t && defined_match(p, t + 1));
    return *p ? *t && (*p == '?' || *p == *t) && defined_match(p + 1, t + 1) : !*t;
}

static void globs_agree_with_the_definition(void **state)
{
    (void)state;
    uint64_t seed = 7;
    int matched = 0;
    for (int i = 0; i < 20000; i++) {
        char pattern[9] = "", text[9] = "";
        for (uint64_t n = sc_random_below(&seed, 9), j = 0; j < n; j++)
            pattern[j] = "ab*?*"[sc_random_below(&seed, 5)];
        for (uint64_t n = sc_random_below(&seed, 9), j = 0; j < n; j++)
            text[j] = "ab"[sc_random_below(&seed, 2)];
        bool matches = defined_match(pattern, text);
        matched += matches;
        if (sc_glob_match(pattern, text) != matches)
            fail_msg("'%s' on '%s'", pattern, text);
    }
    assert_true(matched > 2000 && matched < 18000);
}

static void globs_do_not_blow_up(void **state)
{
    (void)state;
    enum { N = 4000 };
    static char text[N + 1], stars[2 * N + 1], brackets[N + 3];
    memset(text, 'a', N);
    for (int i = 0; i < N; i++) {
        stars[2 * i] = '*';
        stars[2 * i + 1] = 'a';
    }
    memset(brackets, '[', N);
    brackets[N] = '*';
    double start = sc_now();
    assert_true(sc_glob_match(stars, text));
    stars[2 * N - 1] = 'b';
    assert_false(sc_glob_match(stars, text));
    memset(text, '[', N);
    brackets[0] = '*';
    brackets[N] = 'b';
    assert_false(sc_glob_match(brackets, text));
    assert_true(sc_now() - start < 2);
}

static void finds_slips_of_the_keyboard(void **state)
{
    (void)state;
    static const char *const words[] = {"memory", "batch", "mesh", "microbatches", "solver"};
    static const struct {
        const char *word, *nearest;
    } cases[] = {
        {"memory", "memory"},
        {"memroy", "memory"},
        {"memry", "memory"},
        {"bacth", "batch"},
        {"mash", "mesh"},
        {"msh", "mesh"},
        {"mircobatchs", "microbatches"},
        {"solvers", "solver"},
        {"banana", NULL},
        {"", NULL},
        {"x", NULL},
        {"frequency", NULL},
    };
    for (size_t i = 0; i < SC_LEN(cases); i++) {
        const char *near = sc_nearest(cases[i].word, words, SC_LEN(words));
        if (cases[i].nearest ? !near || strcmp(near, cases[i].nearest) != 0 : near != NULL)
            fail_msg("'%s' is near '%s'", cases[i].word, near ? near : "nothing");
    }
    assert_null(sc_nearest("memory", words, 0));
    char huge[5000];
    memset(huge, 'm', sizeof huge);
    huge[sizeof huge - 1] = '\0';
    assert_null(sc_nearest(huge, words, SC_LEN(words)));
}

typedef void (*format_function)(double, char *, size_t);

static void writes_numbers_for_people(void **state)
{
    (void)state;
    static const struct {
        format_function format;
        double value;
        const char *text;
    } cases[] = {
        {sc_format_count, 0, "0"},
        {sc_format_count, 512, "512"},
        {sc_format_count, 999, "999"},
        {sc_format_count, 1000, "1.00k"},
        {sc_format_count, 999.7, "1.00k"},
        {sc_format_count, 0.25, "0.25"},
        {sc_format_count, 12345, "12.3k"},
        {sc_format_count, 1.5e9, "1.50G"},
        {sc_format_count, 999.6e6, "1.00G"},
        {sc_format_count, -2.6e9, "-2.60G"},
        {sc_format_count, 1e21, "1000E"},
        {sc_format_count, INFINITY, "inf"},
        {sc_format_count, NAN, "nan"},
        {sc_format_bytes, 0, "0 B"},
        {sc_format_bytes, 512, "512 B"},
        {sc_format_bytes, 1024, "1.00 KiB"},
        {sc_format_bytes, 1023, "1.00 KiB"},
        {sc_format_bytes, 10 * 1048576.0, "10.0 MiB"},
        {sc_format_bytes, 99.96 * 1073741824.0, "100 GiB"},
        {sc_format_bytes, -2048, "-2.00 KiB"},
        {sc_format_bytes, INFINITY, "inf"},
        {sc_format_seconds, 0, "0"},
        {sc_format_seconds, 2.31, "2.31 s"},
        {sc_format_seconds, 0.41e-3, "410 us"},
        {sc_format_seconds, 41e-3, "41.0 ms"},
        {sc_format_seconds, 0.9996, "1.00 s"},
        {sc_format_seconds, 9.996e-3, "10.0 ms"},
        {sc_format_seconds, 3e-9, "3.00 ns"},
        {sc_format_seconds, 3600, "3600 s"},
        {sc_format_seconds, -0.5, "-500 ms"},
        {sc_format_seconds, INFINITY, "inf"},
    };
    for (size_t i = 0; i < SC_LEN(cases); i++) {
        char out[40];
        cases[i].format(cases[i].value, out, sizeof out);
        if (strcmp(out, cases[i].text) != 0)
            fail_msg("%.17g is written '%s', not '%s'", cases[i].value, out, cases[i].text);
    }
    char tiny[4];
    sc_format_bytes(1e9, tiny, sizeof tiny);
    assert_int_equal(tiny[3], 0);
}

static void reads_whole_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } right[] = {
        {"0", 0},
        {"-0", 0},
        {"007", 7},
        {"42", 42},
        {"-42", -42},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
    };
    static const char *const wrong[] = {
        "",
        "-",
        "+1",
        " 1",
        "1 ",
        "1.0",
        "1e3",
        "0x10",
        "a",
        "--1",
        "9223372036854775808",
        "-9223372036854775809",
        "99999999999999999999999999",
    };
    int64_t value;
    for (size_t i = 0; i < SC_LEN(right); i++) {
        assert_true(sc_parse_int(right[i].text, &value));
        assert_true(value == right[i].value);
    }
    value = 77;
    for (size_t i = 0; i < SC_LEN(wrong); i++)
        if (sc_parse_int(wrong[i], &value))
            fail_msg("'%s' is read", wrong[i]);
    assert_int_equal(value, 77);
}

static void reads_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } right[] = {
        {"0", 0},  {"1.5", 1.5},  {"-.5", -0.5},         {".5", 0.5},
        {"2.", 2}, {"1e3", 1000}, {"-1.25E-2", -0.0125}, {"1e-400", 0},
    };
    static const char *const wrong[] = {
        "", "-", ".", "+1", " 1", "1 ", "1,5", "1e400", "-1e400", "inf", "-inf", "nan", "0x10", "1e", "1.5.5", "e5",
    };
    double value;
    for (size_t i = 0; i < SC_LEN(right); i++) {
        if (!sc_parse_double(right[i].text, &value) || value != right[i].value)
            fail_msg("'%s' is read as %.17g", right[i].text, value);
    }
    value = 77;
    for (size_t i = 0; i < SC_LEN(wrong); i++)
        if (sc_parse_double(wrong[i], &value))
            fail_msg("'%s' is read", wrong[i]);
    assert_true(value == 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_utf8),
        cmocka_unit_test(globs_match),
        cmocka_unit_test(globs_agree_with_the_definition),
        cmocka_unit_test(globs_do_not_blow_up),
        cmocka_unit_test(finds_slips_of_the_keyboard),
        cmocka_unit_test(writes_numbers_for_people),
        cmocka_unit_test(reads_whole_numbers),
        cmocka_unit_test(reads_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
