/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Writing JSON: form, quoting, numbers that read back, in any locale; wrong sequences of calls.
 */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"
#include "support/faults.h"

static void writes_blocks_and_lines(void **state)
{
    (void)state;
    struct sc_str out = {0};
    struct sc_json_writer w;
    sc_json_begin(&w, &out);
    sc_json_open_object(&w, NULL, false);
    sc_json_put_int(&w, "stagecut", 1);
    sc_json_put_string(&w, "name", "x");
    sc_json_put_string(&w, "none", NULL);
    sc_json_open_array(&w, "ops", false);
    sc_json_open_object(&w, NULL, true);
    sc_json_put_bool(&w, "a", true);
    sc_json_open_array(&w, "list", false); /* within a line everything is on it */
    sc_json_put_number(&w, NULL, 0.5);
    sc_json_put_null(&w, NULL);
    sc_json_close(&w);
    sc_json_close(&w);
    sc_json_open_array(&w, NULL, false);
    sc_json_close(&w);
    sc_json_close(&w);
    sc_json_open_object(&w, "empty", false);
    sc_json_close(&w);
    sc_json_close(&w);
    assert_string_equal(sc_str_text(&out), "{\n"
                                           "  \"stagecut\": 1,\n"
                                           "  \"name\": \"x\",\n"
                                           "  \"none\": null,\n"
                                           "  \"ops\": [\n"
                                           "    {\"a\": true, \"list\": [0.5, null]},\n"
                                           "    []\n"
                                           "  ],\n"
                                           "  \"empty\": {}\n"
                                           "}");
    sc_str_free(&out);
}

static void quotes_what_has_to_be(void **state)
{
    (void)state;
    struct sc_str out = {0};
    struct sc_json_writer w;
    sc_json_begin(&w, &out);
    sc_json_put_string(&w, NULL, "a\"b\\c/\n\t\x01\x7f \xc3\xa4\xf0\x9f\x98\x80");
    assert_string_equal(sc_str_text(&out), "\"a\\\"b\\\\c/\\u000a\\u0009\\u0001\x7f \xc3\xa4\xf0\x9f\x98\x80\"");
    sc_str_clear(&out);
    sc_json_begin(&w, &out);
    sc_json_put_string(&w, NULL,
                       "\xff"
                       "a\xc3"); /* what is no UTF-8 must not make a file that nobody reads */
    assert_string_equal(sc_str_text(&out), "\"\xef\xbf\xbd"
                                           "a\xef\xbf\xbd\"");
    sc_str_free(&out);
}

static const char *number_text(double value)
{
    static struct sc_str out;
    struct sc_json_writer w;
    sc_str_clear(&out);
    sc_json_begin(&w, &out);
    sc_json_put_number(&w, NULL, value);
    static char text[64];
    snprintf(text, sizeof text, "%s", sc_str_text(&out));
    sc_str_free(&out);
    return text;
}

static void writes_short_numbers(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "0"},
        {1, "1"},
        {-17, "-17"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {1e-6, "1e-06"},
        {123456789012, "123456789012"},
        {9007199254740991, "9007199254740991"},
        {1e23, "1e+23"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {INFINITY, "null"},
        {-INFINITY, "null"},
        {NAN, "null"},
    };
    for (size_t i = 0; i < SC_LEN(cases); i++)
        assert_string_equal(number_text(cases[i].value), cases[i].text);
}

static void read_back(double value)
{
    struct sc_json_doc *doc = NULL;
    const char *text = number_text(value);
    double parsed;
    assert_int_equal(sc_json_parse("t", text, strlen(text), &doc, NULL), SC_OK);
    if (sc_json_number(sc_json_root(doc)) != value || !sc_parse_double(text, &parsed) || parsed != value)
        fail_msg("%.17g was written %s", value, text);
    sc_json_doc_free(doc);
}

static void every_number_reads_back(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = sc_random(&seed);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value)) /* of any size */
            read_back(value);
        read_back((sc_random_unit(&seed) - 0.5) * 1e4);
        read_back((double)(int64_t)sc_random_below(&seed, 1000000) / 1000);
    }
    static const double edges[] = {5e-324,  2.2250738585072014e-308, 2.2250738585072009e-308, 0x1p53, 0x1p53 + 2,
                                   0x1p1023};
    for (size_t i = 0; i < SC_LEN(edges); i++) {
        read_back(edges[i]);
        read_back(-edges[i]);
    }
}

