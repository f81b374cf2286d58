/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reading JSON: values, what is refused and where, members, speed.
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
#include <zlib.h>

#include "base/base.h"
#include "support/files.h"

static struct sc_json_doc *parse(const char *text)
{
    struct sc_json_doc *doc = NULL;
    struct sc_error err = {0};
    if (sc_json_parse("t.json", text, strlen(text), &doc, &err) != SC_OK)
        fail_msg("%s: %s", text, err.message);
    return doc;
}

static void reads_values(void **state)
{
    (void)state;
    struct sc_json_doc *doc =
        parse("\xef\xbb\xbf { \"n\": -1.5e3, \"s\": \"a\\n\\u00e4\\ud83d\\ude00/\", \"t\": true, \"f\": false,"
              "\"z\": null, \"list\": [1, [], {}], \"N\": 9007199254740991 } \n");
    const struct sc_json *root = sc_json_root(doc), *list = sc_json_get(root, "list");
    assert_string_equal(sc_json_file(doc), "t.json");
    assert_int_equal(sc_json_type(root), SC_JSON_OBJECT);
    assert_int_equal(sc_json_count(root), 7);
    assert_true(sc_json_number(sc_json_get(root, "n")) == -1500);
    assert_string_equal(sc_json_string(sc_json_get(root, "s")), "a\n\xc3\xa4\xf0\x9f\x98\x80/");
    assert_true(sc_json_bool(sc_json_get(root, "t")));
    assert_false(sc_json_bool(sc_json_get(root, "f")));
    assert_int_equal(sc_json_type(sc_json_get(root, "z")), SC_JSON_NULL);
    assert_int_equal(sc_json_type(list), SC_JSON_ARRAY);
    assert_int_equal(sc_json_count(list), 3);
    const struct sc_json *item = sc_json_first(list);
    assert_null(sc_json_key(item));
    assert_int_equal(sc_json_type(item), SC_JSON_NUMBER);
    item = sc_json_next(item);
    assert_null(sc_json_first(item));
    item = sc_json_next(item);
    assert_int_equal(sc_json_type(item), SC_JSON_OBJECT);
    assert_null(sc_json_next(item));
    assert_string_equal(sc_json_key(list), "list");
    assert_null(sc_json_get(root, "LIST")); /* case matters */
    assert_null(sc_json_get(list, "n"));
    assert_null(sc_json_get(NULL, "n"));
    /* what is asked of the wrong type */
    assert_true(sc_json_number(list) == 0);
    assert_null(sc_json_string(list));
    assert_false(sc_json_bool(list));
    assert_int_equal(sc_json_count(NULL), 0);
    assert_null(sc_json_first(NULL));
    sc_json_doc_free(doc);
    sc_json_doc_free(NULL);
}

static void scalars_are_documents(void **state)
{
    (void)state;
    struct sc_json_doc *doc = parse(" 7 ");
    assert_true(sc_json_number(sc_json_root(doc)) == 7);
    sc_json_doc_free(doc);
    doc = parse("\xef\xbb\xbf"
                "6");
    assert_true(sc_json_number(sc_json_root(doc)) == 6);
    sc_json_doc_free(doc);
    assert_string_equal(sc_json_type_name(SC_JSON_BOOL), "true or false");
    assert_string_equal(sc_json_type_name(SC_JSON_OBJECT), "an object");
}

static void whole_numbers_lose_no_unit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool whole;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"7.0", true, 7},
        {"1e3", true, 1000},
        {"-12", true, -12},
        {"9007199254740991", true, 9007199254740991},
        {"-9007199254740991", true, -9007199254740991},
        {"9007199254740992", false, 0}, /* the next one would read the same */
        {"9007199254740993", false, 0},
        {"1e300", false, 0},
        {"0.5", false, 0},
        {"\"7\"", false, 0},
        {"null", false, 0},
        {"[7]", false, 0},
    };
    for (size_t i = 0; i < SC_LEN(cases); i++) {
        struct sc_json_doc *doc = parse(cases[i].text);
        int64_t value = -77;
        if (sc_json_is_int(sc_json_root(doc), &value) != cases[i].whole)
            fail_msg("%s", cases[i].text);
        assert_true(value == (cases[i].whole ? cases[i].value : -77));
        assert_int_equal(sc_json_is_int(sc_json_root(doc), NULL), cases[i].whole);
        sc_json_doc_free(doc);
    }
    assert_false(sc_json_is_int(NULL, NULL));
}

