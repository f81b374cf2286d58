/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Any bytes as JSON: refused at a place within the text, or read; then errors about its values point at their text, and
 * what is written from it reads back the same. Seeds: samples/models and tests/bad-models.
 */
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void require(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}

/* The character at a line and column, both from 1. Columns count characters. */
static char at_place(const char *text, size_t size, int line, int column)
{
    size_t i = size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    for (; i < size && line > 1; i++)
        line -= text[i] == '\n';
    for (; i < size && column > 1; column--)
        for (i++; i < size && ((unsigned char)text[i] & 0xc0) == 0x80;)
            i++;
    return i < size ? text[i] : '\0';
}

static void check_places(const struct sc_json_doc *doc, const struct sc_json *value, const char *text, size_t size,
                         int *budget)
{
    static const char *const starts[] = {"n", "tf", "-0123456789", "\"", "[", "{"};
    struct sc_error err = {0};
    if (--*budget < 0) /* each place is a walk through the whole text */
        return;
    sc_json_fail(doc, value, &err, "here");
    char found = at_place(text, size, err.line, err.column);
    require(found && strchr(starts[sc_json_type(value)], found), "an error points at its value");
    for (const struct sc_json *child = sc_json_first(value); child; child = sc_json_next(child))
        check_places(doc, child, text, size, budget);
}

enum { WRITER_DEPTH = 60 };

static void write_value(struct sc_json_writer *w, const struct sc_json *value, int depth)
{
    const char *key = depth > 0 ? sc_json_key(value) : NULL;
    switch (sc_json_type(value)) {
    case SC_JSON_NULL:
        sc_json_put_null(w, key);
        break;
    case SC_JSON_BOOL:
        sc_json_put_bool(w, key, sc_json_bool(value));
        break;
    case SC_JSON_NUMBER:
        sc_json_put_number(w, key, sc_json_number(value));
        break;
    case SC_JSON_STRING:
        sc_json_put_string(w, key, sc_json_string(value));
        break;
    case SC_JSON_ARRAY:
    case SC_JSON_OBJECT:
        if (sc_json_type(value) == SC_JSON_ARRAY)
            sc_json_open_array(w, key, depth > 3);
        else
            sc_json_open_object(w, key, depth > 3);
        for (const struct sc_json *child = sc_json_first(value); child && depth < WRITER_DEPTH;
             child = sc_json_next(child))
            write_value(w, child, depth + 1);
        sc_json_close(w);
    }
}

static bool same(const struct sc_json *a, const struct sc_json *b, int depth)
{
    if (sc_json_type(a) != sc_json_type(b) || sc_json_bool(a) != sc_json_bool(b) ||
        sc_json_number(a) != sc_json_number(b))
        return false;
    if (sc_json_string(a) && strcmp(sc_json_string(a), sc_json_string(b)) != 0)
        return false;
    if (depth >= WRITER_DEPTH)
        return true;
    const struct sc_json *x = sc_json_first(a), *y = sc_json_first(b);
    for (; x && y; x = sc_json_next(x), y = sc_json_next(y))
        if ((sc_json_key(x) && strcmp(sc_json_key(x), sc_json_key(y)) != 0) || !same(x, y, depth + 1))
            return false;
    return !x && !y;
}

static void check_round_trip(const struct sc_json *root)
{
    struct sc_str out = {0};
    struct sc_json_writer w;
    struct sc_json_doc *again = NULL;
    sc_json_begin(&w, &out);
    write_value(&w, root, 0);
    require(sc_json_parse("again", sc_str_text(&out), out.length, &again, NULL) == SC_OK,
            "what is written can be read");
    require(same(root, sc_json_root(again), 0), "what is written is the same");
    sc_json_doc_free(again);
    sc_str_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sc_json_doc *doc = NULL;
    struct sc_error err = {0};
    const char *text = (const char *)data;
    if (sc_json_parse("fuzz", text, size, &doc, &err) != SC_OK) {
        require(err.status == SC_INPUT && err.message[0] && err.line > 0 && err.column > 0, "a refusal has a place");
        require(strcmp(err.message, "not JSON that can be read here") != 0, "the parser reads all that was checked");
        return 0;
    }
    int budget = 200;
    check_places(doc, sc_json_root(doc), text, size, &budget);
    check_round_trip(sc_json_root(doc));
    sc_json_doc_free(doc);
    return 0;
}
