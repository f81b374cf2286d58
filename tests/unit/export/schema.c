/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "schema.h"

static void check(const struct sc_json *root, const struct sc_json *schema, const struct sc_json *value);

static bool equal(const struct sc_json *a, const struct sc_json *b)
{
    if (sc_json_type(a) != sc_json_type(b))
        return false;
    return sc_json_type(a) == SC_JSON_STRING ? strcmp(sc_json_string(a), sc_json_string(b)) == 0
                                             : sc_json_number(a) == sc_json_number(b);
}

static bool has_type(const struct sc_json *value, const char *type)
{
    static const char *const names[] = {"null", "boolean", "number", "string", "array", "object"};
    int64_t whole;
    if (strcmp(type, "integer") == 0)
        return sc_json_is_int(value, &whole);
    return strcmp(names[sc_json_type(value)], type) == 0;
}

static void check_enum(const struct sc_json *list, const struct sc_json *value)
{
    for (const struct sc_json *one = sc_json_first(list); one; one = sc_json_next(one))
        if (equal(one, value))
            return;
    fail_msg("\"%s\" is none of the values", sc_json_string(value));
}

static void check_members(const struct sc_json *root, const struct sc_json *schema, const struct sc_json *value)
{
    const struct sc_json *properties = sc_json_get(schema, "properties");
    for (const struct sc_json *member = sc_json_first(value); member; member = sc_json_next(member)) {
        const struct sc_json *property = properties ? sc_json_get(properties, sc_json_key(member)) : NULL;
        if (!property && sc_json_get(schema, "additionalProperties"))
            fail_msg("there is no property \"%s\"", sc_json_key(member));
        if (property)
            check(root, property, member);
    }
}

static const struct sc_json *refer(const struct sc_json *root, const char *path)
{
    const char prefix[] = "#/$defs/";
    assert_int_equal(strncmp(path, prefix, sizeof prefix - 1), 0);
    const struct sc_json *found = sc_json_get(sc_json_get(root, "$defs"), path + sizeof prefix - 1);
    assert_non_null(found);
    return found;
}

static void check_word(const struct sc_json *root, const struct sc_json *schema, const struct sc_json *word,
                       const struct sc_json *value)
{
    const char *key = sc_json_key(word);
    if (strcmp(key, "type") == 0 && !has_type(value, sc_json_string(word)))
        fail_msg("%s is no %s", sc_json_key(value) ? sc_json_key(value) : "an item", sc_json_string(word));
    else if (strcmp(key, "const") == 0)
        assert_true(equal(word, value));
    else if (strcmp(key, "enum") == 0)
        check_enum(word, value);
    else if (strcmp(key, "minimum") == 0)
        assert_true(sc_json_number(value) >= sc_json_number(word));
    else if (strcmp(key, "$ref") == 0)
        check(root, refer(root, sc_json_string(word)), value);
    else if (strcmp(key, "required") == 0)
        for (const struct sc_json *name = sc_json_first(word); name; name = sc_json_next(name)) {
            if (!sc_json_get(value, sc_json_string(name)))
                fail_msg("\"%s\" is missing", sc_json_string(name));
        }
    else if (strcmp(key, "properties") == 0)
        check_members(root, schema, value);
    else if (strcmp(key, "items") == 0)
        for (const struct sc_json *item = sc_json_first(value); item; item = sc_json_next(item))
            check(root, word, item);
}

static void check(const struct sc_json *root, const struct sc_json *schema, const struct sc_json *value)
{
    static const char *const words[] = {
        "$schema", "$id",  "$defs",   "title",    "description", "type",       "const",
        "enum",    "$ref", "minimum", "required", "items",       "properties", "additionalProperties"};
    for (const struct sc_json *word = sc_json_first(schema); word; word = sc_json_next(word)) {
        bool known = false;
        for (size_t i = 0; i < SC_LEN(words); i++)
            known |= strcmp(words[i], sc_json_key(word)) == 0;
        if (!known)
            fail_msg("the word \"%s\" of the schema is not checked", sc_json_key(word));
        check_word(root, schema, word, value);
    }
}

void schema_check(const char *name, const struct sc_json *value)
{
    char path[512];
    struct sc_json_doc *doc;
    struct sc_error err = {0};
    snprintf(path, sizeof path, "%s/samples/schema/%s", TEST_SOURCE_DIR, name);
    if (sc_json_load(path, &doc, &err) != SC_OK)
        fail_msg("%s", err.message);
    check(sc_json_root(doc), sc_json_root(doc), value);
    sc_json_doc_free(doc);
}