struct refusal {
    const char *text;
    size_t size; /* 0: of the string */
    int line, column;
    const char *path, *message;
};

#define ENDS    "the text ends too early; expected "
#define NO_JSON "not JSON here; expected "

static void refuses_with_the_place(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        {"", 0, 1, 1, "", "empty"},
        {" \n ", 0, 1, 1, "", "empty"},
        {"\xef\xbb\xbf", 0, 1, 1, "", "empty"},
        {"{", 0, 1, 2, "", ENDS "a key in quotes or }"},
        {"{\n  \"a\": [1, 2", 0, 2, 13, "", ENDS "a comma or ]"},
        {"{\"a\": [1, 2\n\n", 0, 3, 1, "", ENDS "a comma or ]"},
        {"{\"a\"", 0, 1, 5, "", ENDS "a colon"},
        {"{\"a\" :", 0, 1, 7, "", ENDS "a value"},
        {"{\"a\" : 1", 0, 1, 9, "", ENDS "a comma or }"},
        {"{\"a\" : 1, ", 0, 1, 11, "", ENDS "a key in quotes"},
        {"[", 0, 1, 2, "", ENDS "a value or ]"},
        {"[1, 2}", 0, 1, 6, "", NO_JSON "a comma or ]"},
        {"[}", 0, 1, 2, "", NO_JSON "a value or ]"},
        {"{]", 0, 1, 2, "", NO_JSON "a key in quotes or }"},
        {"{\"a\": 1]", 0, 1, 8, "", NO_JSON "a comma or }"},
        {"}", 0, 1, 1, "", NO_JSON "a value"},
        {"{\"a\": 1,}", 0, 1, 9, "", NO_JSON "a key in quotes"},
        {"[1, , 2]", 0, 1, 5, "", NO_JSON "a value"},
        {"[1, ]", 0, 1, 5, "", NO_JSON "a value"},
        {"[, 1]", 0, 1, 2, "", NO_JSON "a value or ]"},
        {"[1 2]", 0, 1, 4, "", NO_JSON "a comma or ]"},
        {"{\"a\" 1}", 0, 1, 6, "", NO_JSON "a colon"},
        {"{\"a\": 1 \"b\"}", 0, 1, 9, "", NO_JSON "a comma or }"},
        {"{\"a\":: 1}", 0, 1, 6, "", NO_JSON "a value"},
        {"[1: 2]", 0, 1, 3, "", NO_JSON "a comma or ]"},
        {"{a: 1}", 0, 1, 2, "", NO_JSON "a key in quotes or }"},
        {"{1: 1}", 0, 1, 2, "", NO_JSON "a key in quotes or }"},
        {"[1] // no", 0, 1, 5, "", "text after the end"},
        {"[1]]", 0, 1, 4, "", "text after the end"},
        {"{} {}", 0, 1, 4, "", "text after the end"},
        {"tru", 0, 1, 1, "", NO_JSON "a value"},
        {"[true false]", 0, 1, 7, "", NO_JSON "a comma or ]"},
        {"[True]", 0, 1, 2, "", NO_JSON "a value or ]"},
        {"nulll", 0, 1, 5, "", "text after the end"},
        {"'a'", 0, 1, 1, "", NO_JSON "a value"},
        /* strings */
        {"[\"abc]", 0, 1, 2, "", "a string that does not end"},
        {"[\"abc\\\"]", 0, 1, 2, "", "a string that does not end"},
        {"[\"abc\\", 0, 1, 2, "", "a string that does not end"},
        {"[\"a\nb\"]", 0, 1, 4, "", "a control character or line end within a string"},
        {"[\"a\tb\"]", 0, 1, 4, "", "a control character or line end within a string"},
        {"[\"a\0b\"]", 7, 1, 4, "", "a NUL byte"},
        {"[1,\0 2]", 7, 1, 4, "", "a NUL byte"},
        {"[\"a\\u0000b\"]", 0, 1, 4, "", "a NUL character"},
        {"[\"a\\\\u0000b\\u0000\"]", 0, 1, 12, "", "a NUL character"},
        {"[\"\xc3\xa4\", \"\xff\"]", 0, 1, 8, "", "a byte that is not UTF-8"}, /* ä is one column */
        {"[\"\xed\xa0\x80\"]", 0, 1, 3, "", "a byte that is not UTF-8"},
        {"[\"\\ud800\"]", 0, 1, 3, "", "half of a pair"},
        {"[\"\\udc00\"]", 0, 1, 3, "", "half of a pair"},
        {"[\"\\ud800\\ud800\"]", 0, 1, 3, "", "half of a pair"},
        {"[\"\\ud800x\"]", 0, 1, 3, "", "half of a pair"},
        {"[\"\\u12x4\"]", 0, 1, 3, "", "not an escape"},
        {"[\"\\u12", 0, 1, 3, "", "not an escape"},
        {"[\"\\x41\"]", 0, 1, 3, "", "not an escape"},
        {"[1,\x01 2]", 0, 1, 4, "", "a control character"},
        {"[1,\f 2]", 0, 1, 4, "", "a control character"},
        /* numbers */
        {"[1, 01]", 0, 1, 5, "", "not a number as JSON writes it"},
        {"[-]", 0, 1, 2, "", "not a number as JSON writes it"},
        {"[1.]", 0, 1, 2, "", "not a number as JSON writes it"},
        {"[1e]", 0, 1, 2, "", "not a number as JSON writes it"},
        {"[1e+]", 0, 1, 2, "", "not a number as JSON writes it"},
        {"[-01]", 0, 1, 2, "", "not a number as JSON writes it"},
        {"[.5]", 0, 1, 2, "", NO_JSON "a value or ]"},
        {"[+5]", 0, 1, 2, "", NO_JSON "a value or ]"},
        {"[0x10]", 0, 1, 3, "", NO_JSON "a comma or ]"},
        {"[NaN]", 0, 1, 2, "", NO_JSON "a value or ]"},
        {"[-Infinity]", 0, 1, 2, "", "not a number as JSON writes it"},
        {"{\n\"a\":\n  1e400}", 0, 3, 3, "", "beyond what can be represented"},
        {"[-1.5E+999]", 0, 1, 2, "", "beyond what can be represented"},
        {"[1.0000000000000000000000000000000000000000000000000000000000000000]", 0, 1, 2, "",
         "more than 63 characters"},
        /* keys */
        {"{\"a\": 1, \"b\": 2,\n \"a\": 3}", 0, 2, 7, "a", "the key \"a\" stands twice"},
        {"{\"x\": [0, {\"k\": 1, \"\\u006b\": 2}]}", 0, 1, 30, "x[1].k", "the key \"k\" stands twice"},
    };
    for (size_t i = 0; i < SC_LEN(cases); i++) {
        const struct refusal *c = &cases[i];
        struct sc_json_doc *doc = NULL;
        struct sc_error err = {0};
        size_t size = c->size ? c->size : strlen(c->text);
        assert_int_equal(sc_json_parse("t.json", c->text, size, &doc, &err), SC_INPUT);
        assert_null(doc);
        assert_int_equal(err.status, SC_INPUT);
        assert_string_equal(err.file, "t.json");
        if (err.line != c->line || err.column != c->column || strcmp(err.path, c->path) != 0 ||
            !strstr(err.message, c->message))
            fail_msg("%s\n  %d:%d: %s: %s", c->text, err.line, err.column, err.path, err.message);
        assert_int_equal(sc_json_parse("t.json", c->text, size, &doc, NULL), SC_INPUT);
    }
}