static void whole_numbers_of_64_bits_are_written(void **state)
{
    (void)state;
    struct sc_str out = {0};
    struct sc_json_writer w;
    sc_json_begin(&w, &out);
    sc_json_open_array(&w, NULL, true);
    sc_json_put_int(&w, NULL, INT64_MIN);
    sc_json_put_int(&w, NULL, INT64_MAX);
    sc_json_close(&w);
    assert_string_equal(sc_str_text(&out), "[-9223372036854775808, 9223372036854775807]");
    sc_str_free(&out);
}

/* Under LC_NUMERIC of a language with a decimal comma, if the machine has one. */
static void numbers_do_not_depend_on_the_locale(void **state)
{
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8", "de_DE", "fr_FR"};
    const char *found = NULL;
    for (size_t i = 0; i < SC_LEN(names) && !found; i++)
        found = setlocale(LC_NUMERIC, names[i]);
    char comma[8];
    snprintf(comma, sizeof comma, "%.1f", 0.5);
    if (!found || strcmp(comma, "0,5") != 0)
        skip();
    assert_string_equal(number_text(1.5), "1.5");
    read_back(1e-7 / 3);
    double value = 0;
    assert_true(sc_parse_double("2.75", &value));
    assert_true(value == 2.75);
    assert_false(sc_parse_double("2,75", &value));
    struct sc_json_doc *doc = NULL;
    struct sc_error err = {0};
    assert_int_equal(sc_json_parse("t", "[1.5e999]", 9, &doc, &err), SC_INPUT);
    assert_int_equal(sc_json_parse("t", "[1,5]", 5, &doc, &err), SC_OK);
    assert_int_equal(sc_json_count(sc_json_root(doc)), 2);
    sc_json_doc_free(doc);
    setlocale(LC_NUMERIC, "C");
}

static void lack_of_memory_shows_at_the_end(void **state)
{
    (void)state;
    faults_begin();
    int n = 0;
    for (bool done = false; !done; n++) {
        struct sc_str out = {0};
        struct sc_json_writer w;
        faults_after(n);
        sc_json_begin(&w, &out);
        sc_json_open_array(&w, NULL, false);
        for (int i = 0; i < 100; i++)
            sc_json_put_string(&w, NULL, "some text");
        sc_json_close(&w);
        done = !faults_hit();
        assert_int_equal(out.failed, !done);
        sc_str_free(&out);
    }
    faults_end();
    assert_true(n > 3);
}

static void member_without_key(struct sc_json_writer *w)
{
    sc_json_open_object(w, NULL, false);
    sc_json_put_null(w, NULL);
}

static void item_with_key(struct sc_json_writer *w)
{
    sc_json_open_array(w, NULL, false);
    sc_json_put_int(w, "key", 1);
}

static void second_root(struct sc_json_writer *w)
{
    sc_json_put_int(w, NULL, 1);
    sc_json_put_int(w, NULL, 2);
}

static void close_nothing(struct sc_json_writer *w)
{
    sc_json_close(w);
}

static void too_deep(struct sc_json_writer *w)
{
    for (int i = 0; i < 64; i++)
        sc_json_open_array(w, NULL, true);
}

static void wrong_sequences_are_bugs(void **state)
{
    (void)state;
    void (*const wrong[])(struct sc_json_writer *) = {member_without_key, item_with_key, second_root, close_nothing,
                                                      too_deep};
    for (size_t i = 0; i < SC_LEN(wrong); i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct sc_str out = {0};
            struct sc_json_writer w;
            signal(SIGABRT, SIG_DFL);
            close(STDERR_FILENO);
            sc_json_begin(&w, &out);
            wrong[i](&w);
            _exit(0);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
            fail_msg("sequence %zu passes", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_blocks_and_lines),
        cmocka_unit_test(quotes_what_has_to_be),
        cmocka_unit_test(writes_short_numbers),
        cmocka_unit_test(every_number_reads_back),
        cmocka_unit_test(whole_numbers_of_64_bits_are_written),
        cmocka_unit_test(numbers_do_not_depend_on_the_locale),
        cmocka_unit_test(lack_of_memory_shows_at_the_end),
        cmocka_unit_test(wrong_sequences_are_bugs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