static void depth_is_limited(void **state)
{
    (void)state;
    char text[402];
    memset(text, '[', 200);
    memset(text + 200, ']', 200);
    struct sc_json_doc *doc = NULL;
    struct sc_error err = {0};
    assert_int_equal(sc_json_parse("t", text, 400, &doc, &err), SC_OK);
    const struct sc_json *value = sc_json_root(doc);
    while (sc_json_first(value))
        value = sc_json_first(value);
    sc_json_fail(doc, value, &err, "the innermost");
    assert_int_equal(err.column, 200);
    assert_memory_equal(err.path, "[0][0][0]", 9);
    sc_json_doc_free(doc);
    memset(text, '[', 201);
    memset(text + 201, ']', 201);
    assert_int_equal(sc_json_parse("t", text, 402, &doc, &err), SC_INPUT);
    assert_int_equal(err.column, 201);
    assert_non_null(strstr(err.message, "deeper than the 200"));
    for (size_t n = 0; n < 1000000; n += 100001) { /* any depth at all */
        char *deep = malloc(n + 1);
        for (size_t i = 0; i < n; i++)
            deep[i] = "{[\"a:"[i % 5];
        assert_int_equal(sc_json_parse("t", deep, n, &doc, NULL), SC_INPUT);
        memset(deep, '[', n);
        assert_int_equal(sc_json_parse("t", deep, n, &doc, NULL), SC_INPUT);
        free(deep);
    }
}

/* An error about every value of a text, found by a walk of its own, names the value's own place and path. */
static void must_find(const struct sc_json_doc *doc, const struct sc_json *value, const char *place)
{
    struct sc_error err = {0};
    char found[400];
    assert_int_equal(sc_json_fail(doc, value, &err, "it is %d", 5), SC_INPUT);
    assert_string_equal(err.message, "it is 5");
    assert_int_equal(err.status, SC_INPUT);
    snprintf(found, sizeof found, "%d:%d %s", err.line, err.column, err.path);
    assert_string_equal(found, place);
}

static void errors_name_line_column_and_path(void **state)
{
    (void)state;
    struct sc_json_doc *doc = parse("\xef\xbb\xbf{\n"
                                    "  \"ops\" : [\n"
                                    "    {\"name\": \"a,]}\\\"{\", \"in\": [ ]},\n"
                                    "    {\"n\xc3\xa4me\": -1.5e-3 , \"in\":[\"x\",[true,null]]}\n"
                                    "  ],\n"
                                    "  \"last\": {}}");
    const struct sc_json *root = sc_json_root(doc), *ops = sc_json_get(root, "ops"), *a = sc_json_first(ops),
                         *b = sc_json_next(a), *in = sc_json_get(b, "in");
    must_find(doc, root, "1:1 ");
    must_find(doc, ops, "2:11 ops");
    must_find(doc, a, "3:5 ops[0]");
    must_find(doc, sc_json_get(a, "name"), "3:14 ops[0].name");
    must_find(doc, sc_json_get(a, "in"), "3:31 ops[0].in");
    must_find(doc, b, "4:5 ops[1]");
    must_find(doc, sc_json_get(b, "n\xc3\xa4me"), "4:14 ops[1].n\xc3\xa4me");
    must_find(doc, in, "4:29 ops[1].in");
    must_find(doc, sc_json_first(in), "4:30 ops[1].in[0]");
    must_find(doc, sc_json_first(sc_json_next(sc_json_first(in))), "4:35 ops[1].in[1][0]");
    must_find(doc, sc_json_next(sc_json_first(sc_json_next(sc_json_first(in)))), "4:40 ops[1].in[1][1]");
    must_find(doc, sc_json_get(root, "last"), "6:11 last");
    assert_int_equal(sc_json_fail(doc, root, NULL, "nobody listens"), SC_INPUT);
    sc_json_doc_free(doc);
}

static void unknown_members_are_refused_with_a_guess(void **state)
{
    (void)state;
    static const char *const known[] = {"name", "kind", "inputs", NULL};
    struct sc_json_doc *doc = parse("{\"name\": 1, \"kimd\": 2}");
    struct sc_error err = {0};
    assert_int_equal(sc_json_only(doc, sc_json_root(doc), known, &err), SC_INPUT);
    assert_string_equal(err.message, "unknown key \"kimd\"; did you mean \"kind\"?");
    assert_string_equal(err.path, "kimd");
    assert_int_equal(err.column, 21);
    sc_json_doc_free(doc);
    doc = parse("{\"colour\": 2}");
    assert_int_equal(sc_json_only(doc, sc_json_root(doc), known, &err), SC_INPUT);
    assert_string_equal(err.message, "unknown key \"colour\"; known here: name, kind, inputs");
    sc_json_doc_free(doc);
    doc = parse("{\"kind\": 2, \"name\": 1}");
    assert_int_equal(sc_json_only(doc, sc_json_root(doc), known, &err), SC_OK);
    sc_json_doc_free(doc);
}

static void members_have_types_and_ranges(void **state)
{
    (void)state;
    struct sc_json_doc *doc = parse("{\"i\": 5, \"x\": 0.1, \"s\": \"text\", \"b\": true, \"z\": null, \"o\": {}}");
    const struct sc_json *root = sc_json_root(doc), *value;
    struct sc_error err = {0};
    int64_t i = -1;
    double x = -1;
    const char *s = "before";
    bool b = false;
    assert_int_equal(sc_json_want_int(doc, root, "i", true, 5, 5, &i, &err), SC_OK);
    assert_int_equal(i, 5);
    assert_int_equal(sc_json_want_number(doc, root, "x", true, 0.1, 0.1, &x, &err), SC_OK);
    assert_true(x == 0.1);
    assert_int_equal(sc_json_want_string(doc, root, "s", true, &s, &err), SC_OK);
    assert_string_equal(s, "text");
    assert_int_equal(sc_json_want_bool(doc, root, "b", true, &b, &err), SC_OK);
    assert_true(b);
    assert_int_equal(sc_json_want(doc, root, "o", true, SC_JSON_OBJECT, &value, &err), SC_OK);
    assert_ptr_equal(value, sc_json_get(root, "o"));
    /* absent and not required: as before */
    i = 9, x = 9, s = "before", b = true;
    assert_int_equal(sc_json_want_int(doc, root, "no", false, 0, 1, &i, &err), SC_OK);
    assert_int_equal(sc_json_want_number(doc, root, "no", false, 0, 1, &x, &err), SC_OK);
    assert_int_equal(sc_json_want_string(doc, root, "no", false, &s, &err), SC_OK);
    assert_int_equal(sc_json_want_bool(doc, root, "no", false, &b, &err), SC_OK);
    assert_int_equal(sc_json_want(doc, root, "no", false, SC_JSON_OBJECT, &value, &err), SC_OK);
    assert_null(value);
    assert_true(i == 9 && x == 9 && b && strcmp(s, "before") == 0);
    /* wrong */
    assert_int_equal(sc_json_want_int(doc, root, "no", true, 0, 1, &i, &err), SC_INPUT);
    assert_string_equal(err.message, "\"no\" is missing; expected a number");
    assert_string_equal(err.path, "");
    assert_int_equal(sc_json_want_int(doc, root, "i", true, 6, 9, &i, &err), SC_INPUT);
    assert_string_equal(err.message, "\"i\" is 5; expected a whole number from 6 to 9");
    assert_string_equal(err.path, "i");
    assert_int_equal(sc_json_want_int(doc, root, "x", false, 0, 9, &i, &err), SC_INPUT);
    assert_string_equal(err.message, "\"x\" is 0.1; expected a whole number from 0 to 9");
    assert_int_equal(sc_json_want_int(doc, root, "s", false, 0, 9, &i, &err), SC_INPUT);
    assert_string_equal(err.message, "\"s\" is a string; expected a number");
    assert_int_equal(sc_json_want_number(doc, root, "x", true, 0.25, 1e12, &x, &err), SC_INPUT);
    assert_string_equal(err.message, "\"x\" is 0.1; expected a number from 0.25 to 1000000000000");
    assert_int_equal(sc_json_want_string(doc, root, "z", false, &s, &err), SC_INPUT);
    assert_string_equal(err.message, "\"z\" is null; expected a string");
    assert_int_equal(sc_json_want_bool(doc, root, "i", false, &b, &err), SC_INPUT);
    assert_string_equal(err.message, "\"i\" is a number; expected true or false");
    assert_int_equal(sc_json_want(doc, root, "o", true, SC_JSON_ARRAY, &value, &err), SC_INPUT);
    assert_string_equal(err.message, "\"o\" is an object; expected an array");
    assert_true(i == 9 && x == 9 && b && strcmp(s, "before") == 0);
    sc_json_doc_free(doc);
}

static void versions_have_their_own_messages(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{\"stagecut\": 1}", NULL},
        {"{\"stagecut\": 2}", "of version 2, newer than the 1"},
        {"{\"stagecut\": 0}", "is not a version"},
        {"{\"stagecut\": 1.5}", "is not a version"},
        {"{\"stagecut\": \"1\"}", "is not a version"},
        {"{\"Stagecut\": 1}", "is missing"},
        {"[]", "the file is an array"},
        {"3", "the file is a number"},
    };
    for (size_t i = 0; i < SC_LEN(cases); i++) {
        struct sc_json_doc *doc = parse(cases[i].text);
        struct sc_error err = {0};
        assert_int_equal(sc_json_version(doc, &err), cases[i].message ? SC_INPUT : SC_OK);
        if (cases[i].message && !strstr(err.message, cases[i].message))
            fail_msg("%s: %s", cases[i].text, err.message);
        sc_json_doc_free(doc);
    }
}

static void loads_files_plain_and_packed(void **state)
{
    (void)state;
    struct sc_json_doc *doc = NULL;
    struct sc_error err = {0};
    const char *path = files_write("a.json", "{\"a\": 1}", 8);
    assert_int_equal(sc_json_load(path, &doc, &err), SC_OK);
    assert_string_equal(sc_json_file(doc), path);
    sc_json_doc_free(doc);
    gzFile out = gzopen(path, "wb");
    gzputs(out, "{\"a\": [2, x]}");
    gzclose(out);
    assert_int_equal(sc_json_load(path, &doc, &err), SC_INPUT);
    assert_string_equal(err.file, path);
    assert_int_equal(err.column, 11);
    assert_int_equal(sc_json_load("/nowhere/at/all", &doc, &err), SC_IO);
}

/* A file as large as one with 10^6 ops, and one object of 10^6 members, one of them twice, at the end. */
static void a_million_is_read_in_time(void **state)
{
    (void)state;
    struct sc_str text = {0};
    struct sc_json_doc *doc = NULL;
    struct sc_error err = {0};
    sc_str_add(&text, "{\"ops\": [");
    for (int i = 0; i < 400000; i++)
        sc_str_addf(&text, "%s{\"name\": \"op%d\", \"kind\": \"relu\", \"inputs\": [\"op%d\"]}", i ? ",\n" : "", i,
                    i - 1);
    sc_str_add(&text, "]}");
    double start = sc_now();
    assert_int_equal(sc_json_parse("t", text.data, text.length, &doc, &err), SC_OK);
    const struct sc_json *last = sc_json_first(sc_json_get(sc_json_root(doc), "ops"));
    while (sc_json_next(last))
        last = sc_json_next(last);
    sc_json_fail(doc, sc_json_get(last, "kind"), &err, "wrong");
    double seconds = sc_now() - start;
    assert_string_equal(err.path, "ops[399999].kind");
    assert_int_equal(err.line, 400000);
    assert_int_equal(err.column, 30);
    print_message("%zu MB in %.2f s\n", text.length >> 20, seconds);
    assert_true(seconds < 5); /* 0.4 s without sanitizers on a machine of 2020 */
    sc_json_doc_free(doc);

    sc_str_clear(&text);
    for (int i = 0; i < 1000000; i++)
        sc_str_addf(&text, "%s\"k%d\":%d", i ? "," : "{", i < 999999 ? i : 500000, i);
    sc_str_add(&text, "}");
    start = sc_now();
    assert_int_equal(sc_json_parse("t", text.data, text.length, &doc, &err), SC_INPUT);
    seconds = sc_now() - start;
    assert_string_equal(err.message, "the key \"k500000\" stands twice in one object");
    assert_int_equal(err.column, text.length - 6);
    print_message("%zu MB in %.2f s\n", text.length >> 20, seconds);
    assert_true(seconds < 5);
    sc_str_free(&text);
}

/* Damaged texts are read or refused; and what is refused is placed within the text. */
static void damage_is_survived(void **state)
{
    (void)state;
    static const char good[] =
        "{\"a\": [1, -2.5e3, \"t\\u00e4xt\", {\"b\": null, \"c\": [true, false]}],\n \"d\": {\"e\": {}}}";
    uint64_t seed = 11;
    int refused = 0, rounds = 20000;
    for (int i = 0; i < rounds; i++) {
        char text[sizeof good];
        size_t size = sizeof good - 1;
        memcpy(text, good, sizeof good);
        for (uint64_t n = 1 + sc_random_below(&seed, 3); n > 0; n--) {
            size_t at = (size_t)sc_random_below(&seed, size);
            switch (sc_random_below(&seed, 3)) {
            case 0:
                text[at] = (char)sc_random(&seed);
                break;
            case 1:
                text[at] = "{}[]\",:0e\\"[sc_random_below(&seed, 10)];
                break;
            default:
                memmove(text + at, text + at + 1, size-- - at);
            }
        }
        struct sc_json_doc *doc = NULL;
        struct sc_error err = {0};
        enum sc_status status = sc_json_parse("t", text, size, &doc, &err);
        if (status == SC_OK) {
            sc_json_doc_free(doc);
            continue;
        }
        refused++;
        if (status != SC_INPUT || err.line < 1 || err.line > 3 || err.column < 1 || err.column > (int)sizeof good ||
            !err.message[0])
            fail_msg("%s\n  %d:%d: %s", text, err.line, err.column, err.message);
    }
    assert_true(refused > rounds / 2 && refused < rounds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_values),
        cmocka_unit_test(scalars_are_documents),
        cmocka_unit_test(whole_numbers_lose_no_unit),
        cmocka_unit_test(refuses_with_the_place),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(errors_name_line_column_and_path),
        cmocka_unit_test(unknown_members_are_refused_with_a_guess),
        cmocka_unit_test(members_have_types_and_ranges),
        cmocka_unit_test(versions_have_their_own_messages),
        cmocka_unit_test(loads_files_plain_and_packed),
        cmocka_unit_test(a_million_is_read_in_time),
        cmocka_unit_test(damage_is_survived),
    };
    return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
